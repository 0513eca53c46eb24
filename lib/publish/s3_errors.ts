/**
 * What goes wrong with an S3 server, as one line each, and whether trying again can help.
 *
 * @module
 */
import { errorText, UserError, type UserErrorOptions } from "../errors.ts";

/** The parts of a server's error that count. */
export interface ServerFailure {
  statusCode: number;
  code: string;
  region?: string;
}

/** Where it happened. */
export interface FailurePlace {
  bucket: string;
  endpoint: string;
  region: string;
}

const TRANSIENT_STATUS = [408, 429, 500, 502, 503, 504];
const TRANSIENT_CODES = ["SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"];

/** A request that got no answer in time. */
export class NoAnswer extends Error {
  constructor(readonly seconds: number) {
    super(`no answer within ${seconds} s`);
  }
}

/** The server's answer in an error of the client package; undefined for any other error. */
export function serverFailure(error: unknown): ServerFailure | undefined {
  if (!(error instanceof Error) || !("statusCode" in error) || !("code" in error)) return undefined;
  const { statusCode, code } = error;
  if (typeof statusCode !== "number" || typeof code !== "string") return undefined;
  const region = "region" in error && typeof error.region === "string" ? error.region : undefined;
  return { statusCode, code, region };
}

/** Whether the same request may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const failure = serverFailure(error);
  // No answer at all: the network, or a server that hung up.
  if (!failure) return error instanceof NoAnswer || error instanceof TypeError;
  return TRANSIENT_STATUS.includes(failure.statusCode) || TRANSIENT_CODES.includes(failure.code);
}

/** The line that people get. Nothing of the request, whose headers hold a signature, is in it. */
export function explain(error: unknown, place: FailurePlace): UserError {
  if (error instanceof UserError) return error;
  const fail = (state: string, options: UserErrorOptions = {}) =>
    new UserError(`publish to ${place.bucket}`, state, { cause: error, ...options });
  const failure = serverFailure(error);
  if (!failure) {
    const state = error instanceof NoAnswer
      ? `${place.endpoint} gave ${error.message}`
      : error instanceof TypeError
      ? `${place.endpoint} cannot be reached (${networkReason(error, place)})`
      : errorText(error);
    return fail(state, {
      hint: "what is published stays valid; the same command goes on from here",
    });
  }
  const { statusCode, code, region } = failure;
  switch (code) {
    case "InvalidAccessKeyId":
      return fail("the server does not know this access key");
    case "SignatureDoesNotMatch":
      return fail("the secret access key is wrong");
    case "InvalidToken":
      return fail("the session token is missing or wrong");
    case "ExpiredToken":
    case "TokenRefreshRequired":
      return fail("the session token has expired");
    case "RequestTimeTooSkewed":
      return fail("this machine's clock differs from the server's by more than 15 minutes", {
        hint: "set the clock, e.g. by NTP",
      });
    case "NoSuchBucket":
      return fail("there is no such bucket");
    case "AccessDenied":
      return fail("access denied", {
        hint: "it takes s3:GetObject, s3:PutObject and s3:ListBucket; --prune also s3:DeleteObject",
      });
    case "AuthorizationHeaderMalformed":
    case "PermanentRedirect":
    case "IllegalLocationConstraintException":
    case "UnexpectedRedirect":
      return fail(
        `the bucket is not in region ${place.region}${region ? `, but in ${region}` : ""}`,
        { hint: "--region NAME or AWS_REGION sets it" },
      );
    case "PreconditionFailed":
    case "ConditionalRequestConflict":
      return fail("somebody else published at the same time", {
        hint: "look at what is there, then run the same command again",
      });
  }
  if (isTransient(error)) {
    return fail(`the server is overloaded or out of order (${statusCode} ${code})`, {
      hint: "what is published stays valid; the same command goes on from here",
    });
  }
  if (statusCode === 403) return fail(`access denied (${code})`);
  return fail(`the server answered ${statusCode} ${code}`);
}

/** The innermost reason of a failed request, without its URL. */
function networkReason(error: TypeError, { endpoint }: FailurePlace): string {
  const text = errorText(error).replaceAll(endpoint, "");
  const reason = /: ([^:]*?)(?: \(os error \d+\))?$/.exec(text)?.[1] ?? text;
  // A header that can't be sent is quoted: it may be the one with the signature.
  if (/signature|credential|authorization/i.test(reason)) return "a request could not be made";
  return reason.slice(0, 200).toLowerCase();
}

/**
 * What goes wrong with an S3 server, as one line each, and whether trying again can help.
 *
 * @module
 */
import { errorText, UserError, type UserErrorOptions } from "../errors.ts";
import { networkReason } from "../network_reason.ts";
import { printable } from "../visible.ts";
import { childText, parseXml, type XmlElement, XmlError } from "./s3_xml.ts";

/** Where it happened. */
export interface FailurePlace {
  bucket: string;
  endpoint: string;
  region: string;
}

/** A refusal of the server. Its message holds what the server says, in the server's words. */
export class ServerError extends Error {
  constructor(
    readonly statusCode: number,
    /** The server's word for it, e.g. "SlowDown"; {@linkcode NO_CODE} when its answer is not S3's. */
    readonly code: string,
    /** What it says to people; "" when nothing. */
    readonly said: string = "",
    readonly more: {
      /** Where the bucket is. */
      region?: string;
      /** Where the server sends us, as a URL's origin. */
      location?: string;
    } = {},
  ) {
    super(`${statusCode} ${code}${said === "" ? "" : `: ${said}`}`);
  }
}

/** A request that got no answer in time. */
export class NoAnswer extends Error {
  constructor(readonly seconds: number) {
    super(`no answer within ${seconds} s`);
  }
}

/** An answer that is longer than it may be. */
export class LongAnswer extends Error {
  constructor(readonly maxBytes: number) {
    super(`an answer of more than ${maxBytes} bytes`);
  }
}

/** The code of an error whose body is not S3's, e.g. of a proxy, or of a HEAD, which has none. */
export const NO_CODE = "Unrecognized";

const TRANSIENT_STATUS = [408, 429, 500, 502, 503, 504];
const TRANSIENT_CODES = ["SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"];
const CODE = /^[A-Za-z][A-Za-z0-9.]{0,63}$/;
const REGION = /^[a-z0-9][a-z0-9-]{0,63}$/;
const MAX_SAID = 300;

/** The error in an answer: its status, and what its body says if that is S3's `<Error>`. */
export function readServerError(
  status: number,
  headers: Headers,
  body: string,
): ServerError {
  const error = errorIn(body);
  const textOf = (name: string) => error && childText(error, name);
  const region = [headers.get("x-amz-bucket-region"), textOf("Region")]
    .find((found) => found !== undefined && found !== null && REGION.test(found)) ?? undefined;
  const location = originOf(headers.get("location") ?? "");
  const code = textOf("Code") ?? "";
  // Words of the server: on one line, and not all of a long one.
  const said = printable((textOf("Message") ?? "").split(/\s+/).join(" ").trim(), MAX_SAID);
  return new ServerError(status, CODE.test(code) ? code : NO_CODE, said, { region, location });
}

/** Whether a body is S3's `<Error>`: some answers have status 200 and fail only while they are sent. */
export function isErrorBody(body: string): boolean {
  const error = errorIn(body);
  return error !== undefined && childText(error, "Code") !== undefined;
}

function errorIn(body: string): XmlElement | undefined {
  try {
    const root = parseXml(body);
    return root.name === "Error" ? root : undefined;
  } catch (error) {
    // A proxy's page, or a body that was cut: the status alone counts.
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

function originOf(location: string): string | undefined {
  return URL.canParse(location) ? new URL(location).origin : undefined;
}

/** Whether the same request may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  // No answer at all: the network, or a server that hung up.
  if (!(error instanceof ServerError)) {
    return error instanceof NoAnswer || error instanceof TypeError;
  }
  const { statusCode, code } = error;
  return statusCode === 200 || TRANSIENT_STATUS.includes(statusCode) ||
    TRANSIENT_CODES.includes(code);
}

const RIGHTS = "it takes s3:GetObject, s3:PutObject and s3:ListBucket; --prune also " +
  "s3:DeleteObject, --acl s3:PutObjectAcl";

/** The line that people get. Nothing of the request, whose headers hold a signature, is in it. */
export function explain(error: unknown, place: FailurePlace): UserError {
  if (error instanceof UserError) return error;
  const fail = (state: string, options: UserErrorOptions = {}) =>
    new UserError(`publish to ${place.bucket}`, state, { cause: error, ...options });
  if (!(error instanceof ServerError)) {
    return fail(withoutAnswer(error, place), {
      hint: "what is published stays valid; the same command goes on from here",
    });
  }
  const { statusCode, code, said, more: { region, location } } = error;
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
      return fail(`access denied${said === "" || said === "Access Denied" ? "" : ` (${said})`}`, {
        hint: RIGHTS,
      });
    case "AccessControlListNotSupported":
      return fail("the bucket takes no ACLs", {
        hint: "without --acl, let a policy of the bucket say who may read",
      });
    case "AuthorizationHeaderMalformed":
    case "IllegalLocationConstraintException":
      return fail(wrongRegion(place, region), { hint: REGION_HINT });
    case "PreconditionFailed":
    case "ConditionalRequestConflict":
      return fail("somebody else published at the same time", {
        hint: "look at what is there, then run the same command again",
      });
  }
  if (statusCode >= 300 && statusCode < 400) {
    if (location === undefined || (region !== undefined && region !== place.region)) {
      return fail(wrongRegion(place, region, location), { hint: REGION_HINT });
    }
    return fail(`${place.endpoint} redirects to ${location} (${statusCode})`, {
      hint: "nothing was sent there; --endpoint URL names another server to use",
    });
  }
  const words = said === "" ? "" : `: ${said}`;
  if (isTransient(error)) {
    const what = code === NO_CODE ? statusCode : `${statusCode} ${code}`;
    return fail(`the server is overloaded or out of order (${what}${words})`, {
      hint: "what is published stays valid; the same command goes on from here",
    });
  }
  if (statusCode === 403) return fail(`access denied (${code}${words})`, { hint: RIGHTS });
  return fail(`the server answered ${statusCode} ${code}${words}`);
}

const REGION_HINT = "--region NAME or AWS_REGION sets it";

function wrongRegion(place: FailurePlace, region?: string, location?: string): string {
  const where = region ? `, but in ${region}` : "";
  return `the bucket is not in region ${place.region}${where}${location ? ` (${location})` : ""}`;
}

function withoutAnswer(error: unknown, { endpoint }: FailurePlace): string {
  if (error instanceof NoAnswer || error instanceof LongAnswer) {
    return `${endpoint} gave ${error.message}`;
  }
  if (!(error instanceof TypeError)) return errorText(error);
  const reason = networkReason(error);
  // A header that can't be sent is quoted: it may be the one with the signature.
  const secret = /signature|credential|authorization/i.test(reason);
  return `${endpoint} cannot be reached (${secret ? "a request could not be made" : reason})`;
}

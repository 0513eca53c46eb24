/**
 * AWS Signature Version 4 as an S3 server checks it: header authorization, one chunk, service "s3". Judged by the examples that
 * AWS publishes ("Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk").
 *
 * Refused, as S3 does: a missing or malformed header, a scope of another day, region or service, unsigned `host` or
 * `x-amz-*` headers, a time that is more than 15 minutes off, a body that is not the signed one.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A request as it came over the wire. */
export interface WireRequest {
  method: string;
  /** Path and query as they were sent, e.g. "/bucket/a%20b?list-type=2". */
  target: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

/** Who may sign. */
export interface Credentials {
  accessKey: string;
  secretKey: string;
  sessionToken?: string;
}

/** What {@linkcode checkSignature} compares with. */
export interface SignatureRules {
  credentials: readonly Credentials[];
  region: string;
  now: Date;
}

/** A refusal as S3 words it. */
export class S3Refusal extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** How far a client's clock may be off. */
export const MAX_SKEW_MS = 15 * 60_000;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/([^/,\s]+),\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$/;
const TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Checks who signed a request. @throws {S3Refusal} */
export function checkSignature(request: WireRequest, rules: SignatureRules): Credentials {
  const { headers } = request;
  const authorization = headers["authorization"];
  if (authorization === undefined) throw new S3Refusal(403, "AccessDenied", "Access Denied");
  const match = AUTHORIZATION.exec(authorization);
  if (!match) throw malformed("The authorization header is malformed");
  const [, accessKey, day, region, service, end, signedNames, signature] =
    match as unknown as string[];
  if (region !== rules.region) {
    throw malformed(`The region '${region}' is wrong; expecting '${rules.region}'`);
  }
  if (service !== "s3" || end !== "aws4_request") throw malformed("Incorrect service or end");
  const who = rules.credentials.find((one) => one.accessKey === accessKey);
  if (!who) {
    throw new S3Refusal(
      403,
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    );
  }
  const stamp = headers["x-amz-date"] ?? "";
  const time = TIME.exec(stamp);
  if (!time || !stamp.startsWith(day!)) throw malformed("x-amz-date is missing or of another day");
  const [, ...parts] = time;
  const [year, month, date, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const at = Date.UTC(year, month - 1, date, hour, minute, second);
  if (Math.abs(at - rules.now.getTime()) > MAX_SKEW_MS) {
    throw new S3Refusal(
      403,
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
    );
  }
  const names = signedNames!.split(";");
  const unsorted = names.join() !== names.toSorted().join();
  const unsigned = Object.keys(headers).filter((name) =>
    (name === "host" || name.startsWith("x-amz-")) && !names.includes(name)
  );
  if (unsorted || unsigned.length > 0 || !names.includes("host")) {
    throw new S3Refusal(
      403,
      "AccessDenied",
      `There were headers present in the request which were not signed: ${unsigned}`,
    );
  }
  const declared = headers["x-amz-content-sha256"];
  if (declared === undefined) {
    throw new S3Refusal(400, "InvalidRequest", "Missing required header x-amz-content-sha256");
  }
  const expected = signatureOf(request, {
    names,
    stamp,
    scope: [day!, region!, service!, end!],
    secretKey: who.secretKey,
  });
  if (!timingSafeEqual(new TextEncoder().encode(expected), new TextEncoder().encode(signature))) {
    throw new S3Refusal(
      403,
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided.",
    );
  }
  if (declared !== createHash("sha256").update(request.body).digest("hex")) {
    throw new S3Refusal(
      400,
      "XAmzContentSHA256Mismatch",
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  if (who.sessionToken !== headers["x-amz-security-token"]) {
    throw new S3Refusal(
      400,
      "InvalidToken",
      "The provided token is malformed or otherwise invalid.",
    );
  }
  return who;
}

/** The canonical request, whose hash is signed. */
export function canonicalRequest(request: WireRequest, names: readonly string[]): string {
  const [path = "", query = ""] = request.target.split("?", 2);
  const canonicalQuery = query.split("&").filter(Boolean).map((pair) => {
    const [key = "", value = ""] = pair.split("=", 2);
    return `${encode(decodeURIComponent(key))}=${encode(decodeURIComponent(value))}`;
  }).sort().join("&");
  return [
    request.method,
    path.split("/").map((part) => encode(decodeURIComponent(part))).join("/"),
    canonicalQuery,
    ...names.map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    request.headers["x-amz-content-sha256"] ?? "",
  ].join("\n");
}

function signatureOf(
  request: WireRequest,
  { names, stamp, scope, secretKey }: {
    names: readonly string[];
    stamp: string;
    scope: readonly string[];
    secretKey: string;
  },
): string {
  const hash = createHash("sha256").update(canonicalRequest(request, names)).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope.join("/"), hash].join("\n");
  const key = scope.reduce<Uint8Array>(
    (key, part) => createHmac("sha256", key).update(part).digest(),
    new TextEncoder().encode(`AWS4${secretKey}`),
  );
  return createHmac("sha256", key).update(toSign).digest("hex");
}

/** Percent-encoding as AWS wants it: all but unreserved characters. */
function encode(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function malformed(message: string): S3Refusal {
  return new S3Refusal(400, "AuthorizationHeaderMalformed", message);
}

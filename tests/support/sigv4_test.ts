import { assertEquals, assertThrows } from "@std/assert";
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import {
  canonicalRequest,
  checkSignature,
  S3Refusal,
  type SignatureRules,
  type WireRequest,
} from "./sigv4.ts";

/** The published examples share key, time, region and bucket. */
const RULES: SignatureRules = {
  credentials: [{
    accessKey: "AKIAIOSFODNN7EXAMPLE",
    secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  }],
  region: "us-east-1",
  now: new Date("2013-05-24T00:00:00Z"),
};
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

interface Example {
  name: string;
  method: string;
  target: string;
  /** Signed beside host, x-amz-date and x-amz-content-sha256. */
  headers?: Record<string, string>;
  body?: string;
  signature: string;
  /** SHA-256 of the canonical request, where it is published. */
  canonical?: string;
}

const EXAMPLES: Example[] = [
  {
    name: "GET object",
    method: "GET",
    target: "/test.txt",
    headers: { range: "bytes=0-9" },
    canonical: "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    name: "PUT object",
    method: "PUT",
    target: "/test$file.text",
    headers: {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
    },
    body: "Welcome to Amazon S3.",
    canonical: "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    name: "GET bucket lifecycle",
    method: "GET",
    target: "/?lifecycle",
    canonical: "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    name: "GET bucket (list objects)",
    method: "GET",
    target: "/?max-keys=2&prefix=J",
    canonical: "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
];

function request(example: Example): WireRequest {
  const body = utf8(example.body ?? "");
  const headers: Record<string, string> = {
    host: "examplebucket.s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": example.body === undefined ? NOTHING : sha256Hex(body),
    ...example.headers,
  };
  const names = Object.keys(headers).sort();
  headers["authorization"] =
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
    `SignedHeaders=${names.join(";")},Signature=${example.signature}`;
  return { method: example.method, target: example.target, headers, body };
}

for (const example of EXAMPLES) {
  Deno.test(`checkSignature() accepts AWS's published example: ${example.name}`, () => {
    const sent = request(example);
    assertEquals(checkSignature(sent, RULES), RULES.credentials[0]);
    const names = Object.keys(sent.headers).filter((name) => name !== "authorization").sort();
    assertEquals(sha256Hex(utf8(canonicalRequest(sent, names))), example.canonical);
  });
}

const SOUND = request(EXAMPLES[1]!);
const SIGNATURE = EXAMPLES[1]!.signature;
const withHeader = (name: string, value: string): WireRequest => ({
  ...SOUND,
  headers: { ...SOUND.headers, [name]: value },
});
const authorization = (from: string, to: string) =>
  withHeader("authorization", SOUND.headers["authorization"]!.replace(from, to));
const without = (name: string): WireRequest => ({
  ...SOUND,
  headers: Object.fromEntries(Object.entries(SOUND.headers).filter(([key]) => key !== name)),
});

const REFUSED: [string, string, WireRequest, Partial<SignatureRules>?][] = [
  ["nobody's request", "AccessDenied", without("authorization")],
  ["an unknown key", "InvalidAccessKeyId", authorization("AKIAIOSF", "AKIAIOSX")],
  [
    "a signature with one digit changed",
    "SignatureDoesNotMatch",
    authorization(SIGNATURE, SIGNATURE.replace(/d$/, "c")),
  ],
  ["another method", "SignatureDoesNotMatch", { ...SOUND, method: "DELETE" }],
  ["another path", "SignatureDoesNotMatch", { ...SOUND, target: "/test" }],
  ["another query", "SignatureDoesNotMatch", { ...SOUND, target: `${SOUND.target}?acl` }],
  ["a signed header that was changed", "SignatureDoesNotMatch", withHeader("date", "today")],
  ["another body", "XAmzContentSHA256Mismatch", { ...SOUND, body: utf8("Welcome to Amazon S4.") }],
  ["another declared body", "SignatureDoesNotMatch", withHeader("x-amz-content-sha256", NOTHING)],
  [
    "a header of Amazon's that is not signed",
    "AccessDenied",
    withHeader("x-amz-acl", "public-read"),
  ],
  ["an unsigned host", "AccessDenied", authorization("date;host;", "date;")],
  ["another region", "AuthorizationHeaderMalformed", SOUND, { region: "eu-central-1" }],
  ["another service", "AuthorizationHeaderMalformed", authorization("/s3/", "/ec2/")],
  [
    "another day in the scope",
    "AuthorizationHeaderMalformed",
    authorization("20130524", "20130525"),
  ],
  ["another wrapping", "AuthorizationHeaderMalformed", authorization("AWS4-HMAC", "AWS5-HMAC")],
  ["no time", "AuthorizationHeaderMalformed", without("x-amz-date")],
  ["no hash of the body", "InvalidRequest", without("x-amz-content-sha256")],
  ["a clock 15 minutes and a second behind", "RequestTimeTooSkewed", SOUND, {
    now: new Date("2013-05-24T00:15:01Z"),
  }],
  ["a clock 15 minutes and a second ahead", "RequestTimeTooSkewed", SOUND, {
    now: new Date("2013-05-23T23:44:59Z"),
  }],
  ["another secret", "SignatureDoesNotMatch", SOUND, {
    credentials: [{ ...RULES.credentials[0]!, secretKey: "another" }],
  }],
  ["a temporary key without its token", "InvalidToken", SOUND, {
    credentials: [{ ...RULES.credentials[0]!, sessionToken: "token" }],
  }],
];

for (const [name, code, sent, rules] of REFUSED) {
  Deno.test(`checkSignature() refuses ${name}`, () => {
    const refusal = assertThrows(() => checkSignature(sent, { ...RULES, ...rules }), S3Refusal);
    assertEquals(refusal.code, code);
  });
}

Deno.test("checkSignature() takes a clock that is 15 minutes off", () => {
  checkSignature(SOUND, { ...RULES, now: new Date("2013-05-24T00:15:00Z") });
  checkSignature(SOUND, { ...RULES, now: new Date("2013-05-23T23:45:00Z") });
});

import { assert, assertEquals } from "@std/assert";
import { S3Errors } from "@bradenmacdonald/s3-lite-client";
import { UserError } from "../../../lib/errors.ts";
import { explain, isTransient, NoAnswer } from "../../../lib/publish/s3_errors.ts";

const PLACE = { bucket: "s3://fleet", endpoint: "https://s3.example.net", region: "eu-west-1" };
const server = (status: number, code: string, region?: string) =>
  new S3Errors.ServerError(status, code, "what the server says MARKED", { region });

const CASES: [unknown, boolean, string][] = [
  [server(503, "SlowDown"), true, "the server is overloaded or out of order (503 SlowDown)"],
  [server(500, "InternalError"), true, "overloaded or out of order (500 InternalError)"],
  [server(400, "RequestTimeout"), true, "overloaded or out of order (400 RequestTimeout)"],
  [server(429, "TooManyRequests"), true, "overloaded or out of order (429"],
  [server(403, "SignatureDoesNotMatch"), false, "the secret access key is wrong"],
  [server(403, "InvalidAccessKeyId"), false, "the server does not know this access key"],
  [server(400, "ExpiredToken"), false, "the session token has expired"],
  [server(400, "InvalidToken"), false, "the session token is missing or wrong"],
  [server(403, "RequestTimeTooSkewed"), false, "this machine's clock differs"],
  [server(404, "NoSuchBucket"), false, "there is no such bucket"],
  [server(403, "AccessDenied"), false, "access denied"],
  [server(403, "UnrecognizedError"), false, "access denied (UnrecognizedError)"],
  [
    server(400, "AuthorizationHeaderMalformed", "us-east-2"),
    false,
    "the bucket is not in region eu-west-1, but in us-east-2",
  ],
  [server(301, "UnexpectedRedirect"), false, "the bucket is not in region eu-west-1"],
  [server(412, "PreconditionFailed"), false, "somebody else published at the same time"],
  [server(409, "ConditionalRequestConflict"), false, "somebody else published"],
  [server(418, "ImATeapot"), false, "the server answered 418 ImATeapot"],
  [new NoAnswer(30), true, "https://s3.example.net gave no answer within 30 s"],
  [
    new TypeError(
      "error sending request for url (https://s3.example.net/x): client error (Connect): tcp connect error: Connection refused (os error 111)",
    ),
    true,
    "https://s3.example.net cannot be reached (connection refused)",
  ],
];

for (const [error, transient, says] of CASES) {
  Deno.test(`explain() says: ${says}`, () => {
    assertEquals(isTransient(error), transient);
    const { message, hint = "", cause } = explain(error, PLACE);
    assert(message.startsWith("Cannot publish to s3://fleet: "), message);
    assert(message.includes(says), message);
    assert(!/MARKED|\n/.test(message + hint) && cause === error);
  });
}

Deno.test("explain() leaves what is explained as it is", () => {
  const error = new UserError("do it", "not now");
  assertEquals(explain(error, PLACE), error);
});

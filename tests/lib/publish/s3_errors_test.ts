import { assert, assertEquals } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import {
  explain,
  isTransient,
  LongAnswer,
  NO_CODE,
  NoAnswer,
  readServerError,
  ServerError,
} from "../../../lib/publish/s3_errors.ts";

const PLACE = { bucket: "s3://fleet", endpoint: "https://s3.example.net", region: "eu-west-1" };
const server = (status: number, code: string, said = "", more: ServerError["more"] = {}) =>
  new ServerError(status, code, said, more);

const CASES: [unknown, boolean, string][] = [
  [server(503, "SlowDown"), true, "the server is overloaded or out of order (503 SlowDown)"],
  [
    server(500, "InternalError", "Try again."),
    true,
    "out of order (500 InternalError: Try again.)",
  ],
  [server(502, NO_CODE), true, "overloaded or out of order (502)"],
  [server(400, "RequestTimeout"), true, "overloaded or out of order (400 RequestTimeout)"],
  [server(429, "TooManyRequests"), true, "overloaded or out of order (429"],
  [server(200, "InternalError"), true, "overloaded or out of order (200 InternalError)"],
  [server(403, "SignatureDoesNotMatch", "MARKED"), false, "the secret access key is wrong"],
  [server(403, "InvalidAccessKeyId", "MARKED"), false, "the server does not know this access key"],
  [server(400, "ExpiredToken"), false, "the session token has expired"],
  [server(400, "InvalidToken"), false, "the session token is missing or wrong"],
  [server(403, "RequestTimeTooSkewed"), false, "this machine's clock differs"],
  [server(404, "NoSuchBucket"), false, "there is no such bucket"],
  [server(403, "AccessDenied", "Access Denied"), false, "access denied"],
  [
    server(403, "AccessDenied", "User ann may not s3:PutObject"),
    false,
    "access denied (User ann may not s3:PutObject)",
  ],
  [server(403, NO_CODE), false, "access denied (Unrecognized)"],
  [
    server(400, "InvalidRequest", "Content-MD5 is required"),
    false,
    "the server answered 400 InvalidRequest: Content-MD5 is required",
  ],
  [server(400, "AccessControlListNotSupported"), false, "the bucket takes no ACLs"],
  [
    server(400, "AuthorizationHeaderMalformed", "MARKED", { region: "us-east-2" }),
    false,
    "the bucket is not in region eu-west-1, but in us-east-2",
  ],
  [server(301, NO_CODE), false, "the bucket is not in region eu-west-1"],
  [
    server(301, "PermanentRedirect", "", { region: "us-east-2", location: "https://b.example" }),
    false,
    "the bucket is not in region eu-west-1, but in us-east-2 (https://b.example)",
  ],
  [
    server(307, "TemporaryRedirect", "", { location: "https://elsewhere.example" }),
    false,
    "https://s3.example.net redirects to https://elsewhere.example (307)",
  ],
  [server(412, "PreconditionFailed"), false, "somebody else published at the same time"],
  [server(409, "ConditionalRequestConflict"), false, "somebody else published"],
  [server(418, "ImATeapot"), false, "the server answered 418 ImATeapot"],
  [new NoAnswer(30), true, "https://s3.example.net gave no answer within 30 s"],
  [new LongAnswer(9), false, "https://s3.example.net gave an answer of more than 9 bytes"],
  [
    new TypeError("fetch failed", {
      cause: new Error(
        "error sending request for url (https://s3.example.net/x): client error (Connect): tcp connect error: Connection refused (os error 111)",
      ),
    }),
    true,
    "https://s3.example.net cannot be reached (Connection refused)",
  ],
  [
    new TypeError("header authorization: AWS4 Credential=MARKED is no value"),
    true,
    "cannot be reached (a request could not be made)",
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

const read = (body: string, headers: Record<string, string> = {}) =>
  readServerError(400, new Headers(headers), body);

Deno.test("readServerError() takes code, message and region from S3's XML, in bounds", () => {
  const { code, said, more } = read(
    "<Error><Code>Odd</Code><Message>two\n lines &amp; &#x1b;[2J</Message><Region>eu-x-1</Region></Error>",
  );
  assertEquals([code, said, more.region], ["Odd", "two lines & ?[2J", "eu-x-1"]);
  assertEquals(read(`<Error><Message>${"x".repeat(5000)}</Message></Error>`).said.length, 300);
});

Deno.test("readServerError() believes nothing that is no code, region or address", () => {
  const odd = read(
    "<Error><Code>\x1b[2J</Code><Region>a b</Region></Error>",
    { "x-amz-bucket-region": "\u009b2J", location: "::" },
  );
  assertEquals([odd.code, odd.more], [NO_CODE, { region: undefined, location: undefined }]);
  for (const page of ["", "<html>", "<html><Code>X</Code></html>", "{}"]) {
    assertEquals([read(page).code, read(page).said], [NO_CODE, ""]);
  }
  const { more } = read("", {
    "x-amz-bucket-region": "us-west-2",
    location: "https://b.example/a?secret=1",
  });
  assertEquals(more, { region: "us-west-2", location: "https://b.example" });
});

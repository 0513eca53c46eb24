import { assertEquals, assertThrows } from "@std/assert";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { parseTarget, type TargetName } from "../../../lib/publish/parse_target.ts";

const NAMES: [string, TargetName][] = [
  ["s3://fleet-site", { kind: "s3", bucket: "fleet-site", prefix: "" }],
  ["s3://fleet.example.org/", { kind: "s3", bucket: "fleet.example.org", prefix: "" }],
  ["s3://abc/one/two_2/", { kind: "s3", bucket: "abc", prefix: "one/two_2" }],
  ["file:out", { kind: "file", dir: "out" }],
  ["file:/srv/www/", { kind: "file", dir: "/srv/www" }],
  ["file:///srv/www", { kind: "file", dir: "/srv/www" }],
  ["file://localhost/srv/", { kind: "file", dir: "/srv" }],
  ["file:///", { kind: "file", dir: "/" }],
  ["s3://a.b-c.d", { kind: "s3", bucket: "a.b-c.d", prefix: "" }],
  ["s3://192.168.0.1.example", { kind: "s3", bucket: "192.168.0.1.example", prefix: "" }],
  ["file:/", { kind: "file", dir: "/" }],
  ["file:~", { kind: "file", dir: "/home/ann" }],
  ["file:~/www/", { kind: "file", dir: "/home/ann/www" }],
  ["file:./~/www", { kind: "file", dir: "./~/www" }],
];

for (const [given, expected] of NAMES) {
  Deno.test(`parseTarget() reads ${given}`, () => {
    assertEquals(parseTarget(given, "/home/ann"), expected);
  });
}

const WRONG = [
  "",
  "fleet",
  "s3:fleet",
  "s3://",
  "s3://ab",
  "s3://Fleet",
  "s3://user:pw@fleet",
  "s3://a..b",
  "s3://a.-b",
  "s3://a-.b",
  "s3://-ab",
  "s3://ab.",
  "s3://192.168.0.1",
  `s3://${"a".repeat(64)}`,
  "s3://abc//x",
  "s3://abc/../x",
  "s3://abc/a b",
  "s3://abc/?x",
  "file:",
  "file://",
  "file://localhost",
  "file://www",
  "file://www/site",
  "file://~/www",
  "file:~bob/www",
  "file:~x",
  "https://fleet.s3.amazonaws.com/",
];

for (const given of WRONG) {
  Deno.test(`parseTarget() refuses "${given}"`, () => {
    const error = assertThrows(() => parseTarget(given, "/home/ann"), UserError);
    assertEquals(error.exitCode, EXIT.usage);
  });
}

Deno.test("parseTarget() says what to write instead of a file on a host", () => {
  const error = assertThrows(() => parseTarget("file://www"), UserError, "the name of a host");
  assertEquals(
    error.hint,
    "file:DIR is a directory below the current one, file:/DIR one from the root",
  );
});

Deno.test("parseTarget() repeats no password", () => {
  for (const given of ["s3://user:pass/word@fleet", "https://user:pass/word@host/"]) {
    const error = assertThrows(() => parseTarget(given), UserError);
    assertEquals(/user|pass|word/.test(error.message), false, error.message);
  }
});

Deno.test("parseTarget() makes no directory of the name ~ where nobody has a home", () => {
  for (const home of [undefined, ""]) {
    assertThrows(() => parseTarget("file:~/www", home), UserError, "only your own ~ is known");
  }
});

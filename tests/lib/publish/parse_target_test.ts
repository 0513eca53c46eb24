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
  "s3://abc//x",
  "s3://abc/../x",
  "s3://abc/a b",
  "s3://abc/?x",
  "file:",
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

Deno.test("parseTarget() makes no directory of the name ~ where nobody has a home", () => {
  for (const home of [undefined, ""]) {
    assertThrows(() => parseTarget("file:~/www", home), UserError, "only your own ~ is known");
  }
});

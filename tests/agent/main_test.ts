import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../agent/main.ts";
import { isFull, troubleOf } from "../../agent/report/problem.ts";
import { formatStatus, parseStatus } from "../../lib/documents/status.ts";
import { describeStatus, problemOf } from "../../agent/report/status.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import { exampleStatus } from "../support/status.ts";
import { World } from "./world.ts";

const options = { signal: new AbortController().signal, pid: 1 };

Deno.test("main() refuses what it does not know and has no status before the first", async () => {
  const world = new World();
  assertEquals(await main([], world, options), EXIT.usage);
  assertEquals(await main(["reboot"], world, options), EXIT.usage);
  assertEquals(await main(["status", "now"], world, options), EXIT.usage);
  assertEquals(await main(["status"], world, options), EXIT.failed);
  assertEquals(await main(["--version"], world, options), EXIT.ok);
});

Deno.test("describeStatus() is a line per fact", () => {
  const status = exampleStatus({
    phase: "degraded",
    source: "last-good",
    serial: 42,
    problem: { check: "expired", message: "Cannot accept x", since: "then", attempts: 3 },
  });
  const text = describeStatus(status);
  assertStringIncludes(text, "documents  serial 42 from the identity drive (last good)");
  assertStringIncludes(text, "problem    Cannot accept x (expired)");
});

Deno.test("describeStatus() tells a URL that is behind from one that is dead, and from one that is refused", () => {
  const lagging = [
    { url: "http://a/", how: "behind", reason: "it is at serial 42, another URL at 43" },
    { url: "http://b/", how: "unreachable", reason: "Cannot get it: Connection refused" },
    { url: "http://c/", how: "refused", reason: "Cannot accept it: its signature is wrong" },
    // As an earlier agent and a later one may leave it in the status file.
    { url: "http://d/", reason: "some reason" },
    { url: "http://e/", how: "asleep", reason: "some reason" },
  ];
  const text = describeStatus(parseStatus(formatStatus(exampleStatus({ lagging }))));
  assertEquals(text.split("\n").filter((line) => line.startsWith("mirror")), [
    "mirror     http://a/ lags behind: it is at serial 42, another URL at 43",
    "mirror     http://b/ can't be read: Cannot get it: Connection refused",
    "mirror     http://c/ gives what is refused: Cannot accept it: its signature is wrong",
    "mirror     http://d/ does not give what another URL gives: some reason",
    "mirror     http://e/ does not give what another URL gives: some reason",
  ]);
});

Deno.test("problemOf() counts the same problem on", () => {
  const trouble = { check: "hash", message: "m", document: "d", refused: true };
  const now = new Date("2026-11-22T20:00:00Z");
  const first = problemOf(trouble, undefined, now);
  const second = problemOf({ ...trouble, message: "n" }, first, new Date("2027-01-01T00:00:00Z"));
  assertEquals([second.since, second.attempts, second.message], [first.since, 2, "n"]);
  assertEquals(problemOf({ ...trouble, check: "key" }, second, now).attempts, 1);
});

Deno.test("troubleOf() is one line for anything, and knows a full disk", () => {
  const full = new Error("No space left on device (os error 28): writefile '/x'");
  assert(isFull(new Error("outer", { cause: full })));
  assertEquals(troubleOf(full, "apply").check, "full");
  const odd = troubleOf(new TypeError("a\n  b"), "apply");
  assertEquals(odd.message, "Unexpected failure: a b");
  const loud = new UserError("read x", `\u001b[31m\u202e${"A".repeat(1e6)}`);
  const { message } = troubleOf(loud, "site");
  assertMatch(message, /^Cannot read x: \?\[31m\?A+…$/);
  assertEquals(message.length, 1000);
});

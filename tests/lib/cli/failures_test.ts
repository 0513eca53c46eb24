import { assertEquals } from "@std/assert";
import type { Console } from "../../../lib/cli/console.ts";
import { UsageError, withFailures } from "../../../lib/cli/failures.ts";
import { EXIT, type ExitCode, RefusedError, UserError } from "../../../lib/errors.ts";

/** Exit code and lines of a program that does `body`. */
async function run(body: () => Promise<ExitCode | void>, debug = false) {
  const lines: string[] = [];
  const console: Console = {
    out: (line) => lines.push(`out ${line}`),
    err: (line) => lines.push(line),
  };
  return [await withFailures({ name: "deno task x", console, debug }, body), ...lines];
}

const failing = (error: Error) => run(() => Promise.reject(error));

Deno.test("withFailures() tells what could not be done, with a hint and an exit code of its own", async () => {
  assertEquals(await failing(new UserError("go", "it is late", { hint: "wait" })), [
    EXIT.failed,
    "Cannot go: it is late",
    "  wait",
  ]);
  assertEquals(await failing(new RefusedError("key", "trust it", "it is signed by nobody")), [
    EXIT.refused,
    "Cannot trust it: it is signed by nobody",
  ]);
});

Deno.test("withFailures() says where the help is to whom the command line was wrong", async () => {
  assertEquals(await failing(new UsageError("--a and --b exclude each other")), [
    EXIT.usage,
    "Cannot read the command line: --a and --b exclude each other",
    "  deno task x --help shows what it takes",
  ]);
});

Deno.test("withFailures() calls what the system refuses no defect, and everything unknown one", async () => {
  const denied = new Deno.errors.PermissionDenied("Permission denied (os error 13): open 'a'");
  assertEquals(await failing(Object.assign(denied, { code: "EACCES" })), [
    EXIT.failed,
    "Cannot open a: permission denied",
    "  see who owns it and the folders above it, and their modes",
  ]);
  assertEquals(await failing(new TypeError("x is not a function")), [
    EXIT.failed,
    "Unexpected failure: x is not a function",
    "  This is a defect in psyopsOS; --debug shows where.",
  ]);
});

Deno.test("withFailures() shows the stack with --debug only, and leaves what went well alone", async () => {
  const error = new TypeError("x is not a function");
  const [code, line, stack] = await run(() => Promise.reject(error), true);
  assertEquals([code, line], [EXIT.failed, "Unexpected failure: x is not a function"]);
  assertEquals(stack, error.stack);
  assertEquals(await run(() => Promise.resolve()), [EXIT.ok]);
  assertEquals(await run(() => Promise.resolve(EXIT.refused)), [EXIT.refused]);
});

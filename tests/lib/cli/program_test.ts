import { object, or } from "@optique/core/constructs";
import { merge } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Console, processConsole } from "../../../lib/cli/console.ts";
import {
  number,
  on,
  oneOf,
  orElse,
  someOf,
  value,
  values,
  verb,
  word,
  wordList,
  wordOf,
} from "../../../lib/cli/options.ts";
import { helpText, type Program, runProgram } from "../../../lib/cli/program.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { constant } from "@optique/core/primitives";

const makeFields = {
  serial: number("serial", { from: 1 }, "which one"),
  sites: values("site", "URL", "where"),
};
const make = object({ verb: constant("make"), ...makeFields });

const parser = merge(
  orElse(
    or(
      verb("make", makeFields, "make it; so does no verb"),
      verb(
        "serve",
        { port: number("port", { to: 65535 }, "a port", { default: 8000 }) },
        "serve it",
        "Serves it to everyone.",
      ),
      verb("show", { name: word("NAME"), role: wordOf("ROLE", ["config", "root"]) }, "show it"),
      verb("pack", { files: wordList("FILE"), own: someOf("own", ["a", "b"], "whose") }, "pack it"),
      make,
    ),
    make,
  ),
  object({
    out: value("out", "DIR", "the folder", { default: "public" }),
    form: oneOf("form", ["bundle", "compiled"], "which form"),
    json: on("json", "print JSON"),
  }),
);

const program: Program<InferValue<typeof parser>> = {
  name: "deno task x",
  summary: "Do it.",
  parser,
  notes: ["One paragraph\nover two lines.", "A list:\n  a  first\n  b  second"],
};

/** What the program is given, or the line it ends with. */
async function read(...args: string[]): Promise<unknown> {
  let given: unknown;
  const lines: string[] = [];
  const console: Console = { out: (line) => lines.push(line), err: (line) => lines.push(line) };
  const code = await runProgram(program, args, (line) => {
    given = line;
    return Promise.resolve();
  }, console);
  if (code === EXIT.ok) return given ?? lines.join("\n");
  assertEquals([code, lines[1]], [EXIT.usage, "  deno task x --help shows what it takes"]);
  return lines[0]!.replace("Cannot read the command line: ", "");
}

const common = { out: "public", form: undefined, json: false, debug: false };

Deno.test("runProgram() gives verbs and options in any order, with their types and defaults", async () => {
  const made = { verb: "make", serial: undefined, sites: [], ...common };
  assertEquals(await read(), made);
  assertEquals(await read("--json"), { ...made, json: true });
  assertEquals(await read("--serial", "7", "--site", "a", "--site=b"), {
    ...made,
    serial: 7,
    sites: ["a", "b"],
  });
  assertEquals(await read("--out", "x", "serve", "--port=0", "--debug"), {
    verb: "serve",
    port: 0,
    ...common,
    out: "x",
    debug: true,
  });
  assertEquals(await read("serve"), { verb: "serve", port: 8000, ...common });
  assertEquals(await read("show", "alpha", "root"), {
    verb: "show",
    name: "alpha",
    role: "root",
    ...common,
  });
  assertEquals(await read("pack", "a", "--own", "a", "--own", "b", "--", "--json"), {
    verb: "pack",
    files: ["a", "--json"],
    own: ["a", "b"],
    ...common,
  });
});

for (
  const [words, said] of [
    ["srve", "Unexpected option or argument: srve. Did you mean serve?"],
    ["--debgu", "unknown option --debgu, did you mean --debug?"],
    ["serve --port 65536", "--port: it must be a whole number from 0 to 65535"],
    ["serve --port -1", "--port: it must be a whole number from 0 to 65535"],
    ["serve --port 1.5", "--port: it must be a whole number from 0 to 65535"],
    ["serve --port 0x10", "--port: it must be a whole number from 0 to 65535"],
    ["--serial 0", "--serial: it must be a whole number from 1 on"],
    ["--serial 99999999999999999999", "--serial: it must be a whole number from 1 on"],
    ["serve --port", "--port requires N"],
    ["serve --port 1 --port 2", "--port cannot be used multiple times"],
    ["--out --json", "--out: it needs a value (DIR)"],
    ["--out=", "--out: it needs a value (DIR)"],
    ["--form bundel", "--form: it must be bundle, compiled; did you mean bundle?"],
    ["pack --own c", "--own: it must be a, b"],
    ["show", "NAME is missing"],
    ["show a b", "ROLE: it must be config, root"],
    ["show a root c", "Unexpected option or argument: c"],
    ["serve --serial 1", "--serial goes with make"],
    ["--serial 1 serve", "--serial goes with make"],
    ["--json=yes", "Flag --json does not accept a value, but got: yes"],
  ] as const
) {
  Deno.test(`runProgram() refuses ${words}`, async () => {
    assertEquals(await read(...words.split(" ")), said);
  });
}

Deno.test("runProgram() shows version and help, of a verb too, and does nothing else", async () => {
  assertEquals(await read("--version"), JSON.parse(await Deno.readTextFile("deno.json")).version);
  const help = await read("--help") as string;
  for (
    const part of ["Do it.", "deno task x serve", "--out DIR", "(default public)", "--version"]
  ) assertStringIncludes(help, part);
  const ofVerb = await read("serve", "--help") as string;
  assertStringIncludes(ofVerb, "Serves it to everyone.");
  assert(!ofVerb.includes("--serial"), "another verb's option");
});

Deno.test("helpText() flows paragraphs and keeps the lines of a list", () => {
  const help = helpText(program);
  assertStringIncludes(
    help,
    "\n\nOne paragraph over two lines.\n\nA list:\n  a  first\n  b  second",
  );
  assertStringIncludes(helpText(program, ["show"]), "deno task x show [--out DIR]");
});

Deno.test("runProgram() lets nothing that a program says or fails with move the cursor", async () => {
  const lines: string[] = [];
  const console: Console = { out: (line) => lines.push(line), err: (line) => lines.push(line) };
  const run = (...args: string[]) =>
    runProgram(program, args, (_, console) => {
      console.out("name \x1b]0;mine\x07\n  more");
      console.err("\x9b2J");
      throw new UserError("read it", "the server says \x1b[2J", { hint: "ask \u202enimda" });
    }, console);
  assertEquals(await run(), EXIT.failed);
  await run("--out", "\x1b[2J", "--x\x1b[2J");
  assertEquals(lines.slice(0, 4), [
    "name \\u001b]0;mine\\u0007\n  more",
    "\\u009b2J",
    "Cannot read it: the server says \\u001b[2J",
    "  ask \\u202enimda",
  ]);
  assertEquals(lines.length > 4 && lines.some((line) => line.includes("\x1b")), false);
});

Deno.test("processConsole prints plain text only", () => {
  const printed: string[] = [];
  const { log, error } = globalThis.console;
  Object.assign(globalThis.console, {
    log: (line: string) => printed.push(line),
    error: (line: string) => printed.push(line),
  });
  try {
    processConsole.out("\x1b[1mx");
    processConsole.err("\x07");
  } finally {
    Object.assign(globalThis.console, { log, error });
  }
  assertEquals(printed, ["\\u001b[1mx", "\\u0007"]);
});

import { object, or } from "@optique/core/constructs";
import { map, optional } from "@optique/core/modifiers";
import { constant } from "@optique/core/primitives";
import { assertEquals, assertThrows } from "@std/assert";
import { checkArguments } from "../../../lib/cli/arguments.ts";
import { UsageError } from "../../../lib/cli/failures.ts";
import { needed, on, value, values, verb, wordList } from "../../../lib/cli/options.ts";
import { parserOf } from "../../../lib/cli/program.ts";

const json = on("json", "print JSON");
const withVerbs = or(
  verb("init", { json, out: value("out", "DIR", "where") }, "begin"),
  verb("list", { json }, "list"),
);
const withPlain = or(
  verb("verify", { publicKey: value("public-key", "KEY", "whose") }, "verify"),
  object({
    verb: constant("sign"),
    comment: value("comment", "TEXT", "says"),
    files: wordList("FILE"),
  }),
);
const noVerbs = object({
  mode: optional(
    or(map(needed("fast", "do it fast"), () => 1), map(needed("slow", "slowly"), () => 2)),
  ),
  tags: values("tag", "TAG", "which"),
});
const only = verb("site", { json }, "a site");

const usageOf = (parser: Parameters<typeof parserOf>[0]["parser"]) =>
  parserOf({ name: "x", summary: "", parser }).usage;

for (
  const [parser, words, said] of [
    [withVerbs, "init --out x --json", undefined],
    [withVerbs, "--json list --debug", undefined],
    [withVerbs, "init --out list", undefined],
    [withVerbs, "--out=x init", undefined],
    [withVerbs, "nothing --help", undefined],
    [withVerbs, "", "a verb is missing: init, list"],
    [withVerbs, "--json", "a verb is missing: init, list"],
    [withVerbs, "--out init", "a verb is missing: init, list"],
    [withVerbs, "lsit", "unknown verb lsit, did you mean list?"],
    [withVerbs, "frobnicate", "unknown verb frobnicate; there is init, list"],
    [withVerbs, "list --out x", "--out goes with init"],
    [withVerbs, "list --output=x", "unknown option --output, did you mean --out?"],
    [withVerbs, "list -j", "unknown option -j"],
    [withPlain, "a b --comment x", undefined],
    [withPlain, "verify a --public-key x", undefined],
    [withPlain, "verify a --comment x", "--comment does not go with verify"],
    [withPlain, "a --public-key x", "--public-key goes with verify"],
    [withPlain, "-- --public-key", undefined],
    [withPlain, "- --comment x", undefined],
    [noVerbs, "--fast --slow --tag a", undefined],
    [noVerbs, "--tag --fats", undefined],
    [noVerbs, "--fats", "unknown option --fats, did you mean --fast?"],
    [only, "", "a verb is missing: site"],
    [only, "site --json", undefined],
  ] as const
) {
  Deno.test(`checkArguments() says ${said} to: ${words}`, () => {
    const check = () => checkArguments(usageOf(parser), words.split(" ").filter(Boolean), false);
    if (said === undefined) return check();
    assertEquals(assertThrows(check, UsageError).state, said);
  });
}

Deno.test("checkArguments() repeats nothing that may be a secret", () => {
  for (const words of ["hunter2", "init --hunter2", "init --value=hunter2", "init -hunter2"]) {
    const error = assertThrows(
      () => checkArguments(usageOf(withVerbs), words.split(" "), true),
      UsageError,
    );
    assertEquals(error.message.includes("hunter2"), false, error.message);
  }
});

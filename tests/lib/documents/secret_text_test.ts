import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatSecret,
  homeName,
  isSameHome,
  parseSecret,
  secretHome,
} from "../../../lib/documents/secret_text.ts";

const HOME = secretHome("nodes/alpha", ["private", "files", "/etc/a b", "content"]);

Deno.test("formatSecret() writes one line before the value, and parseSecret() takes it away", () => {
  const text = formatSecret(HOME, "hunter2\n");
  assertEquals(
    text,
    'psyopsos-secret 1 {"owner":"nodes/alpha","path":["files","/etc/a b","content"]}\nhunter2\n',
  );
  assertEquals(parseSecret(text), { value: "hunter2\n", home: HOME });
});

Deno.test("what formatSecret() writes is read as it was, whatever it is", () => {
  const any = fc.string({ unit: "binary" });
  fc.assert(fc.property(any, fc.array(any, { maxLength: 4 }), any, (owner, path, value) => {
    assertEquals(parseSecret(formatSecret({ owner, path }, value)), {
      value,
      home: { owner, path },
    });
    // What begins like such a line is none of the values of before.
    if (!value.startsWith("psyopsos-secret ")) assertEquals(parseSecret(value), { value });
  }));
});

const WRONG: [what: string, text: string, problem: string][] = [
  [
    "a later version",
    'psyopsos-secret 2 {"owner":"x","path":[]}\nv',
    "is of version 2, which needs",
  ],
  ["no version", "psyopsos-secret \nv", "has a first line that does not say"],
  ["no JSON", "psyopsos-secret 1 nodes/alpha\nv", "has a first line that does not say"],
  ["another spelling", 'psyopsos-secret 1 {"path":[],"owner":"x"}\nv', "has a first line"],
  ["more than it says", 'psyopsos-secret 1 {"owner":"x","path":[],"a":1}\nv', "has a first line"],
  ["a path of numbers", 'psyopsos-secret 1 {"owner":"x","path":[1]}\nv', "has a first line"],
  ["no owner", 'psyopsos-secret 1 {"path":[]}\nv', "has a first line"],
  ["nothing", "psyopsos-secret 1 null\nv", "has a first line"],
  ["no line end", 'psyopsos-secret 1 {"owner":"x","path":[]}', "has a first line"],
  ["a line without end", `psyopsos-secret 1 ${" ".repeat(20_000)}\nv`, "has a first line"],
];
for (const [what, text, problem] of WRONG) {
  Deno.test(`parseSecret() tells ${what}`, () => {
    const parsed = parseSecret(text);
    assertEquals(
      "problem" in parsed && parsed.problem.startsWith(problem),
      true,
      JSON.stringify(parsed),
    );
  });
}

Deno.test("isSameHome() compares owner and keys, not how they look together", () => {
  const other = (owner: string, ...path: string[]) => isSameHome(HOME, { owner, path });
  assertEquals(other("nodes/alpha", "files", "/etc/a b", "content"), true);
  assertEquals(other("nodes/beta", "files", "/etc/a b", "content"), false);
  assertEquals(other("nodes/alpha", "files./etc/a b", "content"), false);
  assertEquals(other("nodes/alpha", "files", "/etc/a b"), false);
  assertEquals(homeName({ owner: "x\u001b[2J", path: ["a\nb"] }), "x?[2J a b");
});

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { addKey, putArmored, replaceArmored } from "../../../site/fleet/yaml_edit.ts";
import { pathKey } from "../../../site/fleet/yaml_text.ts";
import { type ParsedYaml, parseYaml } from "../../../site/fleet/yaml_file.ts";

const ARMORED = "-----BEGIN AGE ENCRYPTED FILE-----\nQUJD\n-----END AGE ENCRYPTED FILE-----\n";
const FLOW = JSON.stringify(ARMORED);

function parse(source: string): ParsedYaml {
  const parsed = parseYaml("nodes/x.yaml", source);
  if (Array.isArray(parsed)) throw new Error(JSON.stringify(parsed));
  return parsed;
}

/** The value as a block, `indent` columns in. */
function block(indent: number): string {
  return ARMORED.trimEnd().split("\n").map((line) => " ".repeat(indent) + line).join("\n");
}

function put(source: string, path: (string | number)[], beside: Record<string, string> = {}) {
  return putArmored(parse(source), ["private", ...path], ARMORED, beside);
}

const CASES: [string, string, (string | number)[], string][] = [
  [
    "replaces a plain value and keeps what is around it",
    "# top\nprivate:\n  hostname:   old   # why\n\n  # next\n  report: {url: x}\nz: 1\n",
    ["hostname"],
    `# top\nprivate:\n  hostname: !age |   # why\n${
      block(4)
    }\n\n  # next\n  report: {url: x}\nz: 1\n`,
  ],
  [
    "replaces a block",
    "private:\n  scripts:\n    a:\n      run: | # note\n        one\n\n        two\n      when: boot # b\n",
    ["scripts", "a", "run"],
    `private:\n  scripts:\n    a:\n      run: !age | # note\n${block(8)}\n      when: boot # b\n`,
  ],
  [
    "replaces a value in a flow mapping",
    'private: {files: {/a: {content: "x", mode: "0600"}}} # c\n',
    ["files", "/a", "content"],
    `private: {files: {/a: {content: !age ${FLOW}, mode: "0600"}}} # c\n`,
  ],
  [
    "adds to a flow mapping",
    "private: {files: {/a: {mode: x}}}\n",
    ["files", "/b.c", "content"],
    `private: {files: {/a: {mode: x}, /b.c: {content: !age ${FLOW}}}}\n`,
  ],
  [
    "adds below the last key of a mapping, before comments that follow",
    "private:\n    files:\n        /a:\n            mode: x # c\n# about z\nz: 1\n",
    ["files", "/b", "content"],
    `private:\n    files:\n        /a:\n            mode: x # c\n        /b:\n          content: !age |\n${
      block(12)
    }\n# about z\nz: 1\n`,
  ],
  [
    "adds after a block that ends the mapping",
    "private:\n  scripts:\n    a:\n      run: |\n        x\n\nz: 1\n",
    ["hostname"],
    `private:\n  scripts:\n    a:\n      run: |\n        x\n  hostname: !age |\n${
      block(4)
    }\n\nz: 1\n`,
  ],
  [
    "begins private at the end of a file without a last newline",
    "config: {}\n# end",
    ["hostname"],
    `config: {}\nprivate:\n  hostname: !age |\n${block(4)}\n# end`,
  ],
  [
    "fills an empty mapping",
    "private: {} # none yet\nz: 1\n",
    ["hostname"],
    `private: # none yet\n  hostname: !age |\n${block(4)}\nz: 1\n`,
  ],
  [
    "fills a key without a value",
    "private:\n  # soon\nz: 1\n",
    ["hostname"],
    `private:\n  # soon\n  hostname: !age |\n${block(4)}\nz: 1\n`,
  ],
  ["begins an empty file", "", ["hostname"], `private:\n  hostname: !age |\n${block(4)}\n`],
  [
    "begins a file of comments",
    "# only\n# words\n",
    ["hostname"],
    `# only\n# words\nprivate:\n  hostname: !age |\n${block(4)}\n`,
  ],
  [
    "begins a list",
    "private:\n  users:\n    a: {uid: 5}\n",
    ["users", "b", "sshKeys", 0],
    `private:\n  users:\n    a: {uid: 5}\n    b:\n      sshKeys:\n        - !age |\n${block(12)}\n`,
  ],
  [
    "begins a list in a flow mapping",
    "private: {users: {a: {uid: 5}}}\n",
    ["users", "a", "sshKeys", 0],
    `private: {users: {a: {uid: 5, sshKeys: [!age ${FLOW}]}}}\n`,
  ],
  [
    "begins a list behind its key",
    "private:\n  users:\n    a:\n      sshKeys: # c\n      uid: 5\n",
    ["users", "a", "sshKeys", 0],
    `private:\n  users:\n    a:\n      sshKeys: # c\n        - !age |\n${
      block(12)
    }\n      uid: 5\n`,
  ],
  [
    "begins a list in place of brackets",
    "private:\n  users:\n    a:\n      sshKeys: [] # c\n      uid: 5\n",
    ["users", "a", "sshKeys", 0],
    `private:\n  users:\n    a:\n      sshKeys: # c\n        - !age |\n${
      block(12)
    }\n      uid: 5\n`,
  ],
  [
    "begins a list in place of brackets in a flow mapping",
    "private: {users: {a: {sshKeys: []}}}\n",
    ["users", "a", "sshKeys", 0],
    `private: {users: {a: {sshKeys: [!age ${FLOW}]}}}\n`,
  ],
  [
    "adds to a list",
    "private:\n  users:\n    a:\n      sshKeys:\n      - one # c\n        # d\n\n      uid: 5\n",
    ["users", "a", "sshKeys", 1],
    `private:\n  users:\n    a:\n      sshKeys:\n      - one # c\n        # d\n      - !age |\n${
      block(10)
    }\n\n      uid: 5\n`,
  ],
  [
    "adds to a list whose last item is a block, at the end of a file without a line end",
    "private:\n  users:\n    a:\n      sshKeys:\n        - one\n        - |\n          two",
    ["users", "a", "sshKeys", 2],
    `private:\n  users:\n    a:\n      sshKeys:\n        - one\n        - |\n          two\n        - !age |\n${
      block(12)
    }\n`,
  ],
  [
    "adds to a list in brackets",
    "private: {users: {a: {sshKeys: [one, 'two']}}}\n",
    ["users", "a", "sshKeys", 2],
    `private: {users: {a: {sshKeys: [one, 'two', !age ${FLOW}]}}}\n`,
  ],
  [
    "replaces an item of a list",
    "private:\n  users:\n    a:\n      sshKeys:\n        - one\n        - two # c\n",
    ["users", "a", "sshKeys", 1],
    `private:\n  users:\n    a:\n      sshKeys:\n        - one\n        - !age | # c\n${
      block(12)
    }\n`,
  ],
  [
    "writes keys that could be taken for something else in quotes",
    "private: {}\n",
    ["scripts", "1.0", "run"],
    `private:\n  scripts:\n    "1.0":\n      run: !age |\n${block(8)}\n`,
  ],
];
for (const [what, before, path, after] of CASES) {
  Deno.test(`putArmored() ${what}`, () => {
    const edited = put(before, path);
    assertEquals(edited, after);
    assertEquals(parse(edited).sealed.map((one) => one.path), [["private", ...path]]);
    // Once more over its own result: nothing grows.
    assertEquals(put(edited, path), edited);
  });
}

Deno.test("putArmored() keeps Windows line ends", () => {
  const edited = put("private:\r\n  hostname: x # c\r\nz: 1\r\n", ["hostname"]);
  assertEquals(edited.replaceAll("\r\n", "").includes("\n"), false);
  assertEquals(parse(edited).sealed[0]?.armored, ARMORED);
});

Deno.test("putArmored() writes what goes along only where the mapping is new", () => {
  const beside = { mode: '"0600"' };
  assertEquals(
    put("private: {}\n", ["files", "/a", "content"], beside),
    `private:\n  files:\n    /a:\n      mode: "0600"\n      content: !age |\n${block(8)}\n`,
  );
  assertEquals(
    put("private: {files: {}}\n", ["files", "/a", "content"], beside),
    `private: {files: {/a: {mode: "0600", content: !age ${FLOW}}}}\n`,
  );
  const known = put(
    "private:\n  files:\n    /a:\n      owner: x\n",
    ["files", "/a", "content"],
    beside,
  );
  assertEquals(known.includes("mode"), false);
});

const REFUSED: [string, string, (string | number)[], string][] = [
  ["a mapping", "private:\n  report:\n    url: x\n", ["report"], "is no single value"],
  ["what is below a value", "private:\n  hostname: x\n", ["hostname", "y"], "below a single value"],
  [
    "an item behind the next one",
    "private:\n  users:\n    a:\n      sshKeys: [x]\n",
    ["users", "a", "sshKeys", 3],
    "is no item of the list: the next one to be added is 1",
  ],
  [
    "an item of no list behind the first one",
    "private:\n  users: {}\n",
    ["users", "a", "sshKeys", 1],
    "is no item of the list: the next one to be added is 0",
  ],
  [
    "what an alias stands for",
    "config: &a\n  report: {url: x}\nprivate: *a\n",
    ["report", "url"],
    "is inside an alias",
  ],
];
for (const [what, source, path, message] of REFUSED) {
  Deno.test(`putArmored() refuses ${what}`, () => {
    const error = assertThrows(() => put(source, path), UserError);
    assertStringIncludes(error.message, message);
  });
}

Deno.test("replaceArmored() changes the values and no other byte", () => {
  const old = (name: string) => ARMORED.replace("QUJD", name);
  const indented = (name: string, by: number) => block(by).replace("QUJD", name);
  const source = `# a\nprivate:\n  files:\n    /a: {content: !age ${
    JSON.stringify(old("AAAA"))
  }, mode: "0600"} # b\n    /b:\n      content: !age | # c\n${
    indented("BBBB", 8)
  }\n      mode:   '0644'\n\n\n  hostname: &x !age |-\n${
    indented("CCCC", 4)
  }\n  report: {url: *x}\n# end\n`;
  const parsed = parse(source);
  assertEquals(parsed.sealed.length, 4);
  assertEquals(parsed.sealed.map(({ byAlias }) => byAlias), [false, false, false, true]);
  const fresh = new Map(parsed.sealed.map(({ armored, path }) => [
    pathKey(path),
    armored.trimEnd().replace(/\n(....)\n/, (_, name: string) => `\n${name.toLowerCase()}\n`) +
    "\n",
  ]));
  const edited = replaceArmored(parsed, fresh);
  const expected = source.replaceAll(/AAAA|BBBB|CCCC/g, (name) => name.toLowerCase());
  assertEquals(edited, expected.replace("|-", "|"));
  assertEquals(replaceArmored(parsed, new Map()), source);
});

const BELOW: [what: string, source: string, expected: string][] = [
  [
    "a list",
    "# c\nadmins:\n  - x # me\n\nconfig: {}\n",
    "# c\nadmins:\n  - x # me\nsecrets: bound\n\nconfig: {}\n",
  ],
  [
    "a list in brackets",
    "admins: [x] # me\nconfig: {}",
    "admins: [x] # me\nsecrets: bound\nconfig: {}",
  ],
  [
    "the last key, without a newline",
    "config: {}\nadmins: [x]",
    "config: {}\nadmins: [x]\nsecrets: bound\n",
  ],
  ["a key in braces", "{admins: [x], config: {}}\n", "{admins: [x], secrets: bound, config: {}}\n"],
  [
    "line ends of DOS",
    "admins: [x]\r\nconfig: {}\r\n",
    "admins: [x]\r\nsecrets: bound\r\nconfig: {}\r\n",
  ],
];
for (const [what, source, expected] of BELOW) {
  Deno.test(`addKey() adds a key below ${what}, and nothing else changes`, () => {
    assertEquals(addKey(parse(source), "admins", "secrets", "bound"), expected);
  });
}

/** What may stand behind the colon of `content:`. */
const VALUES = [
  "",
  " ",
  " # todo",
  " null",
  " ~",
  ' ""',
  ' "x" # c',
  " abc",
  " abc # c",
  " |\n        a\n        b",
  " |\n          a\n        # c",
  " | # c\n        a",
  " | # c\n        # no comment",
  " >-\n        a\n",
  " |\n",
  "\n        abc",
  "\n        # c\n        abc",
  " # b\n        # c\n\n        abc # d",
  "\n        # c",
  " # b\n\n        # c\n          # d",
  " abc\n        # c",
  " a\n        b",
  " &x abc",
  " &x # c",
  " &x",
  " !!str abc",
  " !!str",
  " !age",
];
/** What may follow. */
const AFTER = [
  "",
  '      mode: "0600"\n',
  "      # end\n",
  '      # c\n      mode: "0600"\n',
  "notes: hi\n",
  "\n\nnotes: hi\n",
];

Deno.test("putArmored() takes every layout of a single value and keeps each comment", () => {
  const layouts = VALUES.flatMap((value) => AFTER.map((after) => [value, after] as const));
  const path = ["files", "/etc/x", "content"];
  for (const [value, after] of layouts) {
    const plain = `private:\n  files:\n    /etc/x:\n      content:${value}\n${after}`;
    for (const source of [plain, plain.trimEnd(), plain.replaceAll("\n", "\r\n")]) {
      const edited = put(source, path);
      const wanted = [...source.replace("# no comment", "").matchAll(/#.*/g)].map(([one]) => one);
      for (const one of wanted) assertStringIncludes(edited, one.trimEnd(), source);
      // A value that is set again finds the layout that the first one left.
      assertEquals(put(edited, path), edited, source);
    }
  }
});

Deno.test("putArmored() adds to a mapping, or in place of none, whatever comments stand there", () => {
  const layouts = ["", " # a", "\n        # a\n", " # a\n\n      # b\n"];
  for (const path of [["files", "/etc/x", "content"], ["files", "/etc/x", "mode"]]) {
    for (const blank of layouts) {
      for (const key of ["    /etc/x:", "    /etc/x:\n      owner:", "    /etc/y: {}"]) {
        const source = `private:\n  files:\n${key}${blank}\n# end\nnotes: hi\n`;
        const edited = put(source, path);
        for (const [one] of source.matchAll(/#.*/g)) assertStringIncludes(edited, one, source);
      }
    }
  }
});

Deno.test("putArmored() moves a comment that a block would swallow above the key", () => {
  assertEquals(
    put("private:\n  hostname: # a\n      # b\n# end\n", ["hostname"]),
    `private:\n  # b\n  hostname: !age | # a\n${block(4)}\n# end\n`,
  );
});

Deno.test("putArmored() says which comment is in the way where it can't be kept", () => {
  const error = assertThrows(
    () => put("private: {hostname: # why\n    old}\n", ["hostname"]),
    UserError,
    "a comment beside the value would be lost",
  );
  assertStringIncludes(error.hint!, "above the key");
});

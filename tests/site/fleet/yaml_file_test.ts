import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { KEY_NAMES, nodeConfigSchema } from "../../../lib/config/mod.ts";
import { problemText, readYaml } from "../../../site/fleet/yaml_file.ts";

const schema = v.strictObject({
  config: v.optional(nodeConfigSchema),
  tags: v.optional(v.array(v.string("must be text"), "must be a list")),
}, "must be a mapping");

/** Problems of a file as text, or its value. */
function read(source: string): unknown {
  const result = readYaml("nodes/x.yaml", source, schema);
  return Array.isArray(result) ? result.map(problemText) : result.value;
}

Deno.test("readYaml() reads plain YAML and takes an empty file as an empty mapping", () => {
  assertEquals(read("# c\nconfig:\n  hostname: a\ntags: [b]\n"), {
    config: { hostname: "a" },
    tags: ["b"],
  });
  assertEquals(read(""), {});
  assertEquals(read("# only a comment\n"), {});
});

const WRONG: [string, string, string[]][] = [
  ["an unknown key, with the nearest known one", "config:\n  hostnam: x\n", [
    "nodes/x.yaml:2:3: unknown key hostnam, did you mean hostname?",
  ]],
  ["an unknown key like no other, with all known ones", "\nzzzzzz: 1\n", [
    "nodes/x.yaml:2:1: unknown key zzzzzz; known are config, tags",
  ]],
  ["several problems, in order", "config:\n  users:\n    ops:\n      shel: /x\n      uid: x\n", [
    "nodes/x.yaml:4:7: unknown key shel, did you mean shell?",
    "nodes/x.yaml:5:12: config.users.ops.uid must be a number",
  ]],
  [
    "a missing key, at the mapping that lacks it",
    "config:\n  files:\n    /x:\n      mode: '0644'\n",
    [
      "nodes/x.yaml:4:7: config.files./x.content is missing",
    ],
  ],
  ["a bad name of an account, at the name", "config:\n  users:\n    Big Name: {}\n", [
    "nodes/x.yaml:3:5: config.users.Big Name must be an account name: up to 32 of a-z, 0-9, _ and -, " +
    "starting with a letter or _, and dots within",
  ]],
  ["an item of a list, at the item", "tags:\n  - a\n  - 5\n", [
    "nodes/x.yaml:3:5: tags.1 must be text: without quotes YAML takes it for a number",
  ]],
  [
    "that quotes are missing",
    "config:\n  hostname: 1234\n  files:\n    /x: {mode: 0644, content: }\n    /y: {content: no, owner: true}\n",
    [
      "nodes/x.yaml:2:13: config.hostname must be a host name in lower case: without quotes YAML takes it for a number",
      'nodes/x.yaml:4:16: config.files./x.mode must be four octal digits in quotes, e.g. "0644": ' +
      "without quotes YAML takes it for a number",
      "nodes/x.yaml:4:22: config.files./x.content must be text: without quotes YAML takes it for nothing",
      "nodes/x.yaml:5:30: config.files./y.owner must be an account name: up to 32 of a-z, 0-9, _ and -, " +
      "starting with a letter or _, and dots within: without quotes YAML takes it for true or false",
    ],
  ],
  [
    "what a node would take and the desk does not, each in its place",
    "config:\n  timezone: europe/berlin\n  users:\n    ops:\n      shell: /bin/a:b\n    disk: {}\n  files:\n" +
    `    /etc/${"x".repeat(256)}:\n      content: ""\n`,
    [
      "nodes/x.yaml:2:13: config.timezone must be a time zone that exists, e.g. Europe/Berlin or UTC",
      "nodes/x.yaml:5:14: config.users.ops.shell must not hold a colon",
      "nodes/x.yaml:6:11: config.users.disk is the name of a group of the image, which would become the account's " +
      "own: take another",
      `nodes/x.yaml:9:7: config.files./etc/${
        "x".repeat(101)
      }… must have no part of more than 255 bytes`,
    ],
  ],
  ["an empty value, at its key", "config:\n  users:\n    ops:\n", [
    "nodes/x.yaml:3:5: config.users.ops must be a mapping",
  ]],
  ["a list for a mapping", "config:\n  users:\n    - ops\n", [
    "nodes/x.yaml:3:5: must be a mapping",
  ]],
  ["a list as a file", "- a\n", ["nodes/x.yaml:1:1: must be a mapping"]],
  ["a key given twice", "tags: []\ntags: []\n", [
    "nodes/x.yaml:2:1: not valid YAML: map keys must be unique",
  ]],
  ["tabs", "config:\n\thostname: x\n", [
    "nodes/x.yaml:2:1: not valid YAML: tabs are not allowed as indentation",
  ]],
  ["other tags", "config: !vault x\n", [
    "nodes/x.yaml:1:9: of tags (!…) only !age is supported, on text",
  ]],
  ...["set {a, b}", "omap [a: b]", "pairs [a: b]", "binary aGk=", "timestamp 2026-11-22"].map(
    (value): [string, string, string[]] => [
      `the tag !!${value.split(" ")[0]}, which would be dropped or changed`,
      `# c\nconfig: {files: {/x: {content: !!${value}}}}\n`,
      [`nodes/x.yaml:2:${35 + value.indexOf(" ")}: of tags (!…) only !age is supported, on text`],
    ],
  ),
  [
    "such a tag by its long name and behind a handle",
    "%TAG !y! tag:yaml.org,2002:\n---\ntags: !y!set {a}\n",
    [
      "nodes/x.yaml:3:14: of tags (!…) only !age is supported, on text",
    ],
  ],
  ["a merge key by its tag", "a: &a {x: 1}\nconfig: {!!merge <<: *a}\n", [
    "nodes/x.yaml:2:18: a key must be text",
  ]],
  ["YAML 1.1, where no is a truth value", "%YAML 1.1\n---\nconfig: {hostname: no}\n", [
    "nodes/x.yaml:1:1: must be YAML 1.2",
  ]],
  ["an anchor that is given twice", "tags: [&a x, *a, &a y, *a]\n", [
    "nodes/x.yaml:1:21: has the anchor of something else",
  ]],
  ...[["0x10", "a number"], ["1e3", "a number"], ["~", "nothing"], ["true", "true or false"]].map(
    ([key, what]): [string, string, string[]] => [
      `the key ${key}, which would have another name`,
      `config:\n  scripts:\n    ${key}: {run: x}\n`,
      [`nodes/x.yaml:3:5: a key must be text: without quotes YAML takes it for ${what}`],
    ],
  ),
  ["keys that are no single values", "config:\n  scripts:\n    ? [a]\n    : {run: x}\n", [
    "nodes/x.yaml:3:7: a key must be text",
  ]],
  ["keys that are aliases", "tags: [&a x]\n*a : y\n", ["nodes/x.yaml:2:1: a key must be text"]],
  ["a key as a number and in quotes", 'config: {scripts: {1: {run: x}, "1": {run: y}}}\n', [
    "nodes/x.yaml:1:20: not valid YAML: map keys must be unique",
  ]],
  ["!age on what is no text", "private: !age {hostname: x}\n", [
    "nodes/x.yaml:1:10: of tags (!…) only !age is supported, on text",
  ]],
  ["secrets that everyone could read", "config: {hostname: !age x}\n", [
    "nodes/x.yaml:1:25: !age values belong below private: all else is readable by everyone",
  ]],
  [
    "secrets that everyone could read by an alias",
    "private: {hostname: &a !age x}\nconfig: {hostname: *a}\n",
    [
      "nodes/x.yaml:1:29: is encrypted, and there is no age identity to decrypt it",
      "nodes/x.yaml:2:20: !age values belong below private: all else is readable by everyone",
    ],
  ],
  ["a second document", "tags: []\n---\ntags: []\n", ["nodes/x.yaml:2:1: must be one document"]],
  ["merge keys", "config:\n  <<: {hostname: a}\n", [
    `nodes/x.yaml:2:3: unknown key <<; known are ${KEY_NAMES.join(", ")}`,
  ]],
  ["names that JavaScript treats specially", "config:\n  users: {__proto__: {uid: 5}}\n", [
    "nodes/x.yaml:2:11: key not allowed",
  ]],
];
for (const [what, source, problems] of WRONG) {
  Deno.test(`readYaml() shows ${what}`, () => assertEquals(read(source), problems));
}

Deno.test("readYaml() takes tags that say what a value is anyway, and names that are whole numbers", () => {
  assertEquals(read("config: !!map\n  hostname: !!str 1234\n  scripts: {10: {run: ! 5}}\n"), {
    config: { hostname: "1234", scripts: { 10: { run: "5" } } },
  });
});

Deno.test("readYaml() stops at an alias bomb", () => {
  const rows = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (const [from, to] of [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]]) {
    rows.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(", ")}]`);
  }
  assertEquals(read(rows.join("\n")), [
    "nodes/x.yaml:1:1: uses too many aliases",
  ]);
});

Deno.test("messages quote no value, whatever is wrong", () => {
  for (
    const source of [
      "config: hunter2\n",
      "config:\n  hostname: [hunter2]\n",
      "config:\n  check: {everySeconds: hunter2}\n",
      "config: hunter2: x\n",
      "config: 'hunter2\n",
      "config: *hunter2\n",
      "config: !hunter2 x\n",
      "%hunter2\n---\n{}\n",
      "config: |hunter2\n  x\n",
      'config: "\\hunter2"\n',
      "config: {hostname: x} hunter2\n",
      "config: @hunter2\n",
    ]
  ) {
    const problems = read(source);
    assertEquals(Array.isArray(problems), true, source);
    assertEquals(JSON.stringify(problems).includes("hunter2"), false, `${source}${problems}`);
  }
});

Deno.test("problemAt() finds values, and the nearest parent of what is missing", () => {
  const file = readYaml("n.yaml", "config:\n  hostname: a\ntags:\n  - x\n  - y\n", schema);
  if (Array.isArray(file)) throw new Error("not read");
  const at = (path: (string | number)[]) => problemText(file.problemAt(path, "m"));
  assertEquals(at(["tags", 1]), "n.yaml:5:5: m");
  assertEquals(at(["config", "hostname"]), "n.yaml:2:13: m");
  assertEquals(at(["config", "users", "x"]), "n.yaml:2:3: m");
  assertEquals(at([]), "n.yaml:1:1: m");
});

Deno.test("readYaml() gives the parser no more parts than a file has that says something", () => {
  const many = [["tags: [", "[],", "]"], ["tags:\n", "- a\n", ""], ["tags: [", ",", "]"]] as const;
  for (const [start, one, end] of many) {
    assertEquals(read(start + one.repeat(200_000) + end), [
      "nodes/x.yaml:1:1: has more than 200000 words, blanks and marks",
    ]);
  }
  const text = "[a, b]: {c: d}".repeat(50_000);
  const files = `config:\n  files:\n    /x:\n      content: |\n        ${text}\n`;
  assertEquals(read(files), { config: { files: { "/x": { content: `${text}\n` } } } });
});

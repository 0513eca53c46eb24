import { assert, assertEquals } from "@std/assert";
import { layerSchema } from "../../../site/fleet/fleet_schema.ts";
import { migrateText } from "../../../site/fleet/migrate.ts";
import { readYaml } from "../../../site/fleet/yaml_file.ts";
import { SSH_KEYS } from "../support.ts";

const [A, B] = SSH_KEYS;

const CASES: [string, string, string][] = [
  ["what is as it should be", "config:\n  users: {ops: {groups: {wheel: true}}}\n", ""],
  ["nothing", "", ""],
  [
    "lists in one line",
    `config: {users: {ops: {groups: [wheel, "adm"], sshKeys: ['${A}']}}} # c\n`,
    `config: {users: {ops: {groups: {wheel: true, "adm": true}, sshKeys: {a: '${A}'}}}} # c\n`,
  ],
  [
    "lists in blocks, with comments",
    `# top
config:
  users:
    ops:
      groups:   # why
        # the first
        - wheel   # may be root

        -   docker
      sshKeys:
        # laptop
        - ${A}  # of 2024
        - "${B}"
        - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnvAx2oLeJC3icCn1516kUtwLjtsfRVPcPUVJW0I8ou
      comment: Ops # end
private:
  hostname: a
`,
    `# top
config:
  users:
    ops:
      groups:   # why
        # the first
        wheel: true   # may be root

        docker: true
      sshKeys:
        # laptop
        a: ${A}  # of 2024
        b: "${B}"
        key3: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnvAx2oLeJC3icCn1516kUtwLjtsfRVPcPUVJW0I8ou
      comment: Ops # end
private:
  hostname: a
`,
  ],
  [
    "a list as far left as its key",
    `private:\n  users:\n    ops:\n      sshKeys:\n      - ${A}\n      # the other\n      - >-\n        ${B}\n      uid: 5\n`,
    `private:\n  users:\n    ops:\n      sshKeys:\n        a: ${A}\n        # the other\n        b: >-\n          ${B}\n      uid: 5\n`,
  ],
  [
    "two keys of one name, with CRLF",
    `config:\r\n  users:\r\n    ops:\r\n      sshKeys:\r\n        - ${A}\r\n        - ${
      B.replace(/b$/, "a")
    }\r\n`,
    `config:\r\n  users:\r\n    ops:\r\n      sshKeys:\r\n        a: ${A}\r\n        a-2: ${
      B.replace(/b$/, "a")
    }\r\n`,
  ],
  [
    "a list by an alias",
    "config:\n  users:\n    a: {groups: &g [wheel]}\n    b: {groups: *g}\n",
    "config:\n  users:\n    a: {groups: &g {wheel: true}}\n    b: {groups: *g}\n",
  ],
  [
    "an empty list",
    "config:\n  users: {a: {groups: []}}\n",
    "config:\n  users: {a: {groups: {}}}\n",
  ],
];

for (const [title, before, after] of CASES) {
  Deno.test(`migrateText() rewrites ${title}`, () => {
    const wanted = after || before;
    assertEquals(migrateText("a.yaml", before), wanted);
    assertEquals(migrateText("a.yaml", wanted), wanted, "a second time");
    assert(!Array.isArray(readYaml("a.yaml", wanted, layerSchema)), "it is not read");
  });
}

Deno.test("migrateText() says what it can't rewrite, and where", () => {
  const armored = "-----BEGIN AGE ENCRYPTED FILE-----\\nAAAA\\n-----END AGE ENCRYPTED FILE-----\\n";
  const text = `private:\n  users:\n    a: {groups: [x, x], sshKeys: [!age "${armored}", 5]}\n`;
  const problems = migrateText("a.yaml", text);
  assert(Array.isArray(problems));
  assertEquals(problems.map(({ line, column, message }) => `${line}:${column} ${message}`), [
    "3:21 stands twice in the list: remove one",
    "3:40 is encrypted for its place in the list: deno task secret set writes it at users.a.sshKeys.NAME",
    `3:${44 + armored.length} must be text`,
  ]);
});

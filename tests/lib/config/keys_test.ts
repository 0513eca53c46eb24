/** What holds for every key of the configuration, whatever it is about. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  agentFor,
  APPLIED_NAMES,
  desired,
  isNewer,
  KEY_NAMES,
  type KeyName,
  KEYS,
  needsOf,
  type NodeConfig,
  nodeConfigSchema,
} from "../../../lib/config/mod.ts";
import { oldListAt } from "../../../lib/config/old_forms.ts";
import { octal } from "../../../lib/config/files.ts";
import { IMAGE_GROUPS } from "../../../lib/config/users.ts";
import { users } from "../../../agent/resources/users.ts";
import { keyTable, referenceText } from "../../../lib/config/reference.ts";
import { parse } from "yaml";
import { parseDefinition } from "../../../lib/image/definition.ts";
import { labFleetFiles, labNodeExtras } from "../../../lib/lab/fleet_files.ts";
import { factsOf, fieldsOf, wordsOf } from "../../../lib/schema/words.ts";
import { readYaml } from "../../../site/fleet/yaml_file.ts";
import { SSH_KEYS } from "../../site/support.ts";
import { targetOf } from "../../agent/resources/questions.ts";
import { FakeHost } from "../../support/fake_host.ts";

const FIELDS = KEY_NAMES.flatMap((name) => [
  { name, schema: KEYS[name].schema, path: [name] as readonly string[], type: "" },
  ...fieldsOf(KEYS[name].schema).map(({ schema, path, parts }) => ({
    name,
    schema,
    path: [name, ...path],
    type: parts.type,
  })),
]).filter(({ path }) => path.at(-1) !== "[]");

Deno.test("every field has words, its first version, and a unit where it counts something", () => {
  for (const { schema, path, type } of FIELDS) {
    const place = path.join(".");
    assertMatch(wordsOf(schema), /^[A-Z`].*\.$/s, place);
    const facts = factsOf(schema);
    assertMatch(facts?.since ?? "", /^\d+\.\d+\.\d+$/, place);
    if (type === "number" && !["uid", "gid"].includes(path.at(-1)!)) {
      assert(facts?.unit, `${place} lacks a unit`);
    }
  }
  assert(FIELDS.length > 20, `${FIELDS.length} fields`);
});

Deno.test("the desk refuses the names of accounts that a node of the image would not make, and no others", async () => {
  const host = new FakeHost();
  for (const file of ["passwd", "group", "shadow"]) {
    const path = `lib/lab_packages/packages/alpine-baselayout/etc/${file}`;
    host.put(`/etc/${file}`, await Deno.readTextFile(path));
  }
  const actual = await users.read(host, {}, targetOf({}));
  const nodeRefuses = (name: string) =>
    users.plan({ [name]: { system: false, sshKeys: [] } }, actual)
      .some(({ text }) => text.startsWith(`create user ${name}: its group would be`));
  const names = [...actual.groups, ...actual.accounts].map(({ name }) => name);
  const all = [...new Set([...names, ...IMAGE_GROUPS, "ops"])];
  const refused = all.filter(nodeRefuses);
  assert(refused.length > 10, refused.join());
  const schema = nodeConfigSchema;
  const deskRefuses = (name: string) =>
    Array.isArray(readYaml("x", `users: {${name}: {}}`, schema));
  assertEquals(all.filter(deskRefuses), refused);
});

Deno.test("no version of a field lies in the future", async () => {
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  for (const { schema, path } of FIELDS) {
    assert(
      !isNewer(factsOf(schema)!.since!, version),
      `${path.join(".")} is newer than ${version}`,
    );
  }
});

Deno.test("what is said to be as old as a released agent is what that agent knows", async () => {
  // Written down from the sources of each release; a field with an older `since` would make that agent refuse a document.
  for (const version of ["0.1.0"]) {
    const known = await Deno.readTextFile(`tests/vectors/agent-${version}/fields.json`);
    const said = FIELDS.filter(({ schema }) => !isNewer(factsOf(schema)!.since!, version));
    // What was a list then is in another form now, which later agents alone know.
    const same = (JSON.parse(known) as string[]).filter((path) =>
      oldListAt(path.replace(/\.\[\]$/, "").split(".")) === undefined
    );
    assertEquals(said.map(({ path }) => path.join(".")).sort(), same.sort());
  }
});

Deno.test("defaults are in words what they are in fact", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { name, schema, path } of FIELDS) {
    const said = factsOf(schema)?.default;
    // Words of several parts are for people.
    if (said === undefined || !/^["\w./]+$|^\w+: \w+$/.test(said) || said === "none") continue;
    const found = desiredDefault(name, path);
    if (found === undefined) continue;
    seen++;
    const value = parse(said) as unknown;
    if (JSON.stringify(found) !== JSON.stringify(value)) wrong.push(`${path.join(".")}: ${said}`);
  }
  assertEquals(wrong, []);
  assert(seen >= 6, `${seen} defaults`);
});

/** What is wanted of the field at `path` where nothing is said of it; undefined where that is decided on the node. */
function desiredDefault(name: KeyName, path: readonly string[]): unknown {
  const [, ...below] = path;
  const wanted = (config: NodeConfig) => desired(name, config, { name: "alpha" }) as unknown;
  if (below.length === 0) return wanted({});
  // Of mappings within mappings the tests of their keys know.
  if (below.length > 1 && below[0] !== "<name>") return undefined;
  const example = parse(KEYS[name].example) as NodeConfig;
  // A mapping from names has one entry that lacks the field.
  const [entry] = Object.entries(example[name] as Record<string, unknown>);
  const isEntry = below[0] === "<name>";
  const given = isEntry
    ? { [entry![0]]: without(entry![1], below.at(-1)!) }
    : without(example[name], below.at(-1)!);
  const found = wanted({ [name]: given } as NodeConfig);
  const held = Array.isArray(found)
    ? found[0]
    : isEntry
    ? (found as Record<string, unknown>)[entry![0]]
    : found;
  const value = (held as Record<string, unknown>)[below.at(-1)!];
  return typeof value === "number" && below.at(-1) === "mode" ? octal(value) : value;
}

function without(value: unknown, key: string): unknown {
  const { [key]: _, ...rest } = value as Record<string, unknown>;
  return rest;
}

for (const name of KEY_NAMES) {
  Deno.test(`the example of ${name} is read, and says all that it says in words`, () => {
    const file = readYaml("example", KEYS[name].example, nodeConfigSchema);
    assert(!Array.isArray(file), JSON.stringify(file));
    assertEquals(Object.keys(file.value), [name]);
    const wanted = desired(name, file.value, { name: "alpha" });
    const other = desired(name, {}, { name: "alpha" });
    assert(JSON.stringify(wanted) !== JSON.stringify(other), "the example says what holds anyway");
  });
}

Deno.test("the image has what the keys need", async () => {
  const file = "overlay/image.yaml";
  const { packages } = parseDefinition(await Deno.readTextFile(file), file);
  const missing = needsOf().packages.filter((name) => !packages.includes(name));
  assertEquals(missing, []);
});

Deno.test("the lab tells its nodes something of every key", () => {
  const files = labFleetFiles({ sshPublicKey: SSH_KEYS[0], everySeconds: 5 });
  const texts = [...files.values(), labNodeExtras("alpha", "http://10.0.2.2:1/")].join("\n");
  for (const name of KEY_NAMES) assertMatch(texts, new RegExp(`^  ${name}:`, "m"));
});

Deno.test("reference and table name every key", () => {
  const [reference, table] = [referenceText(), keyTable()];
  for (const name of KEY_NAMES) {
    assert(reference.includes(`\n## \`${name}\`\n`), name);
    assert(table.includes(`\n| \`${name}\` | `), name);
  }
  assert(reference.includes("5 to 604800 seconds"));
  assert(reference.includes("| An http:// or https:// URL"));
});

Deno.test("agentFor() is the newest version that anything said needs", () => {
  assertEquals(agentFor({}), "0.1.0");
  assertEquals(agentFor({ hostname: "a", users: { ann: { uid: 5 } } }), "0.1.0");
  assertEquals(agentFor({ hostname: "a", users: { ann: { uid: 5, sshKeys: {} } } }), "0.2.0");
  assertEquals(agentFor({ hostname: "a", timezone: "UTC" }), "0.2.0");
});

Deno.test("agentFor() can tell of every key's example, and that it needs no agent that is still to come", async () => {
  const { version } = JSON.parse(await Deno.readTextFile("deno.json")) as { version: string };
  for (const name of KEY_NAMES) {
    const needed = agentFor(parse(KEYS[name].example) as NodeConfig);
    assert(!isNewer(needed, version), `${name} needs ${needed}`);
  }
});

Deno.test("isNewer() compares versions by their numbers, and knows nothing of other words", () => {
  const cases: [string, string, boolean][] = [
    ["0.2.0", "0.1.9", true],
    ["0.10.0", "0.9.0", true],
    ["1.0.0", "0.99.99", true],
    ["0.1.0", "0.1.0", false],
    ["0.1.0", "0.2.0", false],
    ["0.2.0", "unknown", false],
    ["unknown", "0.2.0", false],
  ];
  for (const [a, b, newer] of cases) assertEquals(isNewer(a, b), newer, `${a} ${b}`);
});

Deno.test("what is applied is told, and the other keys are the course's", () => {
  const others = KEY_NAMES.filter((name) => !(APPLIED_NAMES as string[]).includes(name));
  assertEquals(others, ["report", "check"]);
});

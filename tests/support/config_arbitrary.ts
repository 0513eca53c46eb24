/**
 * Random configurations, made from the schemas of the keys: every mapping may lack any field that others do without, lists and
 * names vary. Texts and numbers that have a meaning are taken from the keys' own examples and from {@linkcode SAMPLES}: a
 * field of a new key takes part as soon as its example sets it.
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parse } from "yaml";
import { KEY_NAMES, KEYS, mergedProblems, type NodeConfig } from "../../lib/config/mod.ts";
import { unwrapped } from "../../lib/schema/paths.ts";
import { factsOf, fieldsOf, visitValues } from "../../lib/schema/words.ts";
import type { GenericSchema } from "valibot";

/** Stands in texts that are secrets. */
export const MARKER = "hunter2";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnvAx2oLeJC3icCn1516kUtwLjtsfRVPcPUVJW0I8ou";

/** Values of fields, and names of mappings ("<field>.<name>" as a field's path), beside those of the keys' examples. */
const SAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  hostname: ["first", "second.lan"],
  timezone: ["Europe/Berlin", "UTC"],
  "hosts.<name>": ["10.0.0.5", "fd00::5"],
  "hosts.<name>.[]": ["nas", "nas.lan"],
  "groups.<name>": ["media", "web"],
  "groups.<name>.gid": [2000],
  "users.<name>": ["ann", "bob", "root"],
  "users.<name>.uid": [1001],
  "users.<name>.gid": [2001],
  "users.<name>.comment": ["A", ""],
  "users.<name>.groups.<name>": ["wheel", "media", "web"],
  "users.<name>.home": ["/data/a", "/home/b"],
  "users.<name>.shell": ["/bin/sh", "/bin/ash"],
  "users.<name>.passwordHash": [`$6$${MARKER}$x`, `$6$${MARKER}$y`],
  "users.<name>.sshKeys.<name>": ["laptop"],
  "users.<name>.sshKeys.<name>.": [`${SSH_KEY} a`, `${SSH_KEY} b`],
  "doas.<name>": ["backup", "web"],
  "doas.<name>.": ["permit nopass :wheel", "deny ann"],
  "ssh.port": [22, 2222],
  "ssh.permitRootLogin": ["no"],
  "ssh.trustedUserCAs.<name>": ["ours"],
  "ssh.trustedUserCAs.<name>.": [SSH_KEY],
  "ssh.settings.<name>": ["MaxAuthTries", "LoginGraceTime"],
  "ssh.settings.<name>.": ["3", "5"],
  "directories.<name>": ["/srv/a", "/srv/b"],
  "directories.<name>.owner": ["root", "sshd"],
  "directories.<name>.group": ["root", "wheel"],
  "files.<name>": ["/etc/one", "/srv/a/two", "/etc/three"],
  "files.<name>.content": [`${MARKER} one\n`, `${MARKER} two {{name}}\n`],
  "files.<name>.encoding": [],
  "files.<name>.mode": ["0600", "0640"],
  "files.<name>.owner": ["root", "sshd"],
  "files.<name>.group": ["root", "wheel"],
  "files.<name>.validate": ["check %s"],
  "links.<name>": ["/etc/link", "/srv/link"],
  "links.<name>.target": ["/srv/a", "one"],
  "scripts.<name>": ["x", "y"],
  "scripts.<name>.run": [`echo ${MARKER}`, `echo ${MARKER} 2`],
  "report.url": [`https://example.com/${MARKER}`],
  "check.everySeconds": [60, 600],
};

/** Keys and fields of which no value is made, each with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "firewall":
    "it is one trial of one text: firewall_test.ts and the tests of agent/trial cut that off anywhere",
  "network": "it is one trial of what the kernel holds: network_test.ts cuts it off on a real one",
  "dns": "it is part of the network's trial: network_test.ts",
  "ntp": "it is part of the network's trial: network_test.ts",
  "storage":
    "programs make what it is about, and files wait for mounts: storage_test.ts cuts it off anywhere",
  "files.<name>.encoding": "content would have to be base64: tree_property_test.ts makes it",
  "ssh.hostCertificate": "it must be of the node's own host key: ssh_test.ts makes it",
};

/** The keys that take part. */
export const NAMES = KEY_NAMES.filter((name) => !LEFT_OUT[name]);

/** Values of every field in the examples, and names of mappings, by path. */
const EXAMPLES = new Map<string, Set<string>>();
for (const name of NAMES) {
  const { schema, example } = KEYS[name] as { schema: GenericSchema; example: string };
  const value = (parse(example) as Record<string, unknown>)[name];
  const note = (path: string, one: unknown) =>
    void EXAMPLES.set(path, (EXAMPLES.get(path) ?? new Set()).add(JSON.stringify(one)));
  visitValues(schema, value, (_schema, one, path) => {
    const place = placeOf(name, schema, path);
    if (place.endsWith(".<name>")) note(place, path.at(-1));
    if (typeof one !== "object") note(place.endsWith(".<name>") ? `${place}.` : place, one);
  });
}

/** The path of a value as that of its field. */
function placeOf(name: string, schema: GenericSchema, path: readonly string[]): string {
  let at: GenericSchema | undefined = schema;
  const parts = path.map((key) => {
    const parts = unwrapped(at)!;
    const entry = parts.entries?.[key];
    at = entry ?? parts.value ?? parts.item;
    return entry ? key : parts.value ? "<name>" : "[]";
  });
  return [name, ...parts].join(".");
}

function samplesOf(path: string): unknown[] {
  const known = [...EXAMPLES.get(path) ?? []].map((one) => JSON.parse(one) as unknown);
  const found = [...new Set([...SAMPLES[path] ?? [], ...SAMPLES[path] ? [] : known])];
  if (found.length > 0) return found;
  throw new Error(
    `There is no value to try for ${path}: let the key's example set it, or add one to ` +
      "SAMPLES of tests/support/config_arbitrary.ts",
  );
}

/** Values of a schema, and whether it can be left out. */
function valueOf(schema: GenericSchema, path: string): fc.Arbitrary<unknown> {
  const parts = unwrapped(schema)! as ReturnType<typeof unwrapped> & {
    literal?: unknown;
    options?: readonly unknown[];
  };
  if (parts.entries) {
    const fields = Object.entries(parts.entries).filter(([name]) => !LEFT_OUT[`${path}.${name}`]);
    const required = fields.filter(([, field]) =>
      (field as unknown as { type: string }).type !== "optional"
    );
    return fc.record(
      Object.fromEntries(
        fields.map(([name, field]) => [name, valueOf(field, `${path}.${name}`)]),
      ),
      { requiredKeys: required.map(([name]) => name) },
    );
  }
  if (parts.value) {
    const inner = valueOf(parts.value, `${path}.<name>`);
    return fc.subarray(samplesOf(`${path}.<name>`) as string[]).chain((names) =>
      fc.tuple(...names.map((name) => inner.map((value) => [name, value] as const)))
        .map((entries) => Object.fromEntries(entries))
    );
  }
  if (parts.item) {
    return fc.uniqueArray(valueOf(parts.item, `${path}.[]`), { minLength: 1, maxLength: 2 });
  }
  if (parts.type === "boolean") return fc.boolean();
  if (parts.type === "literal") return fc.constant(parts.literal);
  const leaf = path.endsWith(".<name>") ? `${path}.` : path;
  if (parts.type === "picklist" && !SAMPLES[path]) return fc.constantFrom(...parts.options!);
  return fc.constantFrom(...samplesOf(leaf));
}

/** A configuration that the site build takes: entries of which it would not are left out. */
export const configArbitrary: fc.Arbitrary<NodeConfig> = fc.record(
  Object.fromEntries(
    NAMES.map((name) => [name, valueOf(KEYS[name].schema as GenericSchema, name)]),
  ),
  { requiredKeys: [] },
).map((made) => {
  let config = made as NodeConfig;
  for (let [first] = mergedProblems(config); first; [first] = mergedProblems(config)) {
    config = without(config, first.path.slice(0, 2)) as NodeConfig;
  }
  return config;
});

function without(value: object, [key, ...rest]: readonly string[]): object {
  const { [key!]: inner, ...others } = value as Record<string, object>;
  return rest.length === 0 ? others : { ...others, [key!]: without(inner!, rest) };
}

/** Notes which fields have occurred; complains of those that have not. */
export class SeenFields {
  readonly #seen = new Set<string>();

  add(config: NodeConfig): void {
    for (const name of NAMES) {
      const schema = KEYS[name].schema as GenericSchema;
      visitValues(schema, config[name], (_schema, _value, path) => {
        this.#seen.add(placeOf(name, schema, path));
      });
    }
  }

  assertAll(): void {
    const all = NAMES.flatMap((name) => [
      name,
      ...fieldsOf(KEYS[name].schema as GenericSchema).map(({ path }) => [name, ...path].join(".")),
    ]);
    const missing = all.filter((field) => !this.#seen.has(field) && !LEFT_OUT[field]);
    assertEquals(missing, [], "fields that no configuration had");
  }
}

/** Fields of secrecy "secret" whose samples lack the {@linkcode MARKER}. */
export function unmarkedSecrets(): string[] {
  return NAMES.flatMap((name) =>
    fieldsOf(KEYS[name].schema as GenericSchema)
      .filter(({ schema, parts }) =>
        factsOf(schema)?.secrecy === "secret" && !parts.entries && !parts.value && !parts.item
      )
      .map(({ path }) => [name, ...path].join("."))
  ).filter((field) => !samplesOf(field).every((one) => String(one).includes(MARKER)));
}

/**
 * What holds for all directories, files and links that a configuration can want, one after another and with an agent that is
 * killed anywhere in between: the node ends as after a boot with the last configuration alone.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RESOURCES } from "../../../agent/resources/mod.ts";
import { directories } from "../../../agent/resources/directories.ts";
import { files } from "../../../agent/resources/files.ts";
import { gone } from "../../../agent/resources/gone.ts";
import { links } from "../../../agent/resources/links.ts";
import { applier, type Apply } from "../../../agent/resources/resource.ts";
import { RUN_DIR } from "../../../agent/system/paths.ts";
import { KEYS, mergedProblems, type NodeConfig } from "../../../lib/config/mod.ts";
import { fieldsOf, visitValues } from "../../../lib/schema/words.ts";
import type { FakeHost } from "../../support/fake_host.ts";
import { filesHost } from "./files_fake.ts";
import { apply, SECRET, targetOf } from "./questions.ts";

const NAMES = ["directories", "files", "links"] as const;
const KEY_PARTS = [
  applier("directories", directories),
  applier("files", files),
  applier("links", links),
];
const PARTS: readonly Apply[] = [gone, ...KEY_PARTS.map(({ apply }) => apply)];
const act: Apply = async (host, target, applied) => {
  for (const part of PARTS) await part(host, target, applied);
};

/** A file, a directory and a link of the image, an account's home, and paths where nothing is. */
const PATHS = [
  ...["/etc/file", "/etc/dir", "/etc/dir/x", "/etc/link", "/home/sshd/a", "/home/sshd/a/b"],
  ...["/srv", "/srv/a", "/srv/a/b", "/srv/a/b/c", "/srv/d"],
];

function host(): FakeHost {
  const node = filesHost();
  node.put("/etc/file", "of the image", 0o600);
  node.put("/etc/dir/y", "of the image");
  for (const path of ["/etc/dir", "/home/sshd"]) {
    node.nodes.set(path, { ...node.nodes.get("/etc")!, mode: 0o700, uid: 22, gid: 22 });
  }
  const link = { kind: "symlink", target: "image", mode: 0o777 } as const;
  node.nodes.set("/etc/link", { ...node.nodes.get("/etc")!, ...link });
  return node;
}

const mode = fc.option(fc.constantFrom("0600", "0644", "0755"), { nil: undefined });
const owner = fc.option(fc.constantFrom("root", "sshd"), { nil: undefined });
const group = fc.option(fc.constantFrom("root", "wheel"), { nil: undefined });
const text = fc.constantFrom(SECRET, `${SECRET}{{`, `other ${SECRET}`);
const content = fc.oneof(
  fc.record({ content: text }),
  text.map((one) => ({ content: btoa(one), encoding: "base64" as const })),
  fc.record({
    content: fc.constant(`${SECRET} {{name}} {{address.eth0}}`),
    template: fc.constant(true),
  }),
);
const validate = fc.option(fc.constant("check %s"), { nil: undefined });
const file = fc.tuple(content, fc.record({ mode, owner, group, validate }))
  .map(([what, facts]) => ({ files: { ...what, ...facts } }));
const directory = fc.record({ directories: fc.record({ mode, owner, group }) });
const link = fc.record({ links: fc.record({ target: fc.constantFrom("/x", "y", "image") }) });

/** A configuration that the site build takes. */
const config = fc.tuple(
  ...PATHS.map(() => fc.option(fc.oneof(file, directory, link), { nil: {}, freq: 2 })),
).map((entries): NodeConfig => {
  const all: Record<string, Record<string, unknown>> = {};
  for (const [i, entry] of entries.entries()) {
    for (const [name, value] of Object.entries(entry as Record<string, object>)) {
      const said = Object.entries(value).filter(([, one]) => one !== undefined);
      (all[name] ??= {})[PATHS[i]!] = Object.fromEntries(said);
    }
  }
  // What would lie below a file or a link is left out.
  for (const { path: [name, path] } of mergedProblems(all as NodeConfig)) delete all[name!]![path!];
  return all as NodeConfig;
});

/** What is on a node, but for the agent's own. Of directories that nobody has asked for mode and owner don't count. */
function treeOf(node: FakeHost, { directories = {} }: NodeConfig): Record<string, unknown> {
  const image = host();
  return Object.fromEntries(
    [...node.nodes].filter(([path]) => !path.startsWith(RUN_DIR)).sort().map(([path, facts]) => {
      const { kind, data, target, mode, uid, gid } = facts;
      const isFree = kind === "directory" && !(path in directories) && !image.nodes.has(path);
      const content = new TextDecoder().decode(data);
      return [path, { kind, content, target, ...!isFree && { mode, uid, gid } }];
    }),
  );
}

const targetFor = (given: NodeConfig) => targetOf(given, { shown: {} });

/** Ends the agent at a change of the node: none after it is made. */
function cutAfter(node: FakeHost, changes: number): () => void {
  const names = [
    ...["writeFile", "placeFile", "placeDirectory", "placeLink", "removeEntry"],
    ...["mkdir", "remove", "chmod", "chown"],
  ] as const;
  const methods = node as unknown as Record<string, unknown>;
  for (const name of names) {
    const change = (methods[name] as (...given: unknown[]) => Promise<unknown>).bind(node);
    methods[name] = (...given: unknown[]) =>
      changes-- > 0 ? change(...given) : Promise.reject(new Error("killed"));
  }
  return () => {
    for (const name of names) delete methods[name];
  };
}

Deno.test("one configuration after another ends as a boot with the last one does, and applying it again does nothing", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(config, { minLength: 1, maxLength: 3 }), async (configs) => {
      const last = configs.at(-1)!;
      const node = host();
      const told: unknown[] = [];
      for (const one of configs) told.push(await apply(node, act, targetFor(one)));
      const { troubles } = await apply(node, act, targetFor(last));
      assertEquals(await apply(node, act, targetFor(last)), { steps: [], troubles });
      const fresh = host();
      await apply(fresh, act, targetFor(last));
      assertEquals(treeOf(node, last), treeOf(fresh, last));
      for (const { observe } of KEY_PARTS) told.push(await observe(node, targetFor(last)));
      const records = [...node.nodes].filter(([path]) => path.startsWith(`${RUN_DIR}/`));
      told.push(records.map(([path, { data }]) => [path, new TextDecoder().decode(data)]));
      assert(!JSON.stringify([told, node.log]).includes(SECRET), "a secret is told");
      for (const name of NAMES) {
        visitValues(KEYS[name].schema, last[name], (_schema, _value, path) => {
          seen.add([name, ...path.map((part, i) => i === 0 ? "<name>" : part)].join("."));
        });
      }
    }),
    { numRuns: 300 },
  );
  const fields = NAMES.flatMap((name) =>
    fieldsOf(KEYS[name].schema).map(({ path }) => [name, ...path].join("."))
  );
  assertEquals(fields.filter((field) => !seen.has(field)), []);
});

Deno.test("an agent that is killed anywhere leaves a node that the next round brings where a boot would", async () => {
  let cuts = 0;
  await fc.assert(
    fc.asyncProperty(config, config, config, fc.nat({ max: 30 }), async (a, b, c, changes) => {
      const node = host();
      await apply(node, act, targetFor(a));
      const goOn = cutAfter(node, changes);
      const { troubles } = await apply(node, act, targetFor(b));
      if (troubles.some(({ message }) => message.endsWith(": killed"))) cuts++;
      goOn();
      for (const last of [c, {}]) {
        await apply(node, act, targetFor(last));
        const fresh = host();
        await apply(fresh, act, targetFor(last));
        assertEquals(treeOf(node, last), treeOf(fresh, last));
      }
    }),
    { numRuns: 300 },
  );
  assert(cuts > 100, `${cuts} cuts`);
});

Deno.test("what is gone is undone before anything is made, and files find their directories and accounts", () => {
  // Only leftovers of an agent that was killed come before it.
  assertEquals(RESOURCES.indexOf(gone), 1);
  const order = Object.keys(KEYS);
  const places = ["users", "directories", "files", "links", "scripts"].map((name) =>
    order.indexOf(name)
  );
  assertEquals(places, places.toSorted((a, b) => a - b));
});

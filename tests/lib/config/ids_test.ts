import { assert, assertEquals } from "@std/assert";
import { derivedId } from "../../../lib/config/ids.ts";
import { agentFor, desired, mergedProblems, type NodeConfig } from "../../../lib/config/mod.ts";

Deno.test("derivedId() gives every agent the same numbers, for ever", () => {
  // Files on disks belong to these numbers.
  const known = {
    "ann": 43565,
    "bob": 22712,
    "docker": 56216,
    "first.last": 54656,
    "media": 55813,
    "web": 54102,
  };
  for (const [name, id] of Object.entries(known)) assertEquals(derivedId(name), id, name);
});

Deno.test("derivedId() spreads over 20000 to 59999", () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => derivedId(`u${i}`));
  assert(Math.min(...ids) >= 20_000 && Math.max(...ids) <= 59_999);
  assert(Math.min(...ids) < 20_020 && Math.max(...ids) > 59_980);
});

/** Two names with one id, as the first search found them. */
const [ONE, OTHER] = sameId();

function sameId(): [string, string] {
  const names = new Map<number, string>();
  for (let i = 0;; i++) {
    const name = `u${i}`;
    const other = names.get(derivedId(name));
    if (other !== undefined) return [other, name];
    names.set(derivedId(name), name);
  }
}

function messages(config: NodeConfig): string[] {
  return mergedProblems(config).map(({ message }) => message);
}

Deno.test("the build refuses two names with one id, and takes them when one is pinned", () => {
  const id = derivedId(ONE);
  assertEquals(messages({ users: { [ONE]: {}, [OTHER]: {} } }), [
    `users ${ONE} and ${OTHER} both get the uid ${id}: pin one (users.<name>.uid)`,
  ]);
  assertEquals(messages({ users: { [ONE]: {}, [OTHER]: { uid: 1000 } } }), []);
  assertEquals(messages({ groups: { [ONE]: {} }, users: { ann: { groups: { [OTHER]: true } } } }), [
    `groups ${OTHER} and ${ONE} both get the gid ${id}: pin one (groups.<name>.gid)`,
  ]);
  assertEquals(messages({ groups: { media: { gid: 1000 } }, users: { ann: { uid: 1000 } } }), [
    "groups ann and media both get the gid 1000: pin one (groups.<name>.gid)",
  ]);
  assertEquals(
    messages({ groups: { media: { gid: 1000 } }, users: { ann: { uid: 1000, gid: 1001 } } }),
    [],
  );
  assertEquals(messages({ groups: { ann: { gid: 5 } }, users: { ann: { uid: 5, gid: 6 } } }), [
    "groups.ann.gid is 5, and users.ann.gid is 6",
  ]);
});

Deno.test("a group of the image has the number that the image gives, whatever follows from its name", () => {
  assertEquals(messages({ groups: { media: { gid: derivedId("wheel") }, wheel: {} } }), []);
});

Deno.test("an account's own group has the gid that is said of it, else its uid, else what follows from the name", () => {
  const gidOf = (config: NodeConfig) => desired("groups", config, { name: "n" })["ann"]!.gid;
  assertEquals(gidOf({ users: { ann: { uid: 5, gid: 7 } } }), 7);
  assertEquals(gidOf({ users: { ann: { uid: 5 } }, groups: { ann: { gid: 8 } } }), 8);
  assertEquals(gidOf({ users: { ann: { uid: 5 } }, groups: { ann: {} } }), 5);
  assertEquals(gidOf({ users: { ann: {} } }), derivedId("ann"));
  assertEquals(gidOf({ users: { bob: { groups: { ann: true } } } }), derivedId("ann"));
});

Deno.test("what the first agent refuses of accounts needs a later one", () => {
  const cases: [NodeConfig, string][] = [
    [{ users: { ann: { uid: 65533 } } }, "0.1.0"],
    [{ users: { ann: { uid: 65536 } } }, "0.2.0"],
    [{ users: { "first.last": {} } }, "0.2.0"],
    [{ files: { "/etc/x": { content: "", owner: "first.last" } } }, "0.2.0"],
    [{ files: { "/etc/x": { content: "", group: "a.b" } } }, "0.2.0"],
    [{ files: { "/etc/a.b": { content: "", group: "ab" } } }, "0.1.0"],
  ];
  for (const [config, version] of cases) assertEquals(agentFor(config), version);
});

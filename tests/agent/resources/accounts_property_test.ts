/** What is left of a configuration when another takes its place: nothing, but for what is said to stay until the next boot. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { groups } from "../../../agent/resources/groups.ts";
import { applier, type Apply } from "../../../agent/resources/resource.ts";
import { users } from "../../../agent/resources/users.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import type { UserConfig } from "../../../lib/config/users.ts";
import { parseGroup, parsePasswd, parseShadow } from "../../../lib/formats/accounts.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { ProcessesFake } from "./processes_fake.ts";
import { settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

/** Accounts that a configuration may list; the first two are the image's. */
const NAMES = ["root", "sshd", "ann", "bob", "first.last"];
const GROUPS = ["wheel", "docker", "media"];

const [makeGroups, makeUsers] = [applier("groups", groups).apply, applier("users", users).apply];
const act: Apply = async (host, target, applied) => {
  await makeGroups(host, target, applied);
  await makeUsers(host, target, applied);
};

const someOf = (names: readonly string[]) =>
  fc.subarray([...names]).map((chosen) =>
    Object.fromEntries(chosen.map((name) => [name, true as const]))
  );
const user: fc.Arbitrary<UserConfig> = fc.record({
  comment: fc.constantFrom("", "A", "B"),
  groups: someOf(GROUPS),
  home: fc.constantFrom("/data/a", "/data/b"),
  passwordHash: fc.constantFrom("$6$a$x", "$6$b$x"),
  shell: fc.constantFrom("/bin/sh", "/bin/ash"),
  sshKeys: fc.constantFrom<Record<string, string>[]>({}, { k: "ssh-x A" }),
  system: fc.boolean(),
}, { requiredKeys: [] });
const config: fc.Arbitrary<NodeConfig> = fc.record({
  // Numbers don't change while they are used.
  groups: fc.subarray([...GROUPS]).map((chosen) => ({
    ...Object.fromEntries(chosen.map((name) => [name, {}])),
    media: { gid: 2000 },
  })),
  users: fc.subarray([...NAMES]).chain((names) =>
    fc.tuple(...names.map((name) =>
      user.map((one) => {
        // Homes are not shared.
        const home = one.home && `${one.home}/${name}`;
        return [name, home === undefined ? one : { ...one, home }] as const;
      })
    )).map((entries) => Object.fromEntries(entries))
  ),
});

function node(): FakeHost {
  const host = new FakeHost({
    ...ROOT_FILES,
    "/etc/shadow": `${ROOT_FILES["/etc/shadow"]}sshd:!::0:::::\n`,
    "/bin/ash": "",
  });
  new ProcessesFake(host);
  return host;
}

/** Accounts, groups and keys of a node; of accounts of others than `known` only whether anything lets somebody in. */
async function stateOf(host: FakeHost, known: ReadonlySet<string>) {
  const passwords = parseShadow(host.textOf("/etc/shadow"));
  const accounts = parsePasswd(host.textOf("/etc/passwd"));
  const keys: Record<string, string> = {};
  for (const name of await host.readDir("/etc/ssh/authorized_keys.d")) {
    const text = host.textOf(`/etc/ssh/authorized_keys.d/${name}`);
    if (text !== "") keys[name] = text;
  }
  const gone = accounts.filter(({ name }) => !known.has(name));
  for (const { name } of gone) assertEquals(passwords.get(name), "!", `${name} is not locked`);
  const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
  return {
    keys,
    accounts: accounts.filter(({ name }) => known.has(name)).sort(byName)
      .map((account) => ({ ...account, password: passwords.get(account.name) })),
    groups: parseGroup(host.textOf("/etc/group"))
      .filter(({ name }) => gone.every((account) => account.name !== name)).sort(byName)
      .map((group) => ({ ...group, members: group.members.toSorted() })),
  };
}

Deno.test("accounts and groups are as a fresh boot makes them, whatever was there before in this one", async () => {
  await fc.assert(
    fc.asyncProperty(config, config, async (before, after) => {
      const [used, fresh] = [node(), node()];
      await settle(used, act, targetOf(before));
      await settle(used, act, targetOf(after));
      await settle(fresh, act, targetOf(after));
      const known = new Set(["root", "sshd", ...Object.keys(after.users ?? {})]);
      assertEquals(await stateOf(used, known), await stateOf(fresh, known));
    }),
    { numRuns: 300 },
  );
});

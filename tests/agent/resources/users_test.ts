import { assert, assertEquals } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { users } from "../../../agent/resources/users.ts";
import { desired, differences } from "../../../lib/config/mod.ts";
import type { UserConfig } from "../../../lib/config/users.ts";
import { parsePasswd, parseShadow } from "../../../lib/formats/accounts.ts";
import type { Ownership } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const ANN: UserConfig = {
  uid: 1000,
  comment: "Ann",
  groups: { wheel: true, docker: true },
  sshKeys: { k1: "ssh-x A" },
};
const host = () => new FakeHost(ROOT_FILES);

askQuestions("users", {
  resource: users,
  host,
  cases: [
    {
      title: "creates accounts, groups, homes and keys",
      config: { users: { ann: ANN, bob: {} } },
      steps: [
        "manage ann, bob",
        "create group ann (gid 1000)",
        "create user ann (uid 1000)",
        "let ann log in by key only",
        "make /home/ann for ann",
        "let 1 SSH keys in as ann",
        "create group bob (gid 1001)",
        "create user bob (uid 1001)",
        "let bob log in by key only",
        "make /home/bob for bob",
        "make root, ann member of group wheel",
        "make ann member of group docker",
      ],
      check: async (host) => {
        assert(host.textOf("/etc/passwd").includes("\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n"));
        assert(host.textOf("/etc/group").includes("\nwheel:x:10:root,ann\n"));
        assert(host.textOf("/etc/group").includes("\ndocker:x:1002:ann\n"));
        assert(host.textOf("/etc/shadow").includes("\nann:*:"));
        assertEquals(host.textOf("/etc/ssh/authorized_keys.d/ann"), "ssh-x A\n");
        const home = await host.stat("/home/ann");
        assertEquals([home?.mode, home?.uid, home?.gid], [0o700, 1000, 1000]);
      },
    },
    {
      title: "gives no number that the configuration wants for another account",
      config: { users: { ann: {}, bob: { uid: 1000 } } },
      steps: [
        "manage ann, bob",
        "create group ann (gid 1001)",
        "create user ann (uid 1001)",
        "let ann log in by key only",
        "make /home/ann for ann",
        "create group bob (gid 1000)",
        "create user bob (uid 1000)",
        "let bob log in by key only",
        "make /home/bob for bob",
      ],
    },
    {
      title: "takes keys and groups away",
      before: { users: { ann: ANN, root: { sshKeys: { k1: "ssh-x R" } } } },
      config: { users: { ann: { groups: { docker: true } }, root: {} } },
      steps: [
        "let 0 SSH keys in as ann",
        "let 0 SSH keys in as root",
        "make root member of group wheel",
      ],
    },
    {
      title: "locks an account that is no longer listed, but never root",
      before: { users: { ann: ANN, root: { sshKeys: { k1: "ssh-x R" } } } },
      config: {},
      steps: [
        "let no SSH key in as ann any more",
        "lock user ann",
        "let no SSH key in as root any more",
      ],
      check: (host) => {
        assert(host.textOf("/etc/shadow").includes("\nann:!:"));
        assert(host.textOf("/etc/shadow").includes("root:*:"));
      },
    },
  ],
});

Deno.test("users gives no account a group of the image, and goes on with one that was only half made", async () => {
  const { apply: act } = applier("users", users);
  const node = host();
  node.put(
    "/etc/group",
    `${node.textOf("/etc/group")}shadow:x:42:\nnogroup:x:65533:\nbob:x:1007:\n`,
  );
  const names = ["wheel", "shadow", "nogroup", "bob", "sshd"];
  const target = targetOf({ users: Object.fromEntries(names.map((name) => [name, {}])) });
  const { troubles } = await apply(node, act, target);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot create user wheel: its group would be the image's wheel (gid 10)",
    "Cannot create user shadow: its group would be the image's shadow (gid 42)",
    "Cannot create user nogroup: its group would be the image's nogroup (gid 65533)",
  ]);
  const accounts = parsePasswd(node.textOf("/etc/passwd")).map(({ name, gid }) => `${name} ${gid}`);
  assertEquals(accounts, ["root 0", "sshd 22", "bob 1007"]);
  assertEquals([...parseShadow(node.textOf("/etc/shadow")).keys()].sort(), ["bob", "root", "sshd"]);
});

Deno.test("users gives a home to its account when an agent was killed while it made it", async () => {
  const { apply: act } = applier("users", users);
  const target = targetOf({ users: { ann: { uid: 1000 } } });
  const states: [Partial<Ownership>, number][] = [
    // Made, but not handed over; handed over, but with the mode that an odd umask gave it.
    [{ uid: 0, gid: 0, mode: 0o700 }, 0o700],
    [{ uid: 0, gid: 0, mode: 0o755 }, 0o700],
    [{ uid: 1000, gid: 1000, mode: 0o500 }, 0o700],
    [{ uid: 1000, gid: 1000, mode: 0o455 }, 0o755],
  ];
  for (const [state, mode] of states) {
    const node = host();
    await apply(node, act, target);
    Object.assign(node.nodes.get("/home/ann")!, state);
    assertEquals(await settle(node, act, target), ["give /home/ann to ann"]);
    const home = await node.stat("/home/ann");
    assertEquals([home?.uid, home?.gid, home?.mode], [1000, 1000, mode]);
  }
});

Deno.test("users finishes an account wherever an agent was killed while it made it, whatever its uid", async () => {
  const { apply: act } = applier("users", users);
  for (const uid of [300, 1000]) {
    const target = targetOf({ users: { svc: { uid, sshKeys: { k1: "ssh-x S" } } } });
    const wanted = desired("users", target.config, target.identity);
    const whole = host();
    await apply(whole, act, target);
    const count = users.plan(wanted, await users.read(host(), wanted, target)).length;
    for (let done = 0; done <= count; done++) {
      const node = host();
      const steps = users.plan(wanted, await users.read(node, wanted, target));
      for (const step of steps.slice(0, done)) await users.apply(step, node);
      // The home's owner is handed over after it is made.
      if (steps[done - 1]?.what === "home") node.nodes.get("/home/svc")!.uid = 0;
      await settle(node, act, target);
      for (const path of ["/etc/passwd", "/etc/group", "/etc/shadow"]) {
        assertEquals(node.textOf(path), whole.textOf(path), `${path} after ${done} steps`);
      }
      const home = await node.stat("/home/svc");
      assertEquals([home?.uid, home?.gid, home?.mode], [uid, uid, 0o700], `after ${done} steps`);
      assertEquals(node.textOf("/etc/ssh/authorized_keys.d/svc"), "ssh-x S\n");
    }
  }
});

Deno.test("users leaves a home alone that its owner has opened, that is a link, or that is the image's", async () => {
  const { apply: act } = applier("users", users);
  const node = host();
  const target = targetOf({ users: { ann: {}, bob: {}, sshd: {} } });
  await apply(node, act, target);
  Object.assign(node.nodes.get("/home/ann")!, { gid: 10, mode: 0o2775 });
  await node.remove("/home/bob");
  await node.symlink("/data/bob", "/home/bob");
  node.put("/dev/null", "");
  assertEquals(await apply(node, act, target), { steps: [], troubles: [] });
});

Deno.test("users lets an account in again that was locked", async () => {
  const node = host();
  const { apply: act } = applier("users", users);
  for (const config of [{ users: { ann: {} } }, {}]) await apply(node, act, targetOf(config));
  const { steps } = await apply(node, act, targetOf({ users: { ann: {} } }));
  assertEquals(steps, ["let ann log in by key only"]);
});

Deno.test("users says what is impossible each time and does the rest", async () => {
  const node = host();
  const { apply: act } = applier("users", users);
  const target = targetOf({
    users: { ann: { uid: 22 }, bob: { shell: "/bin/zsh", sshKeys: { k1: "ssh-x B" } } },
  });
  const first = await apply(node, act, target);
  const messages = [
    "Cannot create user ann: uid 22 is sshd's",
    "Cannot give bob the shell /bin/zsh: it is not in the image",
  ];
  assertEquals(first.troubles.map(({ message }) => message), messages);
  assert(node.textOf("/etc/passwd").includes("\nbob:x:1000:1000::/home/bob:/bin/sh\n"));
  const second = await apply(node, act, target);
  assertEquals(second.steps, []);
  assertEquals(second.troubles.map(({ message }) => message), messages);
  node.put("/bin/zsh", "");
  const later = await apply(node, act, target);
  assertEquals(later.steps, ["change user bob: shell /bin/zsh"]);
});

Deno.test("users are reported as they are where everyone knows what is wanted, else as wanted or not", async () => {
  const { apply: act, observe } = applier("users", users);
  const node = host();
  const config = { users: { ann: ANN } };
  await apply(node, act, targetOf(config));
  const shown = { users: { ann: { uid: 1000, sshKeys: { k1: "ssh-x B" } } } };
  const target = targetOf(config, { shown });
  assertEquals(await observe(node, target), [{ name: "ann", uid: 1000, private: "private" }]);
  node.put("/etc/ssh/authorized_keys.d/ann", "ssh-x C\n");
  const told = await observe(node, target);
  assertEquals(told, [{ name: "ann", uid: 1000, private: "differs" }]);
  assertEquals(differences({ users: told }, config, shown, IDENTITY), [
    'user ann: the rest is "differs", must be "private"',
  ]);
});

Deno.test("a shell that would end a field of passwd is not set", async () => {
  const { apply: act } = applier("users", users);
  const node = host();
  node.put("/bin/a:b", "");
  const { troubles } = await apply(node, act, targetOf({ users: { ann: { shell: "/bin/a:b" } } }));
  assertEquals(troubles.length, 1);
  assert(node.textOf("/etc/passwd").endsWith(":/home/ann:/bin/sh\n"));
});

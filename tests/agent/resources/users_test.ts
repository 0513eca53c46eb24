import { assert, assertEquals } from "@std/assert";
import { groups } from "../../../agent/resources/groups.ts";
import { applier, type Apply } from "../../../agent/resources/resource.ts";
import { users } from "../../../agent/resources/users.ts";
import { derivedId } from "../../../lib/config/ids.ts";
import { desired, differences } from "../../../lib/config/mod.ts";
import type { UserConfig } from "../../../lib/config/users.ts";
import { parsePasswd, parseShadow } from "../../../lib/formats/accounts.ts";
import type { Ownership } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { ProcessesFake } from "./processes_fake.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const ANN: UserConfig = {
  uid: 1000,
  comment: "Ann",
  groups: { wheel: true, docker: true },
  sshKeys: { k1: "ssh-x A" },
};
const HASH = `$6$saltsalt$${"h".repeat(86)}`;

function host(): FakeHost {
  const host = new FakeHost(ROOT_FILES);
  new ProcessesFake(host);
  return host;
}
const { apply: makeGroups } = applier("groups", groups);
const { apply: makeUsers, observe } = applier("users", users);
/** Groups, then accounts, as a node does. */
const act: Apply = async (host, target, applied) => {
  await makeGroups(host, target, { steps: [], troubles: [] });
  await makeUsers(host, target, applied);
};

const passwdLine = (node: FakeHost, name: string) =>
  node.textOf("/etc/passwd").split("\n").find((line) => line.startsWith(`${name}:`));
const passwordOf = (node: FakeHost, name: string) =>
  parseShadow(node.textOf("/etc/shadow")).get(name);
const BOB = derivedId("bob");

askQuestions("users", {
  resource: users,
  host,
  first: makeGroups,
  cases: [
    {
      title: "creates accounts, homes and keys, and makes them members",
      config: { users: { ann: ANN, bob: {} } },
      steps: [
        "manage ann, bob",
        "create user ann (uid 1000)",
        "let ann log in by key only",
        "make /home/ann for ann",
        "let 1 SSH keys in as ann",
        `create user bob (uid ${BOB})`,
        "let bob log in by key only",
        "make /home/bob for bob",
        "make root, ann member of group wheel",
        "make ann member of group docker",
      ],
      check: async (node) => {
        assertEquals(passwdLine(node, "ann"), "ann:x:1000:1000:Ann:/home/ann:/bin/sh");
        assertEquals(passwdLine(node, "bob"), `bob:x:${BOB}:${BOB}::/home/bob:/bin/sh`);
        assert(node.textOf("/etc/group").includes("\nwheel:x:10:root,ann\n"));
        assert(node.textOf("/etc/group").includes(`\ndocker:x:${derivedId("docker")}:ann\n`));
        assertEquals(passwordOf(node, "ann"), "*");
        assertEquals(node.textOf("/etc/ssh/authorized_keys.d/ann"), "ssh-x A\n");
        const home = await node.stat("/home/ann");
        assertEquals([home?.mode, home?.uid, home?.gid], [0o700, 1000, 1000]);
      },
    },
    {
      title: "takes names with dots and large numbers",
      config: { users: { "first.last": { uid: 1_000_001, sshKeys: { k1: "ssh-x F" } } } },
      steps: [
        "manage first.last",
        "create user first.last (uid 1000001)",
        "let first.last log in by key only",
        "make /home/first.last for first.last",
        "let 1 SSH keys in as first.last",
      ],
      check: (node) =>
        assertEquals(node.textOf("/etc/ssh/authorized_keys.d/first.last"), "ssh-x F\n"),
    },
    {
      title: "makes accounts for programs, where nobody logs in",
      config: { users: { chrony: { system: true, uid: 100, gid: 101 } } },
      steps: ["manage chrony", "create user chrony (uid 100)", "lock user chrony"],
      check: async (node) => {
        assertEquals(passwdLine(node, "chrony"), "chrony:x:100:101::/dev/null:/sbin/nologin");
        assertEquals(await node.stat("/home/chrony"), undefined);
      },
    },
    {
      title: "sets passwords, and takes them away",
      before: { users: { bob: { passwordHash: HASH } } },
      config: { users: { ann: { passwordHash: HASH }, bob: {} } },
      steps: [
        "manage ann, bob",
        `create user ann (uid ${derivedId("ann")})`,
        "set the password of ann",
        "make /home/ann for ann",
        "let bob log in by key only",
      ],
      check: (node) =>
        assertEquals([passwordOf(node, "ann"), passwordOf(node, "bob")], [HASH, "*"]),
    },
    {
      title: "puts homes elsewhere, and leaves the old ones",
      before: { users: { ann: { uid: 1000 } } },
      config: { users: { ann: { uid: 1000, home: "/data/homes/ann", comment: "A" } } },
      steps: [
        "change user ann: comment, home /data/homes/ann",
        "make /data/homes/ann for ann",
      ],
      unseen: true,
      check: async (node) => {
        assertEquals(passwdLine(node, "ann"), "ann:x:1000:1000:A:/data/homes/ann:/bin/sh");
        assertEquals((await node.stat("/data/homes/ann"))?.uid, 1000);
        assertEquals((await node.stat("/home/ann"))?.kind, "directory");
      },
    },
    {
      title: "takes keys and groups away",
      before: { users: { ann: ANN, root: { sshKeys: { k1: "ssh-x R" } } } },
      config: { users: { ann: { uid: 1000, groups: { docker: true } }, root: {} } },
      steps: [
        "change user ann: comment",
        "let 0 SSH keys in as ann",
        "let 0 SSH keys in as root",
        "make root member of group wheel",
      ],
    },
    {
      title: "locks an account that is no longer listed, and makes the image's what they were",
      before: {
        users: {
          ann: ANN,
          root: { sshKeys: { k1: "ssh-x R" }, comment: "R", groups: {}, passwordHash: HASH },
          sshd: { sshKeys: { k1: "ssh-x S" } },
        },
      },
      config: {},
      steps: [
        "make root member of group wheel",
        "let no SSH key in as ann any more",
        "lock user ann",
        "let no SSH key in as root any more",
        "change user root: comment",
        "let root log in by key only",
        "let no SSH key in as sshd any more",
      ],
      check: (node) => {
        assertEquals(passwordOf(node, "ann"), "!");
        assertEquals(passwordOf(node, "root"), "*");
        assertEquals(passwdLine(node, "root"), "root:x:0:0:root:/root:/bin/sh");
        assert(node.textOf("/etc/group").includes("\nwheel:x:10:root\n"));
      },
    },
  ],
});

Deno.test("an account that is added moves no number of others, on any node and at any boot", async () => {
  const idsOn = async (names: readonly string[]) => {
    const node = host();
    const config = { users: Object.fromEntries(names.map((name) => [name, {}])) };
    await settle(node, act, targetOf(config));
    return new Map(
      parsePasswd(node.textOf("/etc/passwd")).map(({ name, uid, gid }) => [name, [uid, gid]]),
    );
  };
  const alone = await idsOn(["web"]);
  for (const others of [["backup", "web"], ["web", "backup"], ["a", "b", "web", "z"]]) {
    assertEquals((await idsOn(others)).get("web"), alone.get("web"), others.join());
  }
});

Deno.test("users ends what an account still runs that is no longer listed, but not what a program's account runs", async () => {
  const node = new FakeHost(ROOT_FILES);
  const processes = new ProcessesFake(node);
  await settle(
    node,
    act,
    targetOf({ users: { ann: { uid: 1000 }, web: { uid: 900, system: true } } }),
  );
  for (const [pid, uid] of [[11, 1000], [12, 1000], [13, 900], [14, 22]]) {
    processes.running.set(pid!, uid!);
  }
  assertEquals(await settle(node, act, targetOf({})), ["lock user ann", "end what ann still runs"]);
  assertEquals([...processes.running.keys()], [13, 14]);
  processes.running.set(15, 1000);
  assertEquals(await settle(node, act, targetOf({})), ["end what ann still runs"]);
});

Deno.test("users gives no number away that an account had in this boot, and says until when", async () => {
  const node = host();
  await settle(node, act, targetOf({ users: { ann: { uid: 1000 } } }));
  const { troubles } = await apply(node, act, targetOf({ users: { bob: { uid: 1000 } } }));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot create user bob: uid 1000 is ann's until the next boot",
  ]);
});

Deno.test("a number that the fleet no longer says, or says anew, is told until the next boot", async () => {
  const node = host();
  await settle(node, act, targetOf({ users: { ann: { uid: 1000 } } }));
  for (const [user, uid] of [[{}, derivedId("ann")], [{ uid: 1001 }, 1001]] as const) {
    const { troubles } = await apply(node, act, targetOf({ users: { ann: user } }));
    assertEquals(troubles.map(({ message }) => message), [
      `Cannot give ann the uid ${uid}: the account is there with uid 1000 until the next boot`,
    ]);
  }
  assertEquals(await settle(node, act, targetOf({ users: { ann: { uid: 1000 } } })), []);
});

Deno.test("users says when an account is there with other numbers, and goes on with it", async () => {
  const node = host();
  node.put("/etc/passwd", `${node.textOf("/etc/passwd")}ann:x:1000:1000::/home/ann:/bin/sh\n`);
  const config = { users: { ann: { uid: 1001, gid: 1002, sshKeys: { k1: "ssh-x A" } } } };
  const { troubles } = await apply(node, act, targetOf(config));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot give ann the uid 1001: the account is there with uid 1000",
    "Cannot give ann the gid 1002: the account is there with gid 1000",
  ]);
  assertEquals(node.textOf("/etc/ssh/authorized_keys.d/ann"), "ssh-x A\n");
});

Deno.test("users gives a directory elsewhere to an account only where it is root's and empty", async () => {
  const config = { users: { ann: { uid: 1000, home: "/srv/ann" } } };
  const message = "Cannot give /srv/ann to ann: it is";
  const states: [uid: number, file: boolean, trouble: string | undefined][] = [
    [0, false, undefined],
    [0, true, `${message} root's, and not empty, and ann has the uid 1000`],
    [1007, false, `${message} of uid 1007, and ann has the uid 1000`],
    [1000, true, undefined],
  ];
  for (const [uid, file, trouble] of states) {
    const node = host();
    await node.mkdir("/srv/ann", { mode: 0o755 });
    await node.chown("/srv/ann", uid, uid);
    if (file) node.put("/srv/ann/x", "");
    const { troubles } = await apply(node, act, targetOf(config));
    assertEquals(troubles.map(({ message }) => message), trouble === undefined ? [] : [trouble]);
    assertEquals((await node.stat("/srv/ann"))?.uid, trouble === undefined ? 1000 : uid);
  }
});

Deno.test("users tell nothing of a password but whether it is as wanted", async () => {
  const node = host();
  node.put("/etc/shadow", `root:${HASH}::0:::::\n`);
  const config = { users: { ann: { uid: 1000, passwordHash: HASH }, root: {} } };
  await settle(node, act, targetOf(config));
  const shown = { users: { ann: { uid: 1000 }, root: {} } };
  const told = await observe(node, targetOf(config, { shown }));
  assert(!JSON.stringify(told).includes("$6$"));
  assertEquals(told[0], { name: "ann", uid: 1000, groups: [], sshKeys: [], private: "private" });
  node.put("/etc/shadow", node.textOf("/etc/shadow").replace("ann:$6$", "ann:$5$"));
  assertEquals((await observe(node, targetOf(config, { shown })))[0]?.private, "differs");
});

Deno.test("users gives no account a group of the image, and goes on with one that was only half made", async () => {
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
  for (const uid of [300, 1000]) {
    const target = targetOf({ users: { svc: { uid, sshKeys: { k1: "ssh-x S" } } } });
    const wanted = desired("users", target.config, target.identity);
    const whole = host();
    await apply(whole, act, target);
    const ready = async () => {
      const node = host();
      await apply(node, makeGroups, target);
      return node;
    };
    const count = users.plan(wanted, await users.read(await ready(), wanted, target)).length;
    for (let done = 0; done <= count; done++) {
      const node = await ready();
      const steps = users.plan(wanted, await users.read(node, wanted, target));
      for (const step of steps.slice(0, done)) await users.apply(step, node, target);
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
  for (const config of [{ users: { ann: {} } }, {}]) await apply(node, act, targetOf(config));
  const { steps } = await apply(node, act, targetOf({ users: { ann: {} } }));
  assertEquals(steps, ["let ann log in by key only"]);
});

Deno.test("users says what is impossible each time and does the rest", async () => {
  const node = host();
  const target = targetOf({
    users: { ann: { uid: 22 }, bob: { shell: "/bin/zsh", sshKeys: { k1: "ssh-x B" } } },
  });
  const first = await apply(node, act, target);
  const messages = [
    "Cannot create user ann: uid 22 is sshd's",
    "Cannot give bob the shell /bin/zsh: it is not in the image",
  ];
  assertEquals(first.troubles.map(({ message }) => message), messages);
  assert(node.textOf("/etc/passwd").includes(`\nbob:x:${BOB}:${BOB}::/home/bob:/bin/sh\n`));
  const second = await apply(node, act, target);
  assertEquals(second.steps, []);
  assertEquals(second.troubles.map(({ message }) => message), messages);
  node.put("/bin/zsh", "");
  const later = await apply(node, act, target);
  assertEquals(later.steps, ["change user bob: shell /bin/zsh"]);
});

Deno.test("users are reported as they are where everyone knows what is wanted, else as wanted or not", async () => {
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
  const node = host();
  node.put("/bin/a:b", "");
  const { troubles } = await apply(node, act, targetOf({ users: { ann: { shell: "/bin/a:b" } } }));
  assertEquals(troubles.length, 1);
  assert(node.textOf("/etc/passwd").endsWith(":/home/ann:/bin/sh\n"));
});

/** Each resource against a node in memory: what it plans, that applying leads there, that a second plan is empty. */
import { assert, assertEquals } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import type { NodeConfig } from "../../../lib/documents/site.ts";
import { observe } from "../../../agent/resources/observe.ts";
import { type Applied, bind, type Bound } from "../../../agent/resources/resource.ts";
import { files } from "../../../agent/resources/files.ts";
import { hostname } from "../../../agent/resources/hostname.ts";
import { interpreter, SCRIPT_TIMEOUT_MS, scripts } from "../../../agent/resources/scripts.ts";
import { ssh } from "../../../agent/resources/ssh.ts";
import { users } from "../../../agent/resources/users.ts";
import type { Identity } from "../../../agent/identity/read.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { KEY } from "../../site/support.ts";
import { HOST_KEY, World } from "../world.ts";

const IDENTITY: Identity = {
  name: "alpha",
  ageKeys: [],
  pinned: publicKeyOf(KEY),
  sites: [],
  sshHostKey: HOST_KEY,
  sshHostPublicKey: "ssh-ed25519 AAAA alpha",
};

async function apply(world: World, resource: Bound, config: NodeConfig, bootId = "boot-1") {
  const applied: Applied = { steps: [], troubles: [] };
  await resource(world, { identity: IDENTITY, config, bootId }, applied);
  return applied;
}

/** Applies, then expects that nothing is left to do. */
async function settle(world: World, resource: Bound, config: NodeConfig): Promise<string[]> {
  const first = await apply(world, resource, config);
  assertEquals(first.troubles, []);
  assertEquals(await apply(world, resource, config), { steps: [], troubles: [] });
  return first.steps;
}

Deno.test("hostname follows the configuration, else the node's name", async () => {
  const world = new World();
  assertEquals(await settle(world, bind(hostname), {}), [
    "set the host name to alpha",
    "write alpha to /etc/hostname",
  ]);
  await settle(world, bind(hostname), { hostname: "other.test" });
  assertEquals([world.hostname, world.textOf("/etc/hostname")], ["other.test", "other.test\n"]);
});

Deno.test("hostname leaves /etc/hostname to the configuration's files", async () => {
  const config = { files: { "/etc/hostname": { content: "mine\n" } } };
  assertEquals(await settle(new World(), bind(hostname), config), ["set the host name to alpha"]);
});

const ANN = { uid: 1000, comment: "Ann", groups: ["wheel", "docker"], sshKeys: ["ssh-x A"] };

Deno.test("users creates accounts, groups, homes and keys", async () => {
  const world = new World();
  const steps = await settle(world, bind(users), { users: { ann: ANN, bob: {} } });
  assertEquals(steps, [
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
  ]);
  assert(world.textOf("/etc/passwd").includes("\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n"));
  assert(world.textOf("/etc/group").includes("\nwheel:x:10:root,ann\n"));
  assert(world.textOf("/etc/group").includes("\ndocker:x:1002:ann\n"));
  assert(world.textOf("/etc/shadow").includes("\nann:*:"));
  assertEquals(world.textOf("/etc/ssh/authorized_keys.d/ann"), "ssh-x A\n");
  const home = await world.stat("/home/ann");
  assertEquals([home?.mode, home?.uid, home?.gid], [0o700, 1000, 1000]);
});

Deno.test("users gives no number that the configuration wants for another account", async () => {
  const world = new World();
  await settle(world, bind(users), { users: { ann: {}, bob: { uid: 1000 } } });
  assert(world.textOf("/etc/passwd").includes("\nann:x:1001:"));
});

Deno.test("users takes keys and groups away, and locks an account that is no longer listed", async () => {
  const world = new World();
  await settle(world, bind(users), { users: { ann: ANN, root: { sshKeys: ["ssh-x R"] } } });
  const less = { users: { ann: { groups: ["docker"] }, root: {} } };
  assertEquals(await settle(world, bind(users), less), [
    "let 0 SSH keys in as ann",
    "let 0 SSH keys in as root",
    "make root member of group wheel",
  ]);
  assertEquals(await settle(world, bind(users), {}), ["lock user ann"]);
  assert(world.textOf("/etc/shadow").includes("\nann:!:"));
  assert(world.textOf("/etc/shadow").includes("root:*:"));
  assertEquals(await settle(world, bind(users), { users: { ann: {} } }), [
    "let ann log in by key only",
  ]);
});

Deno.test("users says what is impossible each time and does the rest", async () => {
  const world = new World();
  const config = { users: { ann: { uid: 22 }, bob: { shell: "/bin/zsh", sshKeys: ["ssh-x B"] } } };
  const first = await apply(world, bind(users), config);
  const messages = [
    "Cannot create user ann: uid 22 is sshd's",
    "Cannot give bob the shell /bin/zsh: it is not in the image",
  ];
  assertEquals(first.troubles.map(({ message }) => message), messages);
  assert(world.textOf("/etc/passwd").includes("\nbob:x:1000:1000::/home/bob:/bin/sh\n"));
  const second = await apply(world, bind(users), config);
  assertEquals(second.steps, []);
  assertEquals(second.troubles.map(({ message }) => message), messages);
  world.put("/bin/zsh", "");
  const later = await apply(world, bind(users), config);
  assertEquals(later.steps, ["change user bob: shell /bin/zsh"]);
});

Deno.test("ssh installs the host key before it starts the server", async () => {
  const world = new World();
  assertEquals(await settle(world, bind(ssh), {}), [
    "install the SSH host key",
    "install the SSH host public key",
    "start sshd",
  ]);
  const info = await world.stat("/etc/ssh/ssh_host_ed25519_key");
  assertEquals([info?.mode, world.sshd], [0o600, true]);
  await world.chmod("/etc/ssh/ssh_host_ed25519_key", 0o644);
  assertEquals(await settle(world, bind(ssh), {}), [
    "install the SSH host key",
    "restart sshd with its host key",
  ]);
});

Deno.test("ssh does nothing in an image without sshd", async () => {
  const world = new World();
  await world.remove("/etc/init.d/sshd");
  assertEquals(await settle(world, bind(ssh), {}), []);
});

Deno.test("files are written, repaired in content, mode and owner, and shown without content", async () => {
  const world = new World();
  const config = {
    files: {
      "/etc/a": { content: "SECRET" },
      "/srv/b/c": { content: "AQI=", encoding: "base64" as const, mode: "0600", group: "wheel" },
    },
  };
  assertEquals(await settle(world, bind(files), config), [
    "write /etc/a (6 bytes, 0644 root:root)",
    "write /srv/b/c (2 bytes, 0600 root:wheel)",
  ]);
  assertEquals(await world.readFile("/srv/b/c"), new Uint8Array([1, 2]));
  assertEquals((await world.stat("/srv/b/c"))?.gid, 10);
  const spoil: (() => Promise<void>)[] = [
    () => world.chmod("/etc/a", 0o666),
    () => world.chown("/etc/a", 22, 0),
    () => Promise.resolve(world.put("/etc/a", "secret")),
    () => world.remove("/etc/a"),
  ];
  for (const change of spoil) {
    await change();
    assertEquals((await settle(world, bind(files), config)).length, 1);
  }
});

Deno.test("files with an owner who is not there fail alone", async () => {
  const config = { files: { "/a": { content: "", owner: "nobody" }, "/b": { content: "" } } };
  const { steps, troubles } = await apply(new World(), bind(files), config);
  assertEquals(steps.length, 1);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot write /a: there is no user nobody",
  ]);
});

Deno.test("scripts run once a boot, again when changed or failed, their output is root's", async () => {
  const world = new World();
  const run = (text: string, when?: "boot" | "change") => ({ scripts: { x: { run: text, when } } });
  const resource = bind(scripts);
  assertEquals(await settle(world, resource, run("echo 1")), [
    "run script x (first time in this boot)",
  ]);
  assertEquals(await settle(world, resource, run("echo 2")), [], "boot: only the next one");
  assertEquals(await settle(world, resource, run("echo 2", "change")), [
    "run script x (it has changed)",
  ]);
  const again = await apply(world, resource, run("echo 2"), "boot-2");
  assertEquals(again.steps, ["run script x (first time in this boot)"]);
  for (let i = 0; i < 2; i++) {
    const failed = await apply(world, resource, run("exit 3", "change"), "boot-2");
    assertEquals(failed.troubles.map(({ message }) => message), [
      "Cannot run script x: it ended with exit code 3, its output is in /run/psyopsos/scripts/x.out",
    ]);
  }
  for (const name of ["x.run", "x.out", "x.json"]) {
    const mode = (await world.stat(`/run/psyopsos/scripts/${name}`))!.mode;
    assertEquals(mode & 0o077, 0, name);
  }
  assertEquals((await world.stat("/run/psyopsos/scripts"))?.mode, 0o700);
});

Deno.test("scripts get no text on a command line and a bounded time", async () => {
  const world = new World();
  let timeout: number | undefined;
  world.programs.set("/bin/sh", (args, options) => {
    world.put(args[2]!, "out");
    timeout = options.timeoutMs;
    assertEquals(options.clearEnv, true);
    return "";
  });
  await apply(world, bind(scripts), { scripts: { x: { run: "#!/bin/true -e\nSECRET" } } });
  assertEquals(timeout, SCRIPT_TIMEOUT_MS);
  assert(!world.log.join().includes("SECRET"));
  const record = JSON.parse(world.textOf("/run/psyopsos/scripts/x.json"));
  assertEquals(record.outputSha256, sha256Hex(utf8("out")));
});

Deno.test("interpreter() reads the first line as the kernel does", () => {
  assertEquals(interpreter("echo"), ["/bin/sh"]);
  assertEquals(interpreter("#!/usr/bin/env -S a b\n"), ["/usr/bin/env", "-S a b"]);
  assertEquals(interpreter("#! /bin/ash\n"), ["/bin/ash"]);
  assertEquals(interpreter("#!sh\n"), ["/bin/sh"]);
});

Deno.test("observe() does not read a file that is far longer than any configuration", async () => {
  const world = new World();
  const config = { files: { "/etc/motd": { content: "hello\n" } } };
  await apply(world, bind(files), config);
  assertEquals((await observe(world, config, config)).files.length, 1);
  const stat = world.stat.bind(world);
  world.stat = async (path) => {
    const info = await stat(path);
    return path === "/etc/motd" && info ? { ...info, size: 2 ** 40 } : info;
  };
  world.readFile = (path) => Promise.reject(new Error(`read ${path}`));
  world.readTextFile = (path) => Promise.resolve(world.textOf(path));
  assertEquals((await observe(world, config, config)).files, []);
});

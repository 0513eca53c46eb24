import { assertEquals } from "@std/assert";
import { bind } from "../../../agent/resources/resource.ts";
import { ssh } from "../../../agent/resources/ssh.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";
import { SshFake } from "./ssh_fake.ts";

const act = bind(({ identity }) => identity, ssh);

function host(): { host: FakeHost; sshd: SshFake } {
  const host = new FakeHost(ROOT_FILES);
  return { host, sshd: new SshFake(host) };
}

Deno.test("ssh installs the host key before it starts the server", async () => {
  const { host: node, sshd } = host();
  assertEquals(await settle(node, act, targetOf({})), [
    "install the SSH host key",
    "install the SSH host public key",
    "start sshd",
  ]);
  const info = await node.stat("/etc/ssh/ssh_host_ed25519_key");
  assertEquals([info?.mode, sshd.running], [0o600, true]);
  await node.chmod("/etc/ssh/ssh_host_ed25519_key", 0o644);
  assertEquals(await settle(node, act, targetOf({})), [
    "install the SSH host key",
    "restart sshd with its host key",
  ]);
});

Deno.test("ssh does nothing in an image without sshd, or with a drive that has no key", async () => {
  const { host: node } = host();
  const without = { ...IDENTITY, sshHostKey: undefined };
  assertEquals(await settle(node, act, targetOf({}, { identity: without })), []);
  await node.remove("/etc/init.d/sshd");
  assertEquals(await settle(node, act, targetOf({})), []);
});

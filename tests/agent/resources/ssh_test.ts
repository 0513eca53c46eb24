import { assert, assertEquals } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { ssh } from "../../../agent/resources/ssh.ts";
import { derivedTestCertificate } from "../../support/ssh_certificate.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { TrialsFake } from "../trial/trials_fake.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";
import { SshFake } from "./ssh_fake.ts";

const { apply: act } = applier("ssh", ssh);
const SETTINGS = "/etc/ssh/sshd_config.d/10-psyopsos.conf";

function host(): { host: FakeHost; sshd: SshFake } {
  const host = new FakeHost(ROOT_FILES);
  return { host, sshd: new SshFake(host) };
}

/** A node whose server runs with its host key. */
async function started(config = {}) {
  const made = host();
  await settle(made.host, act, targetOf(config));
  return made;
}

const FIRST = ["install the SSH host key", "install the SSH host public key"];

askQuestions("ssh", {
  resource: ssh,
  host: () => host().host,
  cases: [
    {
      title: "starts the server with the host key, and its settings where there are some",
      config: { ssh: { port: 2222, permitRootLogin: "no", settings: { MaxAuthTries: "3" } } },
      steps: [...FIRST, "start sshd", "set up the SSH server"],
      check: async (node) => {
        assertEquals(node.textOf(SETTINGS), "Port 2222\nPermitRootLogin no\nMaxAuthTries 3\n");
        assertEquals((await node.stat(SETTINGS))?.mode, 0o600);
        assertEquals(await node.stat("/run/psyopsos/sshd"), undefined);
      },
    },
    {
      title: "takes settings and keys of authorities away that are no longer wanted",
      before: {
        ssh: {
          port: 2222,
          trustedUserCAs: { ca: "ssh-ed25519 AAAA ca", old: "ssh-ed25519 BBBB o" },
        },
      },
      config: {},
      steps: ["set up the SSH server"],
      check: (node) => {
        const left = [...node.nodes.keys()].filter((path) => path.startsWith("/etc/ssh/"));
        assertEquals(left.filter((path) => /10-psyopsos|trusted/.test(path)), []);
      },
    },
    {
      title: "trusts authorities",
      config: { ssh: { trustedUserCAs: { a: "ssh-ed25519 AAAA a", b: "ssh-ed25519 BBBB b" } } },
      steps: [...FIRST, "start sshd", "set up the SSH server"],
      check: (node) => {
        assertEquals(node.textOf(SETTINGS), "TrustedUserCAKeys /etc/ssh/trusted_user_cas\n");
        assertEquals(
          node.textOf("/etc/ssh/trusted_user_cas"),
          "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n",
        );
      },
    },
  ],
});

Deno.test("ssh installs the host key before it starts the server", async () => {
  const { host: node, sshd } = host();
  assertEquals(await settle(node, act, targetOf({})), [...FIRST, "start sshd"]);
  const info = await node.stat("/etc/ssh/ssh_host_ed25519_key");
  assertEquals([info?.mode, sshd.running], [0o600, true]);
  await node.chmod("/etc/ssh/ssh_host_ed25519_key", 0o644);
  assertEquals(await settle(node, act, targetOf({})), [
    "install the SSH host key",
    "let sshd read what is new",
  ]);
});

Deno.test("ssh does nothing in an image without sshd, or with a drive that has no key, and says so where it is asked", async () => {
  const { host: node } = host();
  const identity = { ...IDENTITY, sshHostKey: undefined };
  const asked = { ssh: { port: 2222 } };
  assertEquals(await settle(node, act, targetOf({}, { identity })), []);
  const { troubles } = await apply(node, act, targetOf(asked, { identity }));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot set up the SSH server: there is no SSH host key on the identity drive",
  ]);
  await node.remove("/etc/init.d/sshd");
  assertEquals(await settle(node, act, targetOf({})), []);
  assertEquals((await apply(node, act, targetOf(asked))).troubles.map(({ message }) => message), [
    "Cannot set up the SSH server: this image lacks sshd",
  ]);
});

Deno.test("ssh lets the running server read new settings, once", async () => {
  const { host: node, sshd } = await started();
  assertEquals(
    await settle(node, act, targetOf({ ssh: { settings: { LoginGraceTime: "2m" } } })),
    ["set up the SSH server"],
  );
  assert(sshd.inForce.includes("logingracetime 120"));
  assertEquals(sshd.reloads, 1);
});

Deno.test("a file that sshd refuses changes nothing, and is told each time with sshd's words", async () => {
  const before = { ssh: { port: 2222 } };
  const { host: node, sshd } = await started(before);
  const { inForce, reloads } = sshd;
  const bad: [Record<string, string>, RegExp][] = [
    [{ Frobnicate: "yes" }, /Bad configuration option: Frobnicate$/],
    [{ MaxAuthTries: "many" }, /unsupported option "many"\.$/],
  ];
  for (const [settings, words] of bad) {
    for (let round = 0; round < 2; round++) {
      const { steps, troubles } = await apply(node, act, targetOf({ ssh: { settings } }));
      assertEquals([steps, troubles.length], [[], 1]);
      assert(words.test(troubles[0]!.message), troubles[0]!.message);
      assert(troubles[0]!.message.startsWith("Cannot set up the SSH server: "));
      assertEquals(node.textOf(SETTINGS), "Port 2222\n");
      assertEquals([sshd.running, sshd.inForce, sshd.reloads], [true, inForce, reloads]);
    }
  }
});

Deno.test("a setting that another file sets before, or beside, is told and changes nothing", async () => {
  const { host: node, sshd } = await started();
  node.put("/etc/ssh/sshd_config.d/05-own.conf", "MaxAuthTries 9\nPort 22\nAcceptEnv TERM\n");
  const other = (config: Record<string, unknown>) =>
    apply(node, act, targetOf({ ssh: config } as Parameters<typeof targetOf>[0]));
  const refused = "Cannot set up the SSH server: another file sets";
  for (
    const [config, word] of [
      [{ settings: { MaxAuthTries: "3" } }, "MaxAuthTries"],
      [{ port: 2222 }, "Port"],
    ] as const
  ) {
    const { troubles } = await other(config);
    assertEquals(troubles.map(({ message }) => message), [`${refused} ${word}, and goes before`]);
    assertEquals(await node.stat(SETTINGS), undefined);
  }
  assertEquals((await other({ settings: { AcceptEnv: "LC_ALL" } })).troubles, []);
  assert(sshd.inForce.includes("acceptenv LC_ALL"));
});

Deno.test("an sshd that is not running starts without settings that it refuses", async () => {
  const { host: node, sshd } = host();
  const { steps, troubles } = await apply(node, act, targetOf({ ssh: { settings: { Foo: "1" } } }));
  assertEquals(steps, [...FIRST, "start sshd"]);
  assertEquals([troubles.length, sshd.running], [1, true]);
});

Deno.test("a file of others that changes is read as soon as sshd takes it, and never where sshd refuses it", async () => {
  const { host: node, sshd } = await started();
  const own = "/etc/ssh/sshd_config.d/60-own.conf";
  node.put(own, "Frobnicate yes\n");
  const { troubles } = await apply(node, act, targetOf({}));
  assertEquals(troubles.map(({ message }) => message), [
    `Cannot let sshd read what is new: ${own}: line 1: Bad configuration option: Frobnicate`,
  ]);
  assertEquals([sshd.running, sshd.reloads], [true, 0]);
  node.put(own, "MaxAuthTries 4\n");
  assertEquals(await settle(node, act, targetOf({})), ["let sshd read what is new"]);
  assert(sshd.inForce.includes("maxauthtries 4"));
});

Deno.test("sshd has read what is there wherever an agent was killed meanwhile", async () => {
  const target = targetOf({ ssh: { settings: { MaxAuthTries: "3" } } });
  // Killed when the file was placed, and when the server had read it, but nobody had noted that.
  for (const record of [true, false]) {
    const { host: node, sshd } = await started();
    node.put(SETTINGS, "MaxAuthTries 3\n", 0o600);
    if (!record) await node.remove("/run/psyopsos/sshd.json");
    assertEquals(await settle(node, act, target), ["let sshd read what is new"]);
    assert(sshd.inForce.includes("maxauthtries 3"));
  }
});

Deno.test("ssh shows the certificate of the drive's host key, and no other", async () => {
  const [mine, other] = [derivedTestCertificate(1), derivedTestCertificate(2)];
  const identity = { ...IDENTITY, sshHostPublicKey: mine.publicLine };
  const { host: node, sshd } = host();
  await settle(node, act, targetOf({ ssh: { hostCertificate: mine.line } }, { identity }));
  const file = "/etc/ssh/ssh_host_ed25519_key-cert.pub";
  assertEquals(node.textOf(file), `${mine.line}\n`);
  assert(sshd.inForce.includes(`hostcertificate ${file}`));
  const { troubles } = await apply(
    node,
    act,
    targetOf({ ssh: { hostCertificate: other.line } }, { identity }),
  );
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot set up the SSH server: hostCertificate is not about the host key of the identity drive",
  ]);
  assertEquals(node.textOf(file), `${mine.line}\n`);
});

Deno.test("settings are a trial, whose script brings the files before back", async () => {
  const trials = new TrialsFake();
  const { host: node } = host();
  const network = { trialSeconds: 45, interfaces: { lan: { match: { name: "eth0" } } } };
  await settle(node, act, targetOf({ network, ssh: { port: 2222 } }, { trials }));
  await settle(
    node,
    act,
    targetOf({ ssh: { trustedUserCAs: { a: "ssh-ed25519 AAAA a" } } }, {
      trials,
    }),
  );
  const [first, second] = trials.attempts;
  const reload = "sshd -t || exit 1\nrc-service sshd reload || rc-service sshd restart\n";
  const gone = (path: string) => `rm -f ${path}\n`;
  const [certificate, authorities] = [
    "/etc/ssh/ssh_host_ed25519_key-cert.pub",
    "/etc/ssh/trusted_user_cas",
  ];
  assertEquals(first!.revert, gone(certificate) + gone(authorities) + gone(SETTINGS) + reload);
  assertEquals(
    second!.revert,
    `${gone(certificate)}${gone(authorities)}echo ${btoa("Port 2222\n")} | base64 -d >${SETTINGS}` +
      `.back || exit 1\nchmod 600 ${SETTINGS}.back && mv ${SETTINGS}.back ${SETTINGS} || exit 1\n${reload}`,
  );
  assertEquals([first!.seconds, second!.seconds], [45, undefined]);
  assertEquals([first!.subject, first!.text], ["ssh", `{"${SETTINGS}":"Port 2222\\n"}`]);
});

Deno.test("a server that greets nobody by its new settings fails the trial, and those before are kept", async () => {
  const trials = new TrialsFake();
  const { host: node, sshd } = host();
  await settle(node, act, targetOf({ ssh: { port: 2222 } }, { trials }));
  sshd.answers = false;
  const { troubles } = await apply(node, act, targetOf({ ssh: { port: 2200 } }, { trials }));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot set up the SSH server: sshd does not answer on 10.0.2.15, port 2200",
  ]);
  assertEquals(node.textOf(SETTINGS), "Port 2222\n");
  assert(sshd.inForce.includes("port 2222"));
  sshd.answers = true;
  assertEquals(await settle(node, act, targetOf({ ssh: { port: 2200 } }, { trials })), [
    "set up the SSH server",
  ]);
});

Deno.test("settings that were confirmed are there when the server starts; new ones are tried on one that runs", async () => {
  const trials = new TrialsFake();
  const config = { ssh: { port: 2222 } };
  await settle(host().host, act, targetOf(config, { trials }));
  const next = host();
  assertEquals(await settle(next.host, act, targetOf(config, { trials })), [
    ...FIRST,
    "set up the SSH server",
    "start sshd",
  ]);
  assertEquals([trials.attempts.length, next.sshd.reloads], [1, 0]);
  // A boot that knows only what was confirmed before goes back to that.
  trials.next = { kind: "refused", reason: "it cut the node off" };
  const third = host();
  const { troubles } = await apply(
    third.host,
    act,
    targetOf({ ssh: { port: 2200 } }, { trials }),
  );
  assertEquals(troubles[0]!.message, "Cannot set up the SSH server: it cut the node off");
  assertEquals(third.host.textOf(SETTINGS), "Port 2222\n");
  assert(third.sshd.inForce.includes("port 2222"));
  const refusal = trials.refusals.get("ssh");
  assertEquals(typeof refusal, "string");
  assertEquals(await settle(third.host, act, targetOf(config, { trials })), [
    "forget that settings of the SSH server were refused",
  ]);
  // Where nothing is said any more, nothing is gone back to.
  const fourth = host();
  assertEquals(await settle(fourth.host, act, targetOf({}, { trials })), [
    ...FIRST,
    "start sshd",
    "forget earlier settings of the SSH server",
  ]);
  assertEquals(trials.kept.size, 0);
});

Deno.test("settings that let none of those in who have a key are refused before anything changes", async () => {
  const { host: node, sshd } = await started();
  const deny = (settings: Record<string, string>, more = {}) =>
    apply(node, act, targetOf({ ssh: { ...more, settings } }));
  // Nobody has a key yet.
  assertEquals((await deny({ AllowUsers: "nobody" })).troubles, []);
  node.put("/etc/ssh/authorized_keys.d/root", "ssh-ed25519 AAAA\n");
  node.put("/etc/ssh/authorized_keys.d/gone", "ssh-ed25519 AAAA\n");
  const { inForce } = sshd;
  for (
    const [settings, more] of [
      [{ AllowUsers: "ann bob" }, {}],
      [{ DenyUsers: "ro*" }, {}],
      [{ AllowGroups: "wheels" }, {}],
      [{ PubkeyAuthentication: "no" }, {}],
      [{ AuthenticationMethods: "publickey,password" }, {}],
      [{}, { permitRootLogin: "no" }],
    ] as const
  ) {
    const { troubles } = await deny(settings, more);
    assertEquals(troubles.map(({ message }) => message), [
      "Cannot set up the SSH server: it would let none of those in who have a key (root)",
    ]);
    assertEquals(sshd.inForce, inForce);
  }
  const fine: Record<string, string>[] = [
    { AllowUsers: "r?ot@10.0.0.0/8" },
    { AuthenticationMethods: "publickey" },
  ];
  for (const settings of fine) assertEquals((await deny(settings)).troubles, []);
  const password = { passwordAuthentication: true };
  assertEquals((await deny({ AllowUsers: "ann" }, password)).troubles, []);
});

/** Settings of the SSH server, judged by the real sshd on a machine that is no node. */
import { assertEquals, assertMatch } from "@std/assert";
import { judge, place, type SshdFiles } from "../../../agent/resources/sshd.ts";
import { RUN_DIR } from "../../../agent/system/paths.ts";
import { text, utf8 } from "../../../lib/bytes.ts";
import { desired, type NodeConfig } from "../../../lib/config/mod.ts";
import { isCertificateOf, SSH_FILES } from "../../../lib/config/ssh.ts";
import { DenoHost } from "../../../lib/deno_host.ts";
import { UserError } from "../../../lib/errors.ts";
import type { Ownership, RunOptions, RunResult, WriteOptions } from "../../../lib/host.ts";
import { SSHD_TOOLS, unpackSshd } from "../../support/real_sshd.ts";
import { judgedTest } from "../../support/tools.ts";

/** The folder that sshd wants to separate its privileges in where root runs it. */
const PRIVSEP = "/run/sshd";
const NOTHING = new Uint8Array();

/** The real world, but for the folders of sshd and of the agent, which lie elsewhere. */
class SshdHost extends DenoHost {
  constructor(readonly dir: string) {
    super();
  }

  #place(text: string): string {
    return text.replaceAll("/etc/ssh", `${this.dir}/ssh`).replaceAll(RUN_DIR, `${this.dir}/run`);
  }

  override writeFile(path: string, data: Uint8Array | string, options?: WriteOptions) {
    const placed = typeof data === "string" ? this.#place(data) : data;
    return super.writeFile(this.#place(path), placed, options);
  }

  override placeFile(folder: string, name: string, data: Uint8Array | string, owner: Ownership) {
    const [uid, gid] = [Deno.uid()!, Deno.gid()!];
    return super.placeFile(this.#place(folder), name, data, { ...owner, uid, gid });
  }

  override mkdir(path: string, options?: { mode?: number }) {
    return super.mkdir(this.#place(path), options);
  }

  override remove(path: string) {
    return super.remove(this.#place(path));
  }

  override stat(path: string) {
    return super.stat(this.#place(path));
  }

  override readDir(path: string) {
    return super.readDir(this.#place(path));
  }

  override readRegular(path: string, maxBytes: number) {
    return super.readRegular(this.#place(path), maxBytes);
  }

  override async run(command: readonly string[], options?: RunOptions): Promise<RunResult> {
    const [program, ...args] = command;
    if (program === "ip") return await super.run(["true"]);
    if (program === "rc-service") return { code: 0, stdout: NOTHING, stderr: NOTHING };
    assertEquals(program, "sshd");
    const real = [`${this.dir}/sshd`, ...args.map((arg) => this.#place(arg))];
    const result = await super.run(real, { ...options, env: { LD_LIBRARY_PATH: this.dir } });
    const said = text(result.stderr).replaceAll(`${this.dir}/run`, RUN_DIR);
    const told = text(result.stdout).replaceAll(`${this.dir}/ssh`, "/etc/ssh");
    return { ...result, stdout: utf8(told), stderr: utf8(said) };
  }
}

async function run(...command: string[]): Promise<void> {
  const [program = "", ...args] = command;
  const { code } = await new Deno.Command(program, { args, stdout: "null" }).output();
  assertEquals(code, 0, command.join(" "));
}

judgedTest("settings are taken, refused and read back as the real sshd does", [
  ...SSHD_TOOLS,
  "ssh-keygen",
], async (dir) => {
  const made = Deno.uid() === 0 && await new DenoHost().stat(PRIVSEP) === undefined;
  if (made) await Deno.mkdir(PRIVSEP, { mode: 0o755 });
  try {
    await unpackSshd(dir);
    await judgeAll(dir);
  } finally {
    if (made) await Deno.remove(PRIVSEP);
  }
});

async function judgeAll(dir: string): Promise<void> {
  const host = new SshdHost(dir);
  await Deno.mkdir(`${dir}/ssh/sshd_config.d`, { recursive: true });
  for (const name of ["ssh_host_ed25519_key", "ca"]) {
    await run("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", `${dir}/ssh/${name}`);
  }
  const publicFile = `${dir}/ssh/ssh_host_ed25519_key.pub`;
  await run("ssh-keygen", "-q", "-s", `${dir}/ssh/ca`, "-I", "n", "-h", "-n", "n", publicFile);
  const certificate = (await Deno.readTextFile(`${dir}/ssh/ssh_host_ed25519_key-cert.pub`)).trim();
  await Deno.remove(`${dir}/ssh/ssh_host_ed25519_key-cert.pub`);
  assertEquals(isCertificateOf(certificate, await Deno.readTextFile(publicFile)), true);
  const ca = (await Deno.readTextFile(`${dir}/ssh/ca.pub`)).trim();

  // What the image and the lab's sshd bring.
  const image = await Deno.readTextFile("overlay/root/etc/ssh/sshd_config.d/50-psyopsos.conf");
  await host.writeFile("/etc/ssh/sshd_config.d/50-psyopsos.conf", image);
  const main = "lib/lab_packages/packages/openssh-server/etc/ssh/sshd_config";
  await Deno.copyFile(main, `${dir}/ssh/sshd_config`);

  const ask = async (ssh: NodeConfig["ssh"]): Promise<string> => {
    const { files, settings } = desired("ssh", { ssh }, { name: "n" });
    const wanted: SshdFiles = new Map(SSH_FILES.map((path) => [path, files[path]]));
    try {
      await judge(host, wanted, settings, "try");
      return "taken";
    } catch (error) {
      if (error instanceof UserError) return error.message;
      throw error;
    }
  };
  const taken: NodeConfig["ssh"][] = [
    undefined,
    {},
    { port: 2222, passwordAuthentication: true, permitRootLogin: "no" },
    { permitRootLogin: "forced-commands-only" },
    { hostCertificate: certificate, trustedUserCAs: { ca } },
    {
      settings: {
        AcceptEnv: "LC_ALL LC_TIME",
        AllowUsers: "first.last ops",
        Ciphers: "-*cbc",
        LoginGraceTime: "2m",
        MaxAuthTries: "3",
        Subsystem: "netconf /usr/bin/true",
        X11Forwarding: "yes",
      },
    },
  ];
  for (const ssh of taken) assertEquals(await ask(ssh), "taken", JSON.stringify(ssh));
  const refused: [Record<string, string>, RegExp][] = [
    [{ Frobnicate: "yes" }, /10-psyopsos\.conf: line 1: Bad configuration option: Frobnicate$/],
    [{ MaxAuthTries: "many" }, /10-psyopsos\.conf line 1: MaxAuthTries integer value invalid\.$/],
    [{ Ciphers: "rot13" }, /10-psyopsos\.conf line 1: Bad SSH2 cipher spec 'rot13'\.$/],
    [{ Protocol: "2" }, /^Cannot try: sshd tells nothing of Protocol$/],
  ];
  for (const [settings, message] of refused) assertMatch(await ask({ settings }), message);

  // root alone has a key: settings must let it in, as the real sshd tells what they mean for it.
  await Deno.mkdir(`${dir}/ssh/authorized_keys.d`);
  await Deno.writeTextFile(`${dir}/ssh/authorized_keys.d/root`, ca);
  const locked = "Cannot try: it would let none of those in who have a key (root)";
  const out: NodeConfig["ssh"][] = [
    { permitRootLogin: "no" },
    { permitRootLogin: "forced-commands-only" },
    { settings: { AllowUsers: "ann b*" } },
    { settings: { DenyUsers: "r*t" } },
    { settings: { AllowGroups: "wheel" } },
    { settings: { PubkeyAuthentication: "no" } },
  ];
  for (const ssh of out) assertEquals(await ask(ssh), locked, JSON.stringify(ssh));
  const inside: NodeConfig["ssh"][] = [
    {},
    { settings: { AllowUsers: "ann root" } },
    { settings: { AllowUsers: "root@10.0.0.0/8" } },
    { settings: { AllowGroups: "root" } },
    { permitRootLogin: "no", passwordAuthentication: true },
    { permitRootLogin: "no", trustedUserCAs: { ca } },
  ];
  for (const ssh of inside) assertEquals(await ask(ssh), "taken", JSON.stringify(ssh));
  await host.writeFile(
    "/etc/ssh/sshd_config.d/60-match.conf",
    "Match User root Address 127.0.0.0/8\n  PermitRootLogin yes\n",
  );
  assertEquals(await ask({ settings: { MaxAuthTries: "3" } }), "taken");
  await Deno.remove(`${dir}/ssh/sshd_config.d/60-match.conf`);
  await Deno.remove(`${dir}/ssh/authorized_keys.d/root`);

  await host.writeFile("/etc/ssh/sshd_config.d/05-own.conf", "MaxAuthTries 9\nPort 22\n");
  assertEquals(
    await ask({ settings: { MaxAuthTries: "3" } }),
    "Cannot try: another file sets MaxAuthTries, and goes before",
  );
  assertEquals(await ask({ port: 2222 }), "Cannot try: another file sets Port, and goes before");
  assertEquals(await ask({ settings: { MaxAuthTries: "9" } }), "taken");

  // Placed, the settings are what sshd tells without being told of a file.
  const { files } = desired("ssh", { ssh: { settings: { LoginGraceTime: "2m" } } }, { name: "n" });
  await place(host, new Map(SSH_FILES.map((path) => [path, files[path]])));
  const config = await Deno.readTextFile(`${dir}/ssh/sshd_config`);
  await host.writeFile("/etc/ssh/sshd_config", config);
  const told = await host.run(["sshd", "-T", "-f", "/etc/ssh/sshd_config"]);
  assertMatch(new TextDecoder().decode(told.stdout), /^logingracetime 120$/m);
}

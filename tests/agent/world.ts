/**
 * A node and its site in memory: a drive that can be pulled, mounted read-only and rebooted with, the node's programs, a
 * site that is built and signed by the real code. Time moves only when the agent sleeps.
 */
import { type Bytes, sha256Hex, text, utf8 } from "../../lib/bytes.ts";
import type { RunResult } from "../../lib/host.ts";
import type { Status } from "../../lib/documents/status.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import { formatPublicKey } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { signerOf } from "../../lib/trust/keyring.ts";
import { type BuildOptions, buildSite, type BuiltSite } from "../../site/build/build.ts";
import { parseFleet } from "../../site/fleet/fleet.ts";
import type { ExitCode } from "../../lib/errors.ts";
import { INTERFACES, LIB_DIR } from "../../agent/system/paths.ts";
import { runAgent } from "../../agent/course/run.ts";
import { buildOptions, KEY } from "../site/support.ts";
import { FakeHost } from "../support/fake_host.ts";

export const SITE = "http://site.test/";
export const MOUNT = "/run/psyopsos/identity";
export const STATUS = "/run/psyopsos/status.json";
export const SECRET = "hunter2-hunter2";

/** age identities of the nodes of these tests. */
export const PAIRS = { alpha: await generateIdentity(), beta: await generateIdentity() };
const SSH_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnvAx2oLeJC3icCn1516kUtwLjtsfRVPcPUVJW0I8ou a";
export const HOST_KEY =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nhost-key-secret\n-----END OPENSSH PRIVATE KEY-----\n";

/** `alpha`'s configuration in the fleet's YAML; everything a node can be told. */
export const ALPHA = `recipient: ${PAIRS.alpha.recipient}
config:
  hostname: first
  users:
    ann: {uid: 1000, groups: [wheel], sshKeys: ["${SSH_KEY}"]}
  files:
    /etc/motd: {content: "hello\\n"}
  scripts:
    hello: {run: "echo hello"}
  report: {url: "http://site.test/status/alpha"}
private:
  files:
    /etc/token: {content: "${SECRET}", mode: "0600", owner: ann}
`;

/** Files of a drive by name; text or bytes. */
export type Drive = Map<string, string | Bytes>;

/** Files of an identity drive. */
export function driveOf(name: keyof typeof PAIRS, site = SITE): Drive {
  return new Map<string, string | Bytes>([
    ["nodename", `${name}\n`],
    ["age.key", `# created by a test\n${PAIRS[name].identity}\n`],
    ["minisign.pubkey", formatPublicKey(publicKeyOf(KEY))],
    ["site", `# where\n${site}\n`],
    ["ssh_host_ed25519_key", HOST_KEY],
    ["ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA alpha"],
  ]);
}

/** What a publication is made with. */
export interface Publication {
  serial?: number;
  issued?: string;
  expires?: string;
  alpha?: string;
}

/** Files of a signed site. */
export async function makeSite(publication: Publication = {}): Promise<Map<string, Bytes>> {
  return (await buildWorldSite(publication)).files;
}

/** The same, with another way to encrypt. */
export async function buildWorldSite(
  publication: Publication = {},
  encrypt: BuildOptions["encrypt"] = encryptTo,
): Promise<BuiltSite> {
  const { serial = 42, alpha = ALPHA, ...times } = publication;
  const fleet = parseFleet(
    new Map([
      ["alpha.yaml", alpha],
      ["beta.yaml", `recipient: ${PAIRS.beta.recipient}\n`],
    ]),
  );
  const options = { ...buildOptions(serial), ...times, encrypt };
  if (times.issued) {
    const { issued } = times;
    options.sign = (_role, bytes, type, path) =>
      signerOf(KEY).sign(bytes, { type, path, serial, issued });
  }
  return await buildSite(fleet, options);
}

/** The node. */
export class World extends FakeHost {
  readonly printed: string[] = [];
  readonly reports: Status[] = [];
  /** Undefined: no drive is there. */
  drive?: Drive;
  mounted = false;
  driveReadOnly = false;
  dhcp = true;
  hostname = "localhost";
  sshd = false;
  address = "";
  site?: Map<string, Bytes>;
  /** Number of requests that the site got, by path. */
  readonly requests: string[] = [];
  /** Ends the agent; called before every sleep with how many there were. */
  onSleep: (sleeps: number) => void | Promise<void> = () => {};
  readonly stop = new AbortController();
  #sleeps = 0;

  constructor(drive?: Drive, site?: Map<string, Bytes>) {
    super({
      "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsshd:x:22:22:sshd:/dev/null:/sbin/nologin\n",
      "/etc/group": "root:x:0:root\nwheel:x:10:root\nsshd:x:22:\n",
      "/etc/shadow": "root:*::0:::::\n",
      "/etc/init.d/sshd": "#!/sbin/openrc-run\n",
      "/etc/ssh/sshd_config": "",
      "/etc/psyopsos/image.json": '{"version":"7","epoch":1000}',
      "/bin/sh": "",
      "/run/x": "",
      "/home/x": "",
      "/root/x": "",
    });
    this.drive = drive;
    this.site = site;
    this.#addPrograms();
  }

  /** Runs the agent for `rounds` rounds. */
  async boot({ sleeps = 1, once = false } = {}): Promise<ExitCode> {
    const hook = this.onSleep;
    this.onSleep = async (count) => {
      await hook(count);
      if (count >= sleeps) this.stop.abort();
    };
    return await runAgent(this, {
      once,
      signal: this.stop.signal,
      random: () => 0.5,
      print: (line) => this.printed.push(line),
      pid: 77,
    });
  }

  /** The machine after a reset: same drive, same site, nothing else. */
  reboot(): World {
    this.#unmount();
    const next = new World(this.drive, this.site);
    next.driveReadOnly = this.driveReadOnly;
    return next;
  }

  /** The same machine with a new agent. */
  restart(): World {
    const next = new World(this.drive, this.site);
    for (const [path, node] of this.nodes) next.nodes.set(path, node);
    const { mounted, hostname, sshd, address } = this;
    return Object.assign(next, { mounted, hostname, sshd, address });
  }

  get status(): Status {
    return JSON.parse(this.textOf(STATUS)) as Status;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await super.sleep(ms);
    // The short pause before a refused site is asked again is no round.
    if (ms <= 2000) return;
    if (signal) await this.onSleep(++this.#sleeps);
  }

  override async fetch(url: string, init?: RequestInit): Promise<Response> {
    if (!url.startsWith(SITE)) throw new TypeError(`error sending request for url (${url})`);
    const path = url.slice(SITE.length);
    this.requests.push(`${init?.method ?? "GET"} ${path}`);
    if (init?.method === "PUT") {
      this.reports.push(JSON.parse(text(new Uint8Array(init.body as Bytes))) as Status);
      return new Response(null, { status: 204 });
    }
    if (!this.site) {
      throw new TypeError("client error (Connect): Connection refused (os error 111)");
    }
    const data = this.site.get(path);
    if (!data) return new Response("no such page", { status: 404 });
    const etag = `"${sha256Hex(data)}"`;
    const known = new Headers(init?.headers).get("if-none-match");
    if (known === etag) return new Response(null, { status: 304, headers: { etag } });
    return await Promise.resolve(new Response(data.slice(), { headers: { etag } }));
  }

  #addPrograms(): void {
    const fail = (stderr: string, code = 1): Partial<RunResult> => ({ code, stderr: utf8(stderr) });
    const p = this.programs;
    p.set("findfs", () => this.drive ? "/dev/vdb\n" : fail("findfs: unable to resolve"));
    p.set("mount", (args) => this.#mount(args) ?? {});
    p.set("umount", () => this.#unmount());
    p.set(INTERFACES, () => "eth0 up\n");
    p.set(`${LIB_DIR}/coldplug`, () => "");
    p.set("ip", (args) => {
      if (args.includes("show") && this.address) {
        return `1: lo    inet 127.0.0.1/8 scope host lo\n` +
          `2: eth0    inet ${this.address} brd 10.0.2.255 scope global eth0\\ valid_lft forever\n`;
      }
      if (args[0] === "addr" && args[1] === "add") this.address = args[2]!;
      return "";
    });
    p.set("udhcpc", (args) => {
      if (this.dhcp) this.address = "10.0.2.15/24";
      this.put(args[args.indexOf("-p") + 1]!, "12\n");
      return "";
    });
    p.set("hostname", ([name]) => {
      if (name === undefined) return `${this.hostname}\n`;
      this.hostname = name;
      return "";
    });
    p.set("date", () => "");
    p.set("rc-service", ([, verb]) => {
      if (verb === "status") return this.sshd ? "" : fail("", 3);
      this.sshd = true;
      return "";
    });
    p.set("cat", ([path]) => {
      const seconds = (this.now().getTime() - Date.parse("2026-11-22T20:00:00Z")) / 1000 + 5;
      switch (path) {
        case "/proc/uptime":
          return `${seconds} 1.0\n`;
        case "/proc/sys/kernel/osrelease":
          return "6.1.0-56\n";
        case "/proc/sys/kernel/random/boot_id":
          return "boot-1\n";
        case "/proc/meminfo":
          return "MemTotal:  1000 kB\nMemAvailable:   600 kB\n";
        case "/proc/77/status":
          return "Name: deno\nVmRSS:\t  50 kB\n";
        case "/proc/12/comm":
          return "udhcpc\n";
        default:
          return fail("cat: no such file");
      }
    });
    p.set("/bin/sh", (args) => {
      const output = args[2]!;
      const run = this.textOf(args.at(-1)!);
      this.put(output, run.replace(/^echo /, "") + "\n", 0o600);
      return { code: run.includes("exit 3") ? 3 : 0 };
    });
  }

  #mount(args: readonly string[]): Partial<RunResult> | undefined {
    const options = args[args.indexOf("-o") + 1]!.split(",");
    const rw = options.includes("rw");
    if (!this.drive || (options[0] === "remount" && !this.mounted)) {
      return { code: 1, stderr: utf8("mount: no such device") };
    }
    if (rw && this.driveReadOnly) {
      return {
        code: 1,
        stderr: utf8("mount: cannot remount /dev/vdb read-write, is write-protected"),
      };
    }
    if (!this.mounted) {
      for (const [name, data] of this.drive) {
        this.put(`${MOUNT}/${name}`, data);
      }
    }
    this.mounted = true;
    if (rw) this.broken.delete(MOUNT);
    else this.broken.set(MOUNT, new Error("Read-only file system (os error 30)"));
    return undefined;
  }

  #unmount(): string {
    if (this.mounted) {
      const kept = [...this.nodes].filter(([path]) => path.startsWith(`${MOUNT}/`));
      this.drive = new Map(
        kept.filter(([, node]) => node.kind === "file")
          .map(([path, node]) => [path.slice(MOUNT.length + 1), node.data]),
      );
      for (const [path] of kept) this.nodes.delete(path);
    }
    this.broken.delete(MOUNT);
    this.mounted = false;
    return "";
  }
}

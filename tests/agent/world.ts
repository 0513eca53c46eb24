import { runAgent } from "../../agent/course/run.ts";
import { type Bytes, sha256Hex, utf8 } from "../../lib/bytes.ts";
import { parseStatus, type Status } from "../../lib/documents/status.ts";
import type { ExitCode } from "../../lib/errors.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { signerOf } from "../../lib/trust/keyring.ts";
import { formatPublicKey } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { type BuildOptions, buildSite, type BuiltSite } from "../../site/build/build.ts";
import { parseFleet } from "../../site/fleet/fleet.ts";
import { buildOptions, KEY } from "../site/support.ts";
import { FakeHost } from "../support/fake_host.ts";
import { type Drive, DriveFake } from "./identity/drive_fake.ts";
import { NetworkFake } from "./network/network_fake.ts";
import { AGENT_PID, fakeProc } from "./report/proc_fake.ts";
import { HostnameFake } from "./resources/hostname_fake.ts";
import { ROOT_FILES } from "./resources/root_files.ts";
import { fakeScripts } from "./resources/scripts_fake.ts";
import { SshFake } from "./resources/ssh_fake.ts";

/**
 * A node and its site in memory: a drive that can be pulled, mounted read-only and rebooted with, the node's programs, a
 * site that is built and signed by the real code. Time moves only when the agent sleeps.
 */

export const SITE = "http://site.test/";
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
    ann: {uid: 1000, groups: {wheel: true}, sshKeys: {a: "${SSH_KEY}"}}
  files:
    /etc/motd: {content: "hello\\n"}
  scripts:
    hello: {run: "echo hello"}
private:
  report: {url: "http://site.test/status/alpha"}
  files:
    /etc/token: {content: "${SECRET}", mode: "0600", owner: ann}
`;

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

/** The node: what its course needs, and what the keys of {@linkcode ALPHA} need, each from the fake beside its tests. */
export class World extends FakeHost {
  readonly printed: string[] = [];
  readonly reports: Status[] = [];
  readonly drive: DriveFake;
  readonly network: NetworkFake;
  readonly hostname: HostnameFake;
  readonly sshd: SshFake;
  site?: Map<string, Bytes>;
  /** Number of requests that the site got, by path. */
  readonly requests: string[] = [];
  /** Ends the agent; called before every sleep with how many there were. */
  onSleep: (sleeps: number) => void | Promise<void> = () => {};
  readonly stop = new AbortController();
  #sleeps = 0;

  /** @param drive What is on its drive; undefined: no drive is there. */
  constructor(drive?: Drive, site?: Map<string, Bytes>) {
    super(ROOT_FILES);
    this.site = site;
    this.drive = new DriveFake(this, drive);
    this.network = new NetworkFake(this);
    this.hostname = new HostnameFake(this);
    this.sshd = new SshFake(this);
    fakeScripts(this);
    fakeProc(this);
    this.programs.set("date", () => "");
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
      pid: AGENT_PID,
    });
  }

  /** The machine after a reset: same drive, same site, nothing else. */
  reboot(): World {
    this.drive.unmount();
    const next = new World(this.drive.files, this.site);
    next.drive.readOnly = this.drive.readOnly;
    return next;
  }

  /** The same machine with a new agent. */
  restart(): World {
    const next = new World(this.drive.files, this.site);
    for (const [path, node] of this.nodes) next.nodes.set(path, node);
    next.drive.mounted = this.drive.mounted;
    next.network.address = this.network.address;
    next.hostname.name = this.hostname.name;
    next.sshd.running = this.sshd.running;
    return next;
  }

  get status(): Status {
    return parseStatus(utf8(this.textOf(STATUS)));
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
      this.reports.push(parseStatus(new Uint8Array(init.body as Bytes)));
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
}

/**
 * A node's network for real: a network namespace with the image's programs, cards that are pairs of virtual ones, and a peer in
 * a namespace of its own, which has a DHCP server.
 */
import { DenoHost } from "../../lib/deno_host.ts";
import type { RunOptions, RunResult, WriteOptions } from "../../lib/host.ts";
import { needRoot, needTool } from "./tools.ts";

const LIB = new URL("../../overlay/root/usr/lib/psyopsos/", import.meta.url).pathname;
const SCRIPTS = [
  "dhcp-client",
  "kernel-files",
  "resolv-conf",
  "udhcpc.script",
  "udhcpc6.script",
];

/** What its tests need. */
export const NEEDS_NETWORK = {
  ...needTool("unshare", "nsenter", "ip", "busybox", "awk", "flock"),
  ...needRoot(),
};

/** What a namespace holds on to. */
class Namespace {
  readonly #child = new Deno.Command("unshare", { args: ["-n", "sleep", "infinity"] }).spawn();

  get enter(): string[] {
    return ["nsenter", "-t", `${this.#child.pid}`, "-n"];
  }

  get pid(): number {
    return this.#child.pid;
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

/** The real world, in which a node's own folders and network are somewhere else. */
export class NetworkHost extends DenoHost {
  readonly node = new Namespace();
  readonly peer = new Namespace();
  /** The programs that it ran. */
  readonly ran: string[] = [];
  /** How long the node has been running, in milliseconds. */
  up = 5_000;

  private constructor(readonly dir: string) {
    super();
  }

  /** Makes a node with `cards` cards eth0, eth1 …, the other ends of which are peer0, peer1 … of the peer. */
  static async make(cards: number): Promise<NetworkHost> {
    const host = new NetworkHost(await Deno.makeTempDir());
    await host.#prepare(cards);
    return host;
  }

  async #prepare(cards: number): Promise<void> {
    for (const folder of ["lib", "run", "etc", "bin"]) await Deno.mkdir(`${this.dir}/${folder}`);
    for (const name of SCRIPTS) {
      const text = this.#placed(await Deno.readTextFile(LIB + name));
      await Deno.writeTextFile(`${this.dir}/lib/${name}`, text, { mode: 0o755 });
    }
    const list =
      "ip -o link show type veth | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1 up veth pci0\\/\\1/'";
    await Deno.writeTextFile(`${this.dir}/lib/interfaces`, `#!/bin/sh\n${list}\n`, { mode: 0o755 });
    for (const name of ["udhcpc", "udhcpd"]) {
      await Deno.symlink("/usr/bin/busybox", `${this.dir}/bin/${name}`);
    }
    // The namespace is there as soon as its process says so.
    const own = await Deno.readLink("/proc/self/ns/net");
    for (const { pid } of [this.node, this.peer]) {
      while (await Deno.readLink(`/proc/${pid}/ns/net`) === own) await this.sleep(5);
    }
    for (let i = 0; i < cards; i++) {
      const peer = ["peer", "name", `peer${i}`, "netns", `${this.peer.pid}`];
      await this.ip("link", "add", `eth${i}`, "address", macOf(i), "type", "veth", ...peer);
      await this.onPeer("ip", "link", "set", `peer${i}`, "up");
    }
  }

  /** Runs `ip` on the node; gives what it prints. */
  async ip(...args: string[]): Promise<string> {
    return await this.must([...this.node.enter, "ip", ...args]);
  }

  /** Runs a program in the peer's network. */
  async onPeer(...command: string[]): Promise<string> {
    return await this.must([...this.peer.enter, ...command]);
  }

  async must(command: string[]): Promise<string> {
    const { code, stdout, stderr } = await super.run(command, { env: this.#path() });
    if (code !== 0) throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }

  /** Gives the peer's card a DHCP server with these lines of udhcpd.conf. */
  async serveDhcp(card: string, lines: readonly string[]): Promise<Disposable> {
    const file = `${this.dir}/udhcpd.${card}.conf`;
    const leases = `lease_file ${this.dir}/${card}.leases`;
    await Deno.writeTextFile(`${this.dir}/${card}.leases`, "");
    await Deno.writeTextFile(file, [`interface ${card}`, leases, ...lines, ""].join("\n"));
    const [program = "", ...args] = [...this.peer.enter, `${this.dir}/bin/udhcpd`, "-f", file];
    const child = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
    return { [Symbol.dispose]: () => child.kill("SIGKILL") };
  }

  /** Runs the text of a script as a node would. */
  async script(text: string): Promise<RunResult> {
    const file = `${this.dir}/script`;
    await Deno.writeTextFile(file, this.#placed(text));
    return await this.run(["/bin/sh", file]);
  }

  /** Links, addresses and routes, without what is not a node's doing. */
  async shown(): Promise<string> {
    const links = JSON.parse(await this.ip("-j", "-d", "addr", "show"));
    // deno-lint-ignore no-explicit-any -- what ip prints
    const told = links.map((one: any) => ({
      name: one.ifname,
      others: one.altnames ?? [],
      up: one.flags.includes("UP"),
      mtu: one.mtu,
      master: one.master,
      kind: one.linkinfo?.info_kind,
      // deno-lint-ignore no-explicit-any -- what ip prints
      addresses: one.addr_info.filter((item: any) => item.scope !== "link")
        // deno-lint-ignore no-explicit-any -- what ip prints
        .map((item: any) => `${item.local}/${item.prefixlen}`).sort(),
    })).sort((a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1);
    const routes = await Promise.all(
      ["-4", "-6"].map((family) => this.ip(family, "route", "show")),
    );
    const sorted = routes.join("").split("\n").map((line) => line.trim())
      .filter((line) => line !== "" && !line.includes("fe80::/64")).sort();
    return JSON.stringify({ told, sorted }, null, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listed = await this.run([`/usr/lib/psyopsos/dhcp-client`, "list"]);
    for (const line of new TextDecoder().decode(listed.stdout).trim().split("\n")) {
      const [name, family] = line.split(" ");
      if (name && family) await this.run(["/usr/lib/psyopsos/dhcp-client", "stop", name, family]);
    }
    await this.node.end();
    await this.peer.end();
    await Deno.remove(this.dir, { recursive: true });
  }

  #placed(text: string): string {
    return text.replaceAll("/usr/lib/psyopsos", `${this.dir}/lib`)
      .replaceAll("/run/psyopsos", `${this.dir}/run`)
      .replaceAll("PATH=/usr/local/sbin:", `PATH=${this.dir}/bin:/usr/local/sbin:`)
      .replaceAll("/etc/resolv.conf", `${this.dir}/etc/resolv.conf`);
  }

  #path(): Record<string, string> {
    return { PATH: `${this.dir}/bin:${Deno.env.get("PATH")}:/usr/sbin:/sbin` };
  }

  override async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.ran.push(command.join(" "));
    const placed = command.map((word) => this.#placed(word));
    const { stdin } = options;
    return await super.run([...this.node.enter, ...placed], {
      ...options,
      env: { ...options.env, ...this.#path() },
      ...typeof stdin === "string" && { stdin: this.#placed(stdin) },
    });
  }

  override uptime(): number {
    return this.up;
  }

  override readFile(path: string) {
    return super.readFile(this.#placed(path));
  }

  override readTextFile(path: string) {
    return super.readTextFile(this.#placed(path));
  }

  override writeFile(path: string, data: Uint8Array | string, options?: WriteOptions) {
    return super.writeFile(this.#placed(path), data, options);
  }

  override mkdir(path: string, options?: { mode?: number }) {
    return super.mkdir(this.#placed(path), options);
  }

  override remove(path: string) {
    return super.remove(this.#placed(path));
  }

  override readRegular(path: string, maxBytes: number) {
    return super.readRegular(this.#placed(path), maxBytes);
  }

  override stat(path: string) {
    return super.stat(this.#placed(path));
  }

  override readDir(path: string) {
    return super.readDir(this.#placed(path));
  }
}

/** MAC address of a card of the node. */
export function macOf(card: number): string {
  return `52:54:00:00:00:0${card + 1}`;
}

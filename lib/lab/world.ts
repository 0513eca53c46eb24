/**
 * A lab: keys, nodes with their identity drives, the site they read, and the machines they run in. The lab command and
 * the tests with virtual machines share it. All of it is below one folder and made anew each time; the OS image and the
 * functions that make a node and a site are given.
 *
 * @module
 */
import type { Host } from "../host.ts";
import { formatSshPrivateKey, generateSshKey, sshPublicLine } from "../identity/ssh_key.ts";
import { formatInstant } from "../instant.ts";
import type { Keyring } from "../trust/keyring.ts";
import { initKeys } from "../trust/root_sign.ts";
import type { ConsoleLine } from "./console.ts";
import { findAccelerator, findFirmware, type Firmware } from "./firmware.ts";
import { LAB_TAG, labFleetFiles, labNodeExtras } from "./fleet_files.ts";
import type { LabImage } from "./image.ts";
import { Machine } from "./machine.ts";
import type { DriveSpec, MachineSpec } from "./qemu.ts";
import { directorySite, SiteServer } from "./site_server.ts";

/** Memory of a lab machine, in MiB. */
export const MACHINE_MIB = 1024;
/** A boot through firmware to "configured" takes about 25 s on two cores without KVM; this is more than four times that. */
export const BOOT_TIMEOUT_MS = 180_000;

/** Where the parts of a lab are. */
export interface LabDirs {
  keys: string;
  nodes: string;
  site: string;
  drives: string;
  machines: string;
  /** Ciphertext of the site build. */
  cache: string;
}

/** What a site may be made with; defaults as `deno task site`. */
export interface MakeSiteOptions {
  serial?: number;
  issued?: Date;
  expiresHours?: number;
  /** Make it though it has expired already. */
  allowExpired?: boolean;
  /** Folder that becomes the site; default {@linkcode LabDirs.site}. */
  out?: string;
}

/** Makes the site of a fleet; `makeSite` of the site build. */
export type MakeSite = (
  host: Host,
  options: MakeSiteOptions & { nodes: string; out: string; keyring: Keyring; cache: string },
) => Promise<{ serial: number }>;

/** Makes a node's file and its identity drive at `out`; `newNode` of the site. */
export type MakeNode = (
  host: Host,
  options: {
    name: string;
    sites: string[];
    tags: string[];
    nodes: string;
    keys: string;
    out: string;
  },
) => Promise<unknown>;

/** Options of {@linkcode World.make}. */
export interface WorldOptions {
  dir: string;
  names: readonly string[];
  image: LabImage;
  makeSite: MakeSite;
  makeNode: MakeNode;
  /** Pause between two looks at the site, in seconds; default 10. */
  everySeconds?: number;
}

/** How a node's machine differs from the usual one: firmware, virtio, DHCP. */
export interface BootOptions {
  /** "kernel" skips firmware and boot loader. */
  via?: "firmware" | "kernel";
  /** Bus of boot disk and identity drive; USB needs an image with the generic kernel. */
  bus?: "virtio" | "usb";
  /** Identity drive file; null for none; default the node's own. */
  drive?: string | null;
  /** More drives, e.g. unplugged ones. */
  drives?: readonly DriveSpec[];
  network?: MachineSpec["network"];
  wires?: MachineSpec["wires"];
  memoryMiB?: number;
  cpus?: number;
  clock?: MachineSpec["clock"];
  forwards?: MachineSpec["forwards"];
  /** Words added to the kernel command line; only via "kernel". */
  cmdline?: string;
  /** Another image than the world's. */
  image?: LabImage;
  onLine?: (line: ConsoleLine) => void;
}

/** The lab. */
export class World {
  private constructor(
    readonly host: Host,
    readonly dirs: LabDirs,
    readonly server: SiteServer,
    readonly keyring: Keyring,
    readonly sshKeyFile: string,
    readonly image: LabImage,
    readonly firmware: Firmware,
    readonly accelerator: "kvm" | "tcg",
    readonly siteMaker: MakeSite,
    readonly nodeMaker: MakeNode,
  ) {}

  /** Makes keys, nodes and the fleet's files, and starts the web server. There is no site yet. */
  static async make(host: Host, options: WorldOptions): Promise<World> {
    const { dir, names } = options;
    const dirs: LabDirs = {
      keys: `${dir}/keys`,
      nodes: `${dir}/nodes`,
      site: `${dir}/public`,
      drives: `${dir}/drives`,
      machines: `${dir}/machines`,
      cache: `${dir}/site-cache`,
    };
    for (const part of Object.values(dirs)) await host.remove(part);
    await host.mkdir(`${dirs.nodes}/tags`);
    await host.mkdir(dirs.drives, { mode: 0o700 });
    const issued = formatInstant(host.now());
    const keyring = await initKeys(host, dirs.keys, { issued });
    const firmware = await findFirmware(host);
    const accelerator = await findAccelerator(host);
    const sshKeyFile = `${dirs.keys}/lab_ssh_key`;
    const sshKey = generateSshKey();
    await host.writeFile(sshKeyFile, formatSshPrivateKey(sshKey, "lab"), { mode: 0o600 });
    const files = labFleetFiles({
      sshPublicKey: sshPublicLine(sshKey, "lab"),
      everySeconds: options.everySeconds ?? 10,
    });
    for (const [path, content] of files) await host.writeFile(`${dirs.nodes}/${path}`, content);
    const server = await SiteServer.start({ read: directorySite(host, dirs.site) });
    const world = new World(
      host,
      dirs,
      server,
      keyring,
      sshKeyFile,
      options.image,
      firmware,
      accelerator,
      options.makeSite,
      options.makeNode,
    );
    try {
      for (const name of names) await world.addNode(name);
    } catch (error) {
      await server.close();
      throw error;
    }
    return world;
  }

  /** Makes one more node: its file and its identity drive. */
  async addNode(name: string): Promise<void> {
    await this.nodeMaker(this.host, {
      name,
      sites: [this.server.guestUrl],
      tags: [LAB_TAG],
      nodes: this.dirs.nodes,
      keys: this.dirs.keys,
      out: this.driveOf(name),
    });
    const file = `${this.dirs.nodes}/${name}.yaml`;
    // As its administrator would fill in what a new node's file leaves empty.
    const fresh = await this.host.readTextFile(file);
    const filled = fresh.replace(/^config: \{\}$/m, labNodeExtras(name, this.server.guestUrl));
    await this.host.writeFile(file, filled);
  }

  /** The identity drive of a node. */
  driveOf(name: string): string {
    return `${this.dirs.drives}/${name}.img`;
  }

  /** Signs the site of the fleet as its files now are, which is served at once; gives the serial. */
  async makeSite(options: MakeSiteOptions = {}): Promise<number> {
    const { serial } = await this.siteMaker(this.host, {
      nodes: this.dirs.nodes,
      out: this.dirs.site,
      cache: this.dirs.cache,
      keyring: this.keyring,
      ...options,
    });
    return serial;
  }

  /** Starts a node's machine; it boots while this returns. */
  async boot(name: string, options: BootOptions = {}): Promise<Machine> {
    const workDir = `${this.dirs.machines}/${name}`;
    await this.host.mkdir(workDir);
    const spec = await this.#spec(name, workDir, options);
    return await Machine.start(this.host, spec, { workDir, onLine: options.onLine });
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #spec(name: string, workDir: string, options: BootOptions): Promise<MachineSpec> {
    const image = options.image ?? this.image;
    const bus = options.bus ?? "virtio";
    const drives: DriveSpec[] = [];
    const identity = options.drive === undefined ? this.driveOf(name) : options.drive;
    const viaFirmware = options.via !== "kernel";
    if (viaFirmware) {
      drives.push({ id: "disk", file: image.diskImage, bus, bootIndex: 1, snapshot: true });
    }
    if (identity !== null) drives.push({ id: "identity", file: identity, bus });
    drives.push(...options.drives ?? []);
    const vars = `${workDir}/efi-vars.fd`;
    if (viaFirmware) {
      await this.host.writeFile(vars, await this.host.readFile(this.firmware.vars));
    }
    return {
      name,
      memoryMiB: options.memoryMiB ?? MACHINE_MIB,
      cpus: options.cpus ?? 1,
      accelerator: this.accelerator,
      boot: viaFirmware ? { kind: "firmware", code: this.firmware.code, vars } : {
        kind: "kernel",
        kernel: image.kernel,
        initrd: image.initrd,
        cmdline: [image.cmdline, options.cmdline].filter(Boolean).join(" "),
      },
      drives,
      network: options.network ?? "user",
      wires: options.wires,
      clock: options.clock,
      forwards: options.forwards,
    };
  }
}

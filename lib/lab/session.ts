/**
 * One run of the lab, from an image made on the spot to the verdict on each node.
 *
 * @module
 */
import type { NodeConfig } from "../config/mod.ts";
import type { Host } from "../host.ts";
import { withLock } from "../lock.ts";
import { IMAGE_LOCK, type LabImage, makeLabImage, type PackageSource } from "./image.ts";
import { MAX_MACHINES, type NodeResult, runNodes } from "./lab.ts";
import type { Machine } from "./machine.ts";
import { barLine, type NodeProgress, seconds } from "./progress.ts";
import type { LiveLines } from "./terminal.ts";
import { freePort, wayInLines } from "./ways_in.ts";
import { type MakeNode, type MakeSite, World } from "./world.ts";

/** What the lab wants to know of a node whose site is published. */
export interface PublishedNode {
  name: string;
  whole: NodeConfig;
  public: NodeConfig;
  sshHostKey?: string;
}

/** Options of {@linkcode LabSession.open}. */
export interface LabSessionOptions {
  dir: string;
  /** How many nodes. */
  count: number;
  packages: PackageSource;
  rebuild: boolean;
  /** Let the machines run on when all is said. */
  keep: boolean;
  deno: { path: string; version: string };
  makeSite: MakeSite;
  makeNode: MakeNode;
  /** Reads the fleet's files below `dir`. */
  readFleet: (dir: string) => Promise<{ nodes: readonly PublishedNode[] }>;
  /** Shows what happens. */
  display: LiveLines;
  /** Columns of the display. */
  width: number;
}

/** Milliseconds between two looks at the clock for what is shown of a machine. */
const TICK_MS = 1000;

/** "lab-1", "lab-2" and so on. */
const labNames = (count: number) => Array.from({ length: count }, (_, i) => `lab-${i + 1}`);

/** A lab with its image, nodes and signed site, ready to be booted. */
export class LabSession implements AsyncDisposable {
  readonly #machines: Machine[] = [];
  readonly #ports = new Map<string, number>();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly options: LabSessionOptions,
    readonly world: World,
    readonly nodes: readonly PublishedNode[],
    readonly serial: number,
    readonly image: LabImage,
    /** What the image took. */
    readonly imageSeconds: number,
    readonly started: number,
  ) {}

  /** Makes all of it. @throws {UserError} */
  static async open(host: Host, options: LabSessionOptions): Promise<LabSession> {
    const { dir, count, packages, rebuild, deno, display, makeSite, makeNode } = options;
    const started = host.now().getTime();
    const elapsed = () => (host.now().getTime() - started) / 1000;
    const onStage = (text: string) => display.say(`${seconds(elapsed())}  ${text}`);
    const image = await withLock(
      host,
      `${dir}/${IMAGE_LOCK}`,
      { doing: `make an image in ${dir}`, command: "task lab" },
      () => makeLabImage(host, { dir, packages, rebuild, deno, onStage }),
    );
    const imageSeconds = elapsed();
    const names = labNames(count);
    onStage(`making keys and ${count === 1 ? "a node" : `${count} nodes`}: ${names.join(", ")}`);
    const world = await World.make(host, { dir, names, image, makeSite, makeNode });
    try {
      const serial = await world.makeSite();
      onStage(`published the signed site, serial ${serial}, on ${world.server.hostUrl}`);
      const { nodes } = await options.readFleet(world.dirs.nodes);
      const first = names.slice(0, MAX_MACHINES).join(" and ");
      onStage(`booting ${first} (UEFI, ${world.accelerator.toUpperCase()})`);
      return new LabSession(options, world, nodes, serial, image, imageSeconds, started);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Seconds since {@linkcode LabSession.open}. */
  get seconds(): number {
    return (this.world.host.now().getTime() - this.started) / 1000;
  }

  /** Boots all nodes and judges them. */
  async run(): Promise<NodeResult[]> {
    const { world, serial, options: { count, keep, display, width } } = this;
    const names = labNames(count);
    if (keep) { for (const name of names) this.#ports.set(name, await freePort()); }
    let latest: readonly NodeProgress[] = [];
    const draw = () =>
      display.draw(latest.map((node) => barLine(node, 6, width, this.#secondsOf(node.name))));
    const ticking = setInterval(draw, TICK_MS);
    const run = runNodes(world, names, {
      serial,
      demands: (name) => this.#demands(name),
      keep,
      forwards: (name) => keep ? [{ host: this.#ports.get(name)!, guest: 22 }] : undefined,
      onChange: (text) => display.say(text),
      onProgress: (progress) => {
        latest = progress;
        draw();
      },
      onMachine: (machine) => this.#machines.push(machine),
    });
    this.#running = run;
    try {
      return await run;
    } finally {
      clearInterval(ticking);
      display.finish();
    }
  }

  /** How to log in to the machines that were kept, line by line. */
  async waysIn(): Promise<string[]> {
    const lines: string[] = [];
    for (const [name, port] of this.#ports) {
      const { sshHostKey = "" } = this.#node(name);
      lines.push(...await wayInLines(this.world, { name, port, sshHostKey }));
    }
    return lines;
  }

  /** Stops the machines and all that serves them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines) await machine.stop();
    // What was cut off ends with an error that says no more than that.
    await this.#running.catch(() => undefined);
    await this.world[Symbol.asyncDispose]();
  }

  #node(name: string): PublishedNode {
    return this.nodes.find((one) => one.name === name)!;
  }

  #secondsOf(name: string): number | undefined {
    return this.#machines.find(({ spec, console }) => spec.name === name && !console.ended)
      ?.seconds;
  }

  #demands(name: string) {
    const node = this.#node(name);
    return {
      node: name,
      config: node.whole,
      shown: node.public,
      serial: this.serial,
      source: "site" as const,
      imageVersion: this.image.version,
    };
  }
}

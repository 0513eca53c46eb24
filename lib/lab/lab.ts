/**
 * The lab from its nodes to its verdict: publishes the site, boots every node, follows its way, and judges it by its
 * console and its status document. At most two machines run at a time.
 *
 * @module
 */
import { errorText, UserError } from "../errors.ts";
import type { Status } from "../documents/status.ts";
import type { Machine } from "./machine.ts";
import { advance, changeLine, newProgress, type NodeProgress } from "./progress.ts";
import type { MachineSpec } from "./qemu.ts";
import { type Demands, differences } from "./verdict.ts";
import { BOOT_TIMEOUT_MS, type World } from "./world.ts";

/** Machines that may run at the same time. */
export const MAX_MACHINES = 2;
/** A status document follows the console's "configured" at once. */
const STATUS_TIMEOUT_MS = 30_000;

/** How a node ended. */
export interface NodeResult {
  name: string;
  /** Whether it said "configured" and is all that its site demands. */
  ok: boolean;
  /** Why not, one line each. */
  differences: string[];
  /** Seconds since the machine's start, by stage. */
  reached: NodeProgress["reached"];
  status?: Status;
  consoleLog: string;
}

/** Options of {@linkcode runNodes}. */
export interface RunNodesOptions {
  serial: number;
  /** What a node must be, from the fleet that was published. */
  demands: (name: string) => Demands;
  /** Ports that lead into a machine. */
  forwards?: (name: string) => MachineSpec["forwards"];
  /** Told the state of all nodes whenever one of them changes. */
  onProgress?: (nodes: readonly NodeProgress[]) => void;
  /** Told in one line what is new. */
  onChange?: (line: string) => void;
  /** Given every machine as it starts; whoever takes it stops it. */
  onMachine?: (machine: Machine) => void;
  /** Leave machines running. */
  keep?: boolean;
}

/** Boots `names` and judges them, in their order. */
export async function runNodes(
  world: World,
  names: readonly string[],
  options: RunNodesOptions,
): Promise<NodeResult[]> {
  const progress = new Map(names.map((name) => [name, newProgress(name)]));
  const update = (name: string, next: NodeProgress) => {
    const before = progress.get(name)!;
    if (next === before) return;
    progress.set(name, next);
    const line = changeLine(before, next);
    if (line !== undefined) options.onChange?.(line);
    options.onProgress?.([...progress.values()]);
  };
  const results = new Map<string, NodeResult>();
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const node = name;
      const state = () => progress.get(node)!;
      results.set(
        node,
        await runNode(world, node, options, state, (next) => update(node, next)),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_MACHINES, names.length) }, worker));
  return names.map((name) => results.get(name)!);
}

async function runNode(
  world: World,
  name: string,
  options: RunNodesOptions,
  state: () => NodeProgress,
  update: (next: NodeProgress) => void,
): Promise<NodeResult> {
  const machine = await world.boot(name, {
    forwards: options.forwards?.(name),
    onLine: (line) => update(advance(state(), line)),
  });
  options.onMachine?.(machine);
  let found: string[];
  try {
    await machine.event("configured", { node: name, serial: String(options.serial) }, {
      timeoutMs: BOOT_TIMEOUT_MS,
    });
    const status = await world.server.waitForStatus(
      name,
      ({ phase, serial }) => phase === "configured" && serial === options.serial,
      STATUS_TIMEOUT_MS,
    );
    found = differences(status, options.demands(name));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    found = [errorText(error), ...error.hint ? error.hint.split("\n") : []];
  } finally {
    if (!options.keep) await machine.stop();
  }
  return {
    name,
    ok: found.length === 0,
    differences: found,
    reached: state().reached,
    status: world.server.status(name),
    consoleLog: machine.consoleLog,
  };
}

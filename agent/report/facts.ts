/**
 * Facts of the running system, read through `cat`: files below /proc are closed to the agent's own permissions.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import type { Status } from "../../lib/documents/status.ts";
import {
  IMAGE_FACTS_PATH,
  type ImageFacts,
  parseImageFacts,
} from "../../lib/documents/image_facts.ts";
import { outputOf, run } from "../system/programs.ts";

/** What runs: the image's version ("unknown" for one that does not say), its time, the kernel's release. */
export interface SystemFacts {
  version: string;
  /** When the image was made, in seconds since 1970; a lower bound of now. */
  epoch: number;
  kernel: string;
  /** Time servers that the image names. */
  timeServers: readonly string[];
}

/** Facts of the agent: version, commit, form. */
export type AgentFacts = Status["agent"];

const agentSchema = v.object({
  version: v.fallback(v.string(), "unknown"),
  commit: v.fallback(v.string(), "unknown"),
  form: v.fallback(v.string(), "source"),
});

/** Reads what the image says about itself, and the running kernel's release. */
export async function readSystemFacts(host: Host): Promise<SystemFacts> {
  const { version = "unknown", epoch = 0, ntp = [] } = await readImageFacts(host) ?? {};
  const kernel = (await cat(host, "/proc/sys/kernel/osrelease")).trim() || "unknown";
  return { version, epoch, kernel, timeServers: ntp };
}

/** What the agent was made from: the first line of its bundle says so. */
export function agentFacts(): AgentFacts {
  return v.parse(agentSchema, (globalThis as { psyopsosAgent?: unknown }).psyopsosAgent ?? {});
}

/** Seconds since the kernel started, with two decimals. */
export async function uptime(host: Host): Promise<number> {
  const seconds = parseFloat(await cat(host, "/proc/uptime"));
  return Number.isFinite(seconds) ? seconds : 0;
}

/** A random name that the kernel gave this boot. */
export async function readBootId(host: Host): Promise<string> {
  return (await cat(host, "/proc/sys/kernel/random/boot_id")).trim() || "unknown";
}

/** Memory of the node and of the process `pid`. */
export async function readMemory(host: Host, pid: number): Promise<Status["memory"]> {
  const node = await cat(host, "/proc/meminfo");
  const own = await cat(host, `/proc/${pid}/status`);
  return {
    totalKiB: kiB(node, "MemTotal"),
    availableKiB: kiB(node, "MemAvailable"),
    agentRssKiB: kiB(own, "VmRSS"),
  };
}

function kiB(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
}

async function cat(host: Host, path: string): Promise<string> {
  return outputOf(await run(host, ["cat", path]));
}

async function readImageFacts(host: Host): Promise<ImageFacts | undefined> {
  try {
    return parseImageFacts(await host.readFile(`/${IMAGE_FACTS_PATH}`));
  } catch {
    // A node that can't say its image's version still does its work.
    return undefined;
  }
}

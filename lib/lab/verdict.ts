/**
 * Whether a node is what its site demands, judged by its status document: every demand is compared, and every
 * difference is one line. Pure.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../bytes.ts";
import { PRIVATE_DIGEST, type Status } from "../documents/status.ts";

/** What a node must be. */
export interface Demands {
  node: string;
  hostname: string;
  serial?: number;
  source?: "site" | "last-good";
  imageVersion?: string;
  users: readonly { name: string; uid?: number; groups?: string[]; sshKeys?: string[] }[];
  /** `sha256` is PRIVATE_DIGEST for what only the node may know: it compares that itself. */
  files: readonly { path: string; sha256: string; mode: string; owner: string; group: string }[];
  /** Scripts that must have ended with 0; where the output is known it must be that. */
  scripts: readonly { name: string; output?: string }[];
}

/** The parts of a node's configuration that its status tells of. */
export interface JudgedConfig {
  hostname?: string;
  users?: Record<string, { uid?: number; groups?: string[]; sshKeys?: string[] }>;
  files?: Record<
    string,
    { content: string; encoding?: "base64"; mode?: string; owner?: string; group?: string }
  >;
  scripts?: Record<string, { run: string }>;
}

/**
 * What follows from a configuration.
 *
 * @param shown The part of `config` that everyone can read on the site.
 * @param outputs What its scripts must print.
 */
export function demandsOf(
  node: string,
  config: JudgedConfig,
  shown: JudgedConfig,
  outputs: Record<string, string> = {},
): Demands {
  return {
    node,
    hostname: config.hostname ?? node,
    users: Object.entries(config.users ?? {}).map(([name, { uid, groups, sshKeys }]) => ({
      name,
      uid,
      groups,
      sshKeys,
    })),
    files: Object.entries(config.files ?? {}).map(([path, file]) => ({
      path,
      sha256: shown.files?.[path]?.content === file.content
        ? sha256Hex(contentOf(file))
        : PRIVATE_DIGEST,
      mode: file.mode ?? "0644",
      owner: file.owner ?? "root",
      group: file.group ?? "root",
    })),
    scripts: Object.keys(config.scripts ?? {}).map((name) => ({ name, output: outputs[name] })),
  };
}

/** One line for each way in which `status` differs; empty when the node is what it must be. */
export function differences(status: Status | undefined, demands: Demands): string[] {
  if (!status) return ["no status document"];
  const found: string[] = [];
  const compare = (what: string, have: unknown, want: unknown) => {
    const [left, right] = [JSON.stringify(have ?? null), JSON.stringify(want)];
    if (want !== undefined && left !== right) found.push(`${what} is ${left}, must be ${right}`);
  };
  compare("node", status.node, demands.node);
  compare("phase", status.phase, "configured");
  compare("serial", status.serial, demands.serial);
  compare("source", status.source, demands.source);
  compare("image version", status.image?.version, demands.imageVersion);
  if (status.problem) found.push(`problem: ${status.problem.check}: ${status.problem.message}`);
  const seen = status.observed;
  if (!seen) return [...found, "nothing was observed"];
  compare("hostname", seen.hostname, demands.hostname);
  for (const want of demands.users) {
    const have = seen.users.find(({ name }) => name === want.name);
    if (!have) {
      found.push(`user ${want.name} is missing`);
      continue;
    }
    compare(`user ${want.name}: uid`, have.uid, want.uid);
    compare(`user ${want.name}: groups`, [...have.groups].sort(), want.groups?.toSorted());
    compare(`user ${want.name}: SSH keys`, [...have.sshKeys].sort(), want.sshKeys?.toSorted());
  }
  for (const want of demands.files) {
    const have = seen.files.find(({ path }) => path === want.path);
    if (!have) {
      found.push(`file ${want.path} is missing`);
      continue;
    }
    compare(`file ${want.path}: SHA-256`, have.sha256, want.sha256);
    compare(`file ${want.path}: mode`, have.mode, want.mode);
    compare(`file ${want.path}: owner`, have.owner, want.owner);
    compare(`file ${want.path}: group`, have.group, want.group);
  }
  for (const want of demands.scripts) {
    const have = seen.scripts.find(({ name }) => name === want.name);
    if (!have) {
      found.push(`script ${want.name} did not run`);
      continue;
    }
    compare(`script ${want.name}: exit code`, have.exitCode, 0);
    if (want.output !== undefined) {
      compare(`script ${want.name}: output`, have.outputSha256, sha256Hex(utf8(want.output)));
    }
  }
  return found;
}

function contentOf(file: { content: string; encoding?: "base64" }): Uint8Array {
  if (file.encoding !== "base64") return utf8(file.content);
  return Uint8Array.from(atob(file.content), (char) => char.charCodeAt(0));
}

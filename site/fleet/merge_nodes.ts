/**
 * From what a fleet's files say to what each node is told: its layers merged, with the places of what only shows then.
 *
 * @module
 */
import { tightenedFiles } from "../../lib/config/files.ts";
import { loginsWithoutRoot } from "../../lib/config/logins.ts";
import { isCertificateOf } from "../../lib/config/ssh.ts";
import { lockout } from "../../lib/config/ssh_lockout.ts";
import {
  desired,
  type LayerConfig,
  mergeConfig,
  mergedProblems,
  type NodeConfig,
  replacedLists,
  settleConfig,
  wholeEntries,
} from "../../lib/config/mod.ts";
import type { Layer } from "./fleet_schema.ts";
import { type Problem, problemText, type YamlFile } from "./yaml_file.ts";

/** What one file says, and where. */
export type LayerSource = Pick<YamlFile<Layer>, "value" | "problemAt">;

/** A node's configuration with all layers merged. */
export interface MergedNode {
  /** What everyone can read, as far as it is whole without a secret: no `private` part of any layer is in it. */
  public: NodeConfig;
  /** All of it, secrets included. */
  whole: NodeConfig;
  /** Paths of its private files for which the fleet says no mode: they are for their owner only. */
  tightened: string[];
}

/** All of a node's `layers` in one, lower ones first. */
export function mergeNode(layers: readonly LayerSource[]): MergedNode {
  const values = layers.map(({ value }) => value);
  const shown = wholeEntries(mergeConfig(values.map(({ config }) => config)));
  const merged = mergeConfig(values.flatMap(({ config, private: secret }) => [config, secret]));
  const whole = settleConfig(merged, shown);
  return { public: shown, whole, tightened: tightenedFiles(merged.files, whole.files) };
}

/** What is wrong with a node once its layers are merged, each at the place that says most of it. */
export function problemsOf(
  name: string,
  { public: shown, whole }: MergedNode,
  layers: readonly LayerSource[],
): Problem[] {
  const problems = new Map<string, Problem>();
  const found = [shown, whole].flatMap(mergedProblems);
  // Who has keys may be known in private alone.
  const locked = lockout(whole.ssh ?? {}, whole.users ?? {});
  if (locked !== undefined) {
    found.push({ path: ["ssh"], message: `nobody could log in: ${locked}` });
  }
  for (const { path, message } of found) {
    const problem = placed(path, `once merged for ${name}, ${message}`, layers);
    problems.set(problemText(problem), problem);
  }
  return [...problems.values()];
}

/** Lists of a node's layers that replace one of a lower layer: as a rule somebody wanted both. */
export function listWarnings(layers: readonly LayerSource[]): Problem[] {
  const parts = partsOf(layers);
  return replacedLists(parts.map(({ config }) => config)).map(({ path, layer }) => {
    const { part, source } = parts[layer]!;
    return source.problemAt(
      [part, ...path],
      `${path.join(".")} replaces the list of a lower layer, and is not added to it`,
      true,
    );
  });
}

/** What is wrong with a node's certificate: one of another key would be shown to everybody, and believed by nobody. */
export function certificateProblems(
  sshHostKey: string | undefined,
  { whole }: MergedNode,
  layers: readonly LayerSource[],
): Problem[] {
  const { hostCertificate } = whole.ssh ?? {};
  if (hostCertificate === undefined || sshHostKey === undefined) return [];
  if (isCertificateOf(hostCertificate, sshHostKey)) return [];
  const message = "ssh.hostCertificate is not about the node's sshHostKey";
  return [placed(["ssh", "hostCertificate"], message, layers)];
}

/** Whether a node lets people in of whom none can become root: nothing on it could be mended by hand. */
export function rootWarnings(
  name: string,
  { whole }: MergedNode,
  layers: readonly LayerSource[],
): Problem[] {
  const [users, rules] = [desired("users", whole, { name }), desired("doas", whole, { name })];
  const logins = loginsWithoutRoot(users, rules, whole.ssh);
  if (logins.length === 0) return [];
  const message = `nobody who can log in (${logins.join(", ")}) can become root: ` +
    "`groups: {wheel: true}` lets an account, or see the key doas";
  return [placed(["users"], message, layers)];
}

interface LayerPart {
  part: "config" | "private";
  config: LayerConfig;
  source: LayerSource;
}

/** The parts of `layers` in the order in which they are laid over each other. */
function partsOf(layers: readonly LayerSource[]): LayerPart[] {
  return layers.flatMap((source) =>
    (["config", "private"] as const).map((part) => ({ part, config: source.value[part], source }))
  );
}

/** A problem at `path` of the merged configuration, in the last of the files that say most of what leads there. */
export function placed(
  path: readonly string[],
  message: string,
  layers: readonly LayerSource[],
): Problem {
  let deepest = { depth: 0, part: "", source: layers.at(-1)! };
  for (const { part, config, source } of partsOf(layers)) {
    const depth = depthOf(config, path);
    if (depth > 0 && depth >= deepest.depth) deepest = { depth, part, source };
  }
  const { depth, part, source } = deepest;
  return source.problemAt(depth === 0 ? [] : [part, ...path.slice(0, depth)], message);
}

/** How many steps of `path` there are in `value`. */
function depthOf(value: unknown, path: readonly string[]): number {
  const [key, ...rest] = path;
  if (key === undefined || typeof value !== "object" || value === null) return 0;
  if (!Object.hasOwn(value, key)) return 0;
  return 1 + depthOf((value as Record<string, unknown>)[key], rest);
}

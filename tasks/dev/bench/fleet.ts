/**
 * Fleets of any size to measure with: the same texts for the same seed, but for the keys that are given.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding/base64";
import { utf8 } from "../../../lib/bytes.ts";
import { Random } from "../fuzz/random.ts";

/** Secrets of each node. */
export const SECRETS_PER_NODE = 5;
/** Tags that the nodes share among them. */
const TAGS = ["lab", "edge", "metrics", "backup"];

/** What {@linkcode benchFleet} needs. */
export interface BenchFleetOptions {
  /** One age recipient for each node. */
  recipients: readonly string[];
  /** Administrators' recipients; needed for `sealed`. */
  admins: readonly string[];
  seed: number;
  /** Encrypts a secret; without it the nodes' files hold them as text. */
  seal?: (secret: string) => Promise<string>;
}

/** The fleet's files by path below the nodes directory. */
export async function benchFleet(options: BenchFleetOptions): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const admins = options.admins.length > 0 ? `admins: [${options.admins.join(", ")}]\n` : "";
  files.set(
    "global.yaml",
    `${admins}notes: A fleet to measure with.
config:
  check: {everySeconds: 300}
  users:
    ops: {uid: 1000, comment: Operator, groups: {wheel: true}, shell: /bin/sh}
`,
  );
  for (const tag of TAGS) {
    files.set(
      `tags/${tag}.yaml`,
      `config:\n  files:\n    /etc/${tag}.conf: {content: "for ${tag}\\n", mode: "0644"}\n`,
    );
  }
  for (const i of options.recipients.keys()) {
    files.set(`${benchNode(i)}.yaml`, await benchNodeFile(i, options));
  }
  return files;
}

/** Name of the node of this number. */
export function benchNode(i: number): string {
  return `node-${String(i).padStart(5, "0")}`;
}

/** The file of node `i`; another `version` has one other secret. */
export async function benchNodeFile(
  i: number,
  options: BenchFleetOptions,
  version = 0,
): Promise<string> {
  const random = new Random(options.seed, i);
  const hex = (words: number) =>
    Array.from({ length: words }, () => random.next().toString(16).padStart(8, "0")).join("");
  const lines = [
    `recipient: ${options.recipients[i]}`,
    `sshHostKey: ${sshLine(random)} ${benchNode(i)}`,
    `tags: [${TAGS[i % TAGS.length]}, ${TAGS[(i + 1) % TAGS.length]}]`,
    `notes: Machine ${i} of the fleet.`,
    "config:",
    `  hostname: ${benchNode(i)}`,
    "private:",
    "  files:",
  ];
  for (let secret = 0; secret < SECRETS_PER_NODE; secret++) {
    const value = hex(8) + (secret === 0 && version > 0 ? `-${version}` : "");
    lines.push(`    /etc/secrets/s${secret}:`);
    if (options.seal) {
      lines.push("      content: !age |");
      const armored = await options.seal(value);
      lines.push(...armored.trimEnd().split("\n").map((line) => `        ${line}`));
    } else lines.push(`      content: ${JSON.stringify(value)}`);
    lines.push('      mode: "0600"');
  }
  return `${lines.join("\n")}\n`;
}

/** A public key line that nobody has the private half of. */
function sshLine(random: Random): string {
  const type = "ssh-ed25519";
  const blob = new Uint8Array(4 + type.length + 4 + 32);
  blob[3] = type.length;
  blob.set(utf8(type), 4);
  blob[4 + type.length + 3] = 32;
  for (let i = blob.length - 32; i < blob.length; i++) blob[i] = random.below(256);
  return `${type} ${encodeBase64(blob)}`;
}

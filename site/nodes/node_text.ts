/**
 * What is told of nodes, for people and for programs: `deno task node list` and `show`. Names of secrets, never values.
 *
 * @module
 */
import { sshLineFingerprint } from "../../lib/identity/ssh_key.ts";
import { isPostQuantum } from "../../lib/trust/age_value.ts";
import type { FleetNode } from "../fleet/assemble.ts";
import { type Exposed, exposedTo } from "../secrets/exposure.ts";
import type { SecretFleet } from "../secrets/secret_files.ts";

/** What is known of a node without its drive. */
export interface NodeFacts {
  name: string;
  file: string;
  tags: string[];
  recipient: string;
  postQuantum: boolean;
  /** `SHA256:…` of the SSH host key. */
  sshFingerprint?: string;
  /** When its drive was made, in UTC. */
  created?: string;
  notes?: string;
  /** Values below `private` that it gets. */
  secrets: Exposed[];
}

/** The facts of one node. */
export function nodeFacts(secrets: SecretFleet, node: FleetNode): NodeFacts {
  const { name, tags, recipient, sshHostKey, created, notes } = node;
  return {
    name,
    file: `${secrets.files.directory}/${name}.yaml`,
    tags,
    recipient,
    postQuantum: isPostQuantum(recipient),
    sshFingerprint: sshHostKey && sshLineFingerprint(sshHostKey),
    created,
    notes,
    secrets: exposedTo(secrets, node, { own: true }),
  };
}

/** A table of nodes, one line each below a line of headings. */
export function nodeTable(nodes: readonly NodeFacts[]): string[] {
  const rows = nodes.map((node) => [
    node.name,
    node.tags.join(" ") || "-",
    shortRecipient(node.recipient),
    node.created ?? "-",
  ]);
  const all = [["NODE", "TAGS", "AGE KEY", "DRIVE MADE"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd());
}

/** All that is known of one node, in lines. */
export function nodeLines(node: NodeFacts): string[] {
  return [
    `node ${node.name}`,
    `  file        ${node.file}`,
    `  tags        ${node.tags.join(" ") || "-"}`,
    `  age key     ${shortRecipient(node.recipient)}${node.postQuantum ? "  (post-quantum)" : ""}`,
    `  ssh key     ${node.sshFingerprint ?? "-"}`,
    `  drive made  ${node.created ?? "-"}`,
    ...(node.notes
      ? [`  notes       ${node.notes.trim().replaceAll("\n", "\n              ")}`]
      : []),
    node.secrets.length > 0 ? "  private values:" : "  private values: none",
    ...node.secrets.map(exposedLine),
  ];
}

/** `    nodes/tags/lab.yaml:18  files./etc/token.content  (in plain)` */
export function exposedLine({ file, line, name, sealed }: Exposed): string {
  return `    ${file}:${line}  ${name}${sealed ? "" : "  (in plain)"}`;
}

/** A recipient that fits on a line: begin and end of a long one. */
export function shortRecipient(recipient: string): string {
  return recipient.length <= 62 ? recipient : `${recipient.slice(0, 24)}…${recipient.slice(-12)}`;
}

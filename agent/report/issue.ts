/**
 * What the console shows above its login: which machine this is, where it can be reached, how it stands, by which key its SSH
 * server is known. `/etc/issue` is written by nobody else, and only when it says something new.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { decodeBase64 } from "@std/encoding/base64";
import type { Status } from "../../lib/documents/status.ts";
import type { Host } from "../../lib/host.ts";
import { printable } from "../../lib/visible.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { phaseText } from "./status.ts";

/** The file; getty fills in what stands behind a backslash. */
export const ISSUE_FILE = "/etc/issue";
/** Longest line of a problem, in characters: as wide as a console. */
const MAX_PROBLEM = 70;

/** What a console tells beside the status. */
export interface ConsoleFacts {
  /** E.g. "eth0 10.0.2.15/24". */
  addresses: readonly string[];
  /** The SSH server's public key line. */
  hostKey?: string;
}

/** The file's text. */
export function issueText(status: Status, { addresses, hostKey }: ConsoleFacts): string {
  const { node = "not known yet", problem, image } = status;
  const plain = (text: string) => printable(text, MAX_PROBLEM).replaceAll("\\", "/");
  const fingerprint = hostKey && fingerprintOf(hostKey);
  const rows: [string, string | undefined][] = [
    ["node", node],
    ...addresses.map((address): [string, string] => ["address", address]),
    ["state", phaseText(status.phase)],
    ["problem", problem && plain(problem.message)],
    ["host key", fingerprint],
  ];
  const lines = rows.filter(([, value]) => value).map(([name, value]) =>
    `${name.padEnd(9)} ${value}\n`
  );
  return `psyopsOS ${plain(image.version)} (\\r, \\m) \\l\n\n${lines.join("")}\n`;
}

/** Writes the file where it says something else. */
export async function writeIssue(host: Host, status: Status, facts: ConsoleFacts): Promise<void> {
  const text = issueText(status, facts);
  if (await readTextIfFile(host, ISSUE_FILE) === text) return;
  await installFile(host, ISSUE_FILE, text, { mode: 0o644, uid: 0, gid: 0 });
}

/** `SHA256:…` of a public key line, as ssh shows it; undefined for a line without a key. */
function fingerprintOf(line: string): string | undefined {
  try {
    const blob = decodeBase64(line.split(" ")[1] ?? "");
    const digest = createHash("sha256").update(blob).digest("base64").replaceAll("=", "");
    return blob.length === 0 ? undefined : `SHA256:${digest}`;
  } catch {
    return undefined;
  }
}

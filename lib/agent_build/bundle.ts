/**
 * Makes the agent's modules into one script that knows what it was made from. As it is, Deno runs it on the node; compiled
 * (`agent_build/`), it brings its own Deno. The script that starts either lies in `overlay/root`.
 *
 * The same sources give the same bytes wherever they lie: the bundle is minified, which leaves no paths in it.
 *
 * @module
 */
import { type Bytes, concat, utf8 } from "../bytes.ts";
import { complaintOf, firstLine } from "../complaint.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Where the bundle is in the image. */
export const AGENT_BUNDLE_PATH = "usr/lib/psyopsos/agent.js";

/** Deno's own stack traces of Rust code help nobody here. */
const ENV = { NO_COLOR: "1", RUST_BACKTRACE: "0" };

/** One file of the image. */
export interface ImageFile {
  data: Bytes;
  mode: number;
}

/** Options of {@linkcode bundleAgent}. */
export interface BundleOptions {
  /** Folder of the project, default the current one. */
  root?: string;
  /** Deno's program, default the one on PATH. */
  deno?: string;
  /** What the script says its sources are; default what git says. */
  commit?: string;
}

/** The agent as one script, before it is known how it will run. */
export interface AgentScript {
  version: string;
  /** With "+" when there are changes on top of it. */
  commit: string;
  code: Bytes;
}

/**
 * Bundles the agent's modules into one script.
 *
 * @throws {UserError} with what the bundler said.
 */
export async function bundleScript(
  host: Host,
  { root = ".", deno = "deno", commit }: BundleOptions = {},
): Promise<AgentScript> {
  // To standard output, so that nothing is left to be cleaned up.
  const command = [deno, "bundle", "--quiet", "--minify", "--platform", "deno", "agent/main.ts"];
  const result = await host.run(command, { cwd: root, env: ENV });
  if (result.code !== 0 || result.stdout.length === 0) {
    throw new UserError("bundle the agent", complaintOf(result, firstLine));
  }
  const { version = "unknown" } = JSON.parse(await host.readTextFile(`${root}/deno.json`)) as {
    version?: string;
  };
  return { version, commit: commit ?? await gitCommit(host, root), code: result.stdout };
}

/** The script with a first line that says what it is; the agent reports these facts. */
export function scriptWithFacts({ version, commit, code }: AgentScript, form: string): Bytes {
  const facts = JSON.stringify({ version, commit, form });
  return concat([utf8(`globalThis.psyopsosAgent=${facts};\n`), code]);
}

/**
 * The agent's files in the form "bundle", by path in the image without a leading slash.
 *
 * @throws {UserError} with what the bundler said.
 */
export async function bundleAgent(
  host: Host,
  options: BundleOptions = {},
): Promise<Map<string, ImageFile>> {
  const data = scriptWithFacts(await bundleScript(host, options), "bundle");
  return new Map([[AGENT_BUNDLE_PATH, { data, mode: 0o644 }]]);
}

/** The commit that is checked out, with "+" when there are changes on top of it; "unknown" outside of git. */
async function gitCommit(host: Host, root: string): Promise<string> {
  const git = async (...args: string[]) => {
    const { code, stdout } = await host.run(["git", "-C", root, ...args]);
    return code === 0 ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  const commit = await git("rev-parse", "--short=12", "HEAD");
  if (!commit) return "unknown";
  const changes = await git("status", "--porcelain", "--", "agent", "lib", "site", "deno.json");
  return changes === "" ? commit : `${commit}+`;
}

/**
 * Makes the agent's files for the image: its modules bundled into one script, and a note of what it was made from. The script
 * that starts it lies in `overlay/root`.
 *
 * The same sources give the same bytes wherever they lie: the bundle is minified, which leaves no paths in it.
 *
 * @module
 */
import type { Bytes } from "./bytes.ts";
import { UserError } from "./errors.ts";
import type { Host } from "./host.ts";
import { canonicalJson } from "./trust/freshness.ts";

/** Where the bundle and its note are in the image. */
export const AGENT_BUNDLE_PATH = "usr/lib/psyopsos/agent.js";
const AGENT_NOTE_PATH = "usr/lib/psyopsos/agent.json";

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
  /** What the note says the sources are; default what git says. */
  commit?: string;
}

/**
 * The agent's files by path in the image, without a leading slash.
 *
 * @throws {UserError} with what the bundler said.
 */
export async function bundleAgent(
  host: Host,
  { root = ".", deno = "deno", commit }: BundleOptions = {},
): Promise<Map<string, ImageFile>> {
  // To standard output, so that nothing is left to be cleaned up.
  const command = [deno, "bundle", "--quiet", "--minify", "--platform", "deno", "agent/main.ts"];
  const result = await host.run(command, { cwd: root, env: ENV });
  if (result.code !== 0 || result.stdout.length === 0) {
    const said = new TextDecoder().decode(result.stderr).trim().split("\n")[0] ?? "";
    throw new UserError(`Cannot bundle the agent: ${said || `exit code ${result.code}`}`);
  }
  const { version } = JSON.parse(await host.readTextFile(`${root}/deno.json`)) as {
    version?: string;
  };
  const note = { version: version ?? "unknown", commit: commit ?? await gitCommit(host, root) };
  return new Map([
    [AGENT_BUNDLE_PATH, { data: result.stdout, mode: 0o644 }],
    [AGENT_NOTE_PATH, { data: canonicalJson({ ...note, form: "bundle" }), mode: 0o644 }],
  ]);
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

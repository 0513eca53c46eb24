/**
 * What the kernel shows as files below /proc/sys and /sys. The agent has no right to read or write there itself: a small
 * program of the image does it, and takes no other paths.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { KERNEL_FILES } from "./paths.ts";
import { outputOf, run, runOk } from "./programs.ts";

/** The program's exit codes for what is no fault of the value. */
const NO_FILE = 3;
const NOT_SETTABLE = 4;

/**
 * Content of those of `paths` that are there and can be read, without the last line's end; all in one go.
 *
 * @throws {UserError} where it can't be done at all, or is far too much.
 */
export async function readKernelFiles(
  host: Host,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (paths.length === 0) return found;
  const command = [KERNEL_FILES, "read"];
  const stdin = paths.map((path) => `${path}\n`).join("");
  const output = await runOk(host, "read settings of the kernel", command, { stdin });
  // Should one path be the beginning of another, the longer one is meant.
  const longestFirst = [...paths].sort((a, b) => b.length - a.length);
  for (const line of output.split("\n")) {
    const path = longestFirst.find((one) => line.startsWith(`${one}:`));
    if (path === undefined) continue;
    const before = found.get(path);
    const text = line.slice(path.length + 1);
    found.set(path, before === undefined ? text : `${before}\n${text}`);
  }
  return found;
}

/** What came of {@linkcode writeKernelFile}: the content afterwards, or that there is nothing to write to. */
export type Written = { now: string } | { refused: "no file" | "not settable" };

/**
 * Sets one file to one line. The value stands in no command line: it may be a secret.
 *
 * @throws {UserError} with the kernel's complaint about the value.
 */
export async function writeKernelFile(
  host: Host,
  doing: string,
  path: string,
  value: string,
): Promise<Written> {
  const result = await run(host, [KERNEL_FILES, "write", path], { stdin: `${value}\n` });
  if (result.code === NO_FILE) return { refused: "no file" };
  if (result.code === NOT_SETTABLE) return { refused: "not settable" };
  if (result.code !== 0) throw new UserError(doing, complaintOf(result));
  return { now: outputOf(result).replace(/\n$/, "") };
}

/** Loads a module with all that it needs. @throws {UserError} */
export async function loadModule(host: Host, doing: string, name: string): Promise<void> {
  await runOk(host, doing, [KERNEL_FILES, "load", name]);
}

/** Names of the parameters that a module's file says it has; none where the file is not there. */
export async function moduleParameters(host: Host, name: string): Promise<string[]> {
  const result = await run(host, [KERNEL_FILES, "parameters", name]);
  return result.code === 0 ? outputOf(result).split("\n").filter((line) => line !== "") : [];
}

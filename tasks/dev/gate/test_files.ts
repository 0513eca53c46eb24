/**
 * Finds the project's tests and says with which rights each runs.
 *
 * @module
 */
import type { Host } from "../../../lib/host.ts";

/** How a test file is run: `pure` may only read the project, `tools` may do anything, `lab` also boots machines. */
export type TestKind = "pure" | "tools" | "lab";

const TOOLS = ["tests/interop/", "tests/tasks/"];
const PURE = ["tests/tasks/dev/"];
const LAB = ["tests/lab/"];

/** Kind of a test file, from its folder. */
export function testKind(path: string): TestKind {
  if (LAB.some((folder) => path.startsWith(folder))) return "lab";
  if (PURE.some((folder) => path.startsWith(folder))) return "pure";
  return TOOLS.some((folder) => path.startsWith(folder)) ? "tools" : "pure";
}

/** Whether a test file takes longer than CI has time for: its name says so. */
export function isLong(path: string): boolean {
  return path.endsWith("_long_test.ts");
}

/**
 * Those of `files` that were asked for: all, or the files and folders that are `wanted`. Without `long` those of
 * {@linkcode isLong} are not among them, unless one is named itself.
 */
export function selected(
  files: readonly string[],
  { wanted, long, noLab }: { wanted: readonly string[]; long: boolean; noLab: boolean },
): string[] {
  return files.filter((file) =>
    wanted.includes(file) ||
    (wanted.length === 0 || wanted.some((word) => file.startsWith(`${word}/`))) &&
      (long || !isLong(file))
  ).filter((file) => !(noLab && testKind(file) === "lab"));
}

/** All `*_test.ts` below `folder`, sorted. */
export async function testFiles(host: Host, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await host.readDir(folder)) {
    const path = `${folder}/${name}`;
    const kind = (await host.stat(path))?.kind;
    if (kind === "directory") found.push(...await testFiles(host, path));
    else if (kind === "file" && name.endsWith("_test.ts")) found.push(path);
  }
  return found;
}

/** The project's own TypeScript, for tests that judge how it is laid out. */

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = ["agent", "lib", "site", "tasks"];

/** Text of every source file by its path, tests left out. */
export async function projectSources(): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  sources.set("mod.ts", await Deno.readTextFile(new URL("mod.ts", ROOT)));
  for (const folder of FOLDERS) await addFolder(folder, sources);
  return sources;
}

async function addFolder(folder: string, sources: Map<string, string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) await addFolder(path, sources);
    else if (/(?<!\.d)\.ts$/.test(name)) {
      sources.set(path, await Deno.readTextFile(new URL(path, ROOT)));
    }
  }
}

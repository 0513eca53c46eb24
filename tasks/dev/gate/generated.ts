/**
 * Files, or parts of files, that follow from the sources: `deno task generate` writes them, the gate compares them.
 *
 * @module
 */
import { PROGRAMS as NODE_PROGRAMS } from "../../../lib/agent_build/rights.ts";
import { commandReference, programTable } from "../../../lib/cli/reference.ts";
import { keyTable, referenceText } from "../../../lib/config/reference.ts";
import { EXIT, EXIT_WORDS, UserError } from "../../../lib/errors.ts";
import type { Host } from "../../../lib/host.ts";
import { makePageScript, PAGE_SCRIPT } from "../../../site/page/make_script.ts";
import { editorSchemas } from "../../../site/fleet/editor_schema.ts";
import { PROGRAMS } from "../../lines/mod.ts";
import { layerTable } from "./layers.ts";

const COMMANDS_HEAD = `# Commands

Made by \`deno task generate\` from the programs' own command lines. Without an installed Deno: \`npx -y deno@2.9.6 task …\`.

`;

/** Gives the text that a file should have; of `before`, the text it has, it may keep a part. */
type Make = (before: string) => string | Promise<string>;

/** What each generated file is made by. */
async function generated(host: Host, { root, deno }: Place): Promise<Map<string, Make>> {
  const loaded = await Promise.all(Object.values(PROGRAMS).map((load) => load()));
  const programs = loaded.map(({ program }) => program);
  const schemas = [...await editorSchemas()].map(([path, text]): [string, Make] => [
    `nodes/${path}`,
    () => text,
  ]);
  return new Map<string, Make>([
    ["docs/configuration.md", () => referenceText()],
    ["docs/commands.md", () => COMMANDS_HEAD + commandReference(programs)],
    ["README.md", (before) => {
      const tables = {
        tasks: programTable(programs),
        keys: keyTable(),
        layers: layerTable(),
        exits: exitTable(),
      };
      return Object.entries(tables).reduce(
        (text, [name, table]) => between(text, name, table),
        before,
      );
    }],
    ["overlay/root/usr/bin/psyopsos-agent", withPrograms],
    [PAGE_SCRIPT, () => makePageScript(host, { root, deno })],
    ...schemas,
  ]);
}

function exitTable(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[];
  const rows = names.map((name) => `| ${EXIT[name]} | ${EXIT_WORDS[name]} |`);
  return ["| Code | Means |", "|---|---|", ...rows, ""].join("\n");
}

/** Where the project is, and what bundles the page's script. */
export interface Place {
  /** Absolute path of the project. */
  root: string;
  /** Deno's program. */
  deno: string;
}

/** Paths of the generated files that are not what their sources give; with `write`, these are put right. */
export async function staleFiles(host: Host, place: Place, write: boolean): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, make] of await generated(host, place)) {
    const info = await host.stat(path);
    const before = info ? await host.readTextFile(path) : "";
    const text = await make(before);
    if (info && text === before) continue;
    stale.push(path);
    if (!write) continue;
    await host.mkdir(path.slice(0, path.lastIndexOf("/") + 1) || ".");
    await host.writeFile(path, text, { mode: info?.mode ?? 0o644 });
  }
  return stale;
}

/** `before` with the lines between the marks of `name` replaced. */
function between(before: string, name: string, text: string): string {
  const marks = [`<!-- ${name}: made by deno task generate -->\n`, `<!-- end of ${name} -->\n`];
  const [start, end] = marks.map((mark) => before.indexOf(mark));
  if (start! < 0 || end! < start!) {
    throw new UserError(`make the table of ${name}`, `the text lacks ${marks.join("… ").trim()}`);
  }
  return before.slice(0, start! + marks[0]!.length) + text + before.slice(end!);
}

/** The wrapper gives the bundle the right to run just the programs that a compiled agent may run. */
function withPrograms(before: string): string {
  const list = NODE_PROGRAMS.join(",").replaceAll("/usr/lib/psyopsos/", "$lib/");
  return before.replace(/--allow-run="[^"]*"/, () => `--allow-run="${list}"`);
}

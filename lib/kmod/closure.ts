/**
 * Which module files it takes to load given modules, in load order: what `modprobe --show-depends`
 * prints, read from the index files. Of a module with several softdep lines all count (modprobe reads
 * one), so that an image lacks nothing.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { globMatches } from "../glob.ts";
import { printable } from "../visible.ts";
import { moduleName, normalAlias, pathModuleName } from "./names.ts";

/** As much of a malformed line is shown, in characters. */
const MAX_QUOTED = 80;

/** Options of {@linkcode moduleClosure}. */
export interface ClosureOptions {
  /** Whether soft dependencies come along where they exist; default true. */
  soft?: boolean;
}

/**
 * Paths of the modules `names` (or aliases) and of all they need, each after those it needs.
 * Names that are built into the kernel give nothing.
 *
 * @param index Index files by name, as {@linkcode moduleIndex} or depmod makes them: modules.dep, and
 * modules.alias, modules.softdep, modules.builtin where they exist.
 * @throws {UserError} naming all `names` that are neither module, alias nor built in; for a malformed index file.
 */
export function moduleClosure(
  names: Iterable<string>,
  index: ReadonlyMap<string, Uint8Array>,
  options: ClosureOptions = {},
): string[] {
  const tables = readTables(index);
  const soft = options.soft ?? true;
  const out = new Set<string>();
  const visited = new Set<string>();
  const visit = (name: string) => {
    if (visited.has(name)) return;
    visited.add(name);
    for (const needed of [...tables.needs.get(name)!].reverse()) withSoft(needed);
    withSoft(name);
  };
  const withSoft = (name: string) => {
    // No guard here: where a soft dependency needs this very module, it must still come first.
    const { pre, post } = (soft ? tables.soft.get(name) : undefined) ?? { pre: [], post: [] };
    for (const other of pre.flatMap((other) => lookUp(other, tables))) visit(other);
    out.add(tables.paths.get(name)!);
    for (const other of post.flatMap((other) => lookUp(other, tables))) visit(other);
  };
  const unknown: string[] = [];
  for (const name of names) {
    const found = lookUp(name, tables);
    if (found.length === 0 && !tables.builtin.has(moduleName(name))) unknown.push(name);
    for (const module of found) visit(module);
  }
  if (unknown.length > 0) {
    throw new UserError("find kernel modules", `no ${unknown.join(", no ")}`);
  }
  return [...out];
}

interface Tables {
  paths: Map<string, string>;
  /** By name, names as in modules.dep: the most basic last. */
  needs: Map<string, string[]>;
  aliases: { exact: Map<string, string[]>; patterns: [pattern: string, name: string][] };
  soft: Map<string, { pre: string[]; post: string[] }>;
  builtin: Set<string>;
}

function readTables(index: ReadonlyMap<string, Uint8Array>): Tables {
  const lines = (name: string) => {
    const bytes = index.get(name);
    if (!bytes) return [];
    let content: string;
    try {
      content = text(bytes);
    } catch (cause) {
      throw new UserError("find kernel modules", `${name} is no UTF-8`, { cause });
    }
    return content.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  };
  if (!index.has("modules.dep")) {
    throw new UserError("find kernel modules", "no modules.dep");
  }
  const tables: Tables = {
    paths: new Map(),
    needs: new Map(),
    aliases: { exact: new Map(), patterns: [] },
    soft: new Map(),
    builtin: new Set(lines("modules.builtin").map(pathModuleName)),
  };
  for (const line of lines("modules.dep")) {
    const [path = "", needs] = line.split(":", 2);
    if (needs === undefined) throw malformed("modules.dep", line);
    tables.paths.set(pathModuleName(path), path);
    tables.needs.set(pathModuleName(path), needs.split(" ").filter(Boolean).map(pathModuleName));
  }
  for (const line of lines("modules.alias")) {
    const match = /^alias (.*) (\S+)$/.exec(line);
    const alias = match && normalAlias(match[1]!);
    if (!alias) continue;
    const name = match[2]!;
    if (/[*?[]/.test(alias)) tables.aliases.patterns.push([alias, name]);
    else tables.aliases.exact.set(alias, [...tables.aliases.exact.get(alias) ?? [], name]);
  }
  for (const line of lines("modules.softdep")) {
    const [, name, ...words] = line.split(/\s+/);
    if (!name) throw malformed("modules.softdep", line);
    const entry = tables.soft.get(moduleName(name)) ?? { pre: [], post: [] };
    let list: string[] | undefined;
    for (const word of words) {
      if (word === "pre:") list = entry.pre;
      else if (word === "post:") list = entry.post;
      else list?.push(word);
    }
    tables.soft.set(moduleName(name), entry);
  }
  return tables;
}

function malformed(file: string, line: string): UserError {
  return new UserError(
    "find kernel modules",
    `${file} has the malformed line ${JSON.stringify(printable(line, MAX_QUOTED))}`,
  );
}

/** Modules of a name or, when there is none, of an alias. */
function lookUp(name: string, tables: Tables): string[] {
  const plain = normalAlias(name);
  if (plain === undefined) return [];
  if (tables.paths.has(plain)) return [plain];
  const found = new Set(tables.aliases.exact.get(plain));
  for (const [pattern, module] of tables.aliases.patterns) {
    if (globMatches(pattern, plain)) found.add(module);
  }
  return [...found].filter((module) => tables.paths.has(module));
}

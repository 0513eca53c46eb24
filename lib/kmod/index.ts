/**
 * The index files that modprobe reads, made from the modules themselves as depmod does: a module needs
 * those whose symbols it imports, and those its `depends` names. The same bytes as depmod's, but for
 * the order within modules.symbols (here by name).
 * Refused: dependency cycles, missing dependencies, two modules of one name outside of `updates/`.
 *
 * @module
 */
import { type Bytes, concat, text, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { lineFile } from "../formats/lines.ts";
import { infoValues, type KernelModule, readModule } from "./module.ts";
import { isModulePath, moduleName, normalAlias, pathModuleName } from "./names.ts";
import { Trie } from "./trie.ts";

/** A module with those it needs. */
interface Linked extends KernelModule {
  /** Position in the index: what modprobe prefers among modules of the same alias. */
  index: number;
  /** Modules it needs itself. */
  needs: Linked[];
  users: number;
  /** Position in an order where every module comes before those it needs. */
  rank: number;
}

/**
 * Index files for a kernel's module folder.
 *
 * @param files Files of `/lib/modules/VERSION/` by path within it: modules, and `modules.order`,
 * `modules.builtin`, `modules.builtin.modinfo` where they exist; others are not looked at.
 * @returns `modules.dep` and the rest by path within that folder, `.bin` files included.
 * @throws {UserError} for damaged modules and those that can never be loaded.
 */
export function moduleIndex(files: ReadonlyMap<string, Bytes>): Map<string, Bytes> {
  const modules = sorted(files);
  const owners = link(modules);
  const out = new Map<string, Bytes>();
  const put = (name: string, head: string, body: readonly string[]) => {
    const lines = lineFile(`lib/modules/*/${name}`, body);
    out.set(name, head === "" ? lines : concat([utf8(`${head}\n`), lines]));
  };

  const dep = new Trie();
  const depLines = modules.map((module) => {
    const line = [`${module.path}:`, ...allNeeds(module).map(({ path }) => path)].join(" ");
    dep.add(module.name, line, module.index);
    return line;
  });
  put("modules.dep", "", depLines);
  out.set("modules.dep.bin", dep.bytes());

  const alias = new Trie();
  const aliasLines: string[] = [];
  for (const module of modules) {
    for (const value of infoValues(module, "alias")) {
      aliasLines.push(`alias ${value} ${module.name}`);
      const key = normalAlias(value);
      if (key !== undefined) alias.add(key, module.name, module.index);
    }
  }
  put("modules.alias", "# Aliases extracted from modules themselves.", aliasLines);
  out.set("modules.alias.bin", alias.bytes());

  for (const [key, what] of [["softdep", "Soft"], ["weakdep", "Weak"]] as const) {
    const body = modules.flatMap((module) =>
      infoValues(module, key).map((value) => `${key} ${module.name} ${value}`)
    );
    // Weak ones are new in kmod 33: no file where no module has any.
    if (key === "weakdep" && body.length === 0) continue;
    put(`modules.${key}`, `# ${what} dependencies extracted from modules themselves.`, body);
  }

  const symbols = new Trie();
  const symbolLines = [...owners].sort(([a], [b]) => a < b ? -1 : 1).map(([symbol, owner]) => {
    symbols.add(`symbol:${symbol}`, owner.name, owner.index);
    return `alias symbol:${symbol} ${owner.name}`;
  });
  put("modules.symbols", "# Aliases for symbols, used by symbol_request().", symbolLines);
  out.set("modules.symbols.bin", symbols.bytes());

  const devnames = modules.flatMap(devname);
  const devHead = "# Device nodes to trigger on-demand module loading.";
  put("modules.devname", devnames.length > 0 ? devHead : "", devnames);

  for (const [name, bytes] of builtinIndex(files)) out.set(name, bytes);
  return out;
}

/** All modules in depmod's order: as modules.order lists them, then the others by path. */
function sorted(files: ReadonlyMap<string, Bytes>): Linked[] {
  const order = new Map<string, number>();
  const listed = files.get("modules.order");
  if (listed) {
    text(listed).split("\n").forEach((line, index) => order.set(plainPath(line), index));
  }
  const byName = new Map<string, string>();
  for (const path of [...files.keys()].filter(isModulePath).sort()) {
    const name = pathModuleName(path);
    const other = byName.get(name);
    if (other !== undefined && !path.startsWith("updates/")) {
      if (other.startsWith("updates/")) continue;
      throw new UserError("index modules", `${other} and ${path} have one name`);
    }
    byName.set(name, path);
  }
  const place = (path: string) => order.get(plainPath(path)) ?? Infinity;
  const paths = [...byName.values()].sort((a, b) => {
    const [first, second] = [place(a), place(b)];
    return first === second ? (a < b ? -1 : 1) : first - second;
  });
  return paths.map((path, index) => ({
    ...readModule(path, files.get(path)!),
    index,
    needs: [],
    users: 0,
    rank: -1,
  }));
}

/** modules.order names uncompressed files. */
function plainPath(path: string): string {
  return path.replace(/\.ko\..*$/, ".ko");
}

/** Finds what each module needs and ranks all; gives the owner of every exported symbol. */
function link(modules: readonly Linked[]): Map<string, Linked> {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const owners = new Map<string, Linked>();
  for (const module of modules) for (const symbol of module.symbols) owners.set(symbol, module);
  for (const module of modules) {
    const needs = new Set<Linked>();
    for (const symbol of module.imports) {
      const owner = owners.get(symbol);
      if (owner && owner !== module) needs.add(owner);
    }
    for (const name of infoValues(module, "depends").flatMap((value) => value.split(","))) {
      if (name === "") continue;
      const needed = byName.get(moduleName(name));
      if (!needed) {
        throw new UserError("index modules", `${module.path} needs ${name}, which is missing`);
      }
      needs.add(needed);
    }
    module.needs = [...needs];
    for (const needed of needs) needed.users++;
  }
  rank(modules);
  for (const module of modules) module.needs.sort((a, b) => a.rank - b.rank);
  return owners;
}

/** Topological order, users first, taken from a stack as depmod does. */
function rank(modules: readonly Linked[]) {
  const users = new Map(modules.map((module) => [module, module.users]));
  const ready = modules.filter((module) => module.users === 0);
  let next = 0;
  for (let module = ready.pop(); module; module = ready.pop()) {
    module.rank = next++;
    for (const needed of module.needs) {
      const left = users.get(needed)! - 1;
      users.set(needed, left);
      if (left === 0) ready.push(needed);
    }
  }
  if (next < modules.length) {
    const stuck = modules.filter((module) => module.rank < 0).map(({ name }) => name);
    throw new UserError("index modules", `${stuck.join(", ")} need each other`);
  }
}

/** Everything a module needs, the most basic last. */
function allNeeds(module: Linked): Linked[] {
  const all = new Set<Linked>();
  const visit = (from: Linked) => {
    for (const needed of from.needs) {
      if (all.has(needed)) continue;
      all.add(needed);
      visit(needed);
    }
  };
  visit(module);
  return [...all].sort((a, b) => a.rank - b.rank);
}

/** The line of modules.devname for a module that wants a device node before it is loaded. */
function devname(module: Linked): string[] {
  let name: string | undefined;
  let device: string | undefined;
  for (const alias of infoValues(module, "alias")) {
    const number = /^(c|b)(?:har|lock)-major-(\d+)-(\d+)/.exec(alias);
    if (alias.startsWith("devname:")) name = alias.slice("devname:".length);
    else if (number) device = `${number[1]}${Number(number[2])}:${Number(number[3])}`;
    if (name !== undefined && device !== undefined) return [`${module.name} ${name} ${device}`];
  }
  return [];
}

/** Indexes of what is built into the kernel: names, and aliases from modules.builtin.modinfo. */
function builtinIndex(files: ReadonlyMap<string, Bytes>): Map<string, Bytes> {
  const out = new Map<string, Bytes>();
  const builtin = files.get("modules.builtin");
  if (builtin) {
    const names = new Trie();
    for (const line of text(builtin).split("\n")) {
      if (/^[A-Za-z]/.test(line)) names.add(pathModuleName(line), "", 0);
    }
    out.set("modules.builtin.bin", names.bytes());
  }
  const modinfo = files.get("modules.builtin.modinfo");
  if (modinfo) {
    const aliases = new Trie();
    const decoder = new TextDecoder();
    for (const record of decoder.decode(modinfo).split("\0")) {
      const match = /^([^.]+)\.alias=([\s\S]+)$/.exec(record);
      const alias = match && normalAlias(match[2]!);
      if (alias) aliases.add(alias, match[1]!, 0);
    }
    out.set("modules.builtin.alias.bin", aliases.bytes());
  }
  return out;
}

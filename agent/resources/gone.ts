/**
 * Undoes what the agent has made in this boot and the configuration no longer wants: files and links go, or what was there
 * before comes back, and directories go once they are empty. What somebody else has changed since is left to whoever did.
 *
 * It comes before the keys that make such things, because what was a file may have to be a directory now.
 *
 * @module
 */
import type { NodeConfig } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { parentsOf, splitPath } from "../system/install_file.ts";
import { BarredError } from "../system/mounts.ts";
import { findWay } from "../system/way.ts";
import {
  digestKey,
  forgetMade,
  type Form,
  formAt,
  isOurs,
  keptContent,
  longestOf,
  type Made,
  readMade,
} from "./made.ts";
import { bind, type Resource, type Step } from "./resource.ts";

/** Paths that the configuration wants, by what is made there. */
type Wanted = Readonly<Record<Exclude<Made["what"], "parent">, ReadonlySet<string>>>;

/** Something that the agent has made and that is perhaps no longer wanted. */
interface Candidate {
  made: Made;
  /** Its path without links before the last part; undefined where an account has put one on the way. */
  place: string | undefined;
  form: Form | undefined;
  /** Names in a directory. */
  names: readonly string[];
}

interface Actual {
  candidates: readonly Candidate[];
  /** Where directories have to be: those that are wanted, and those above all that is wanted. */
  needed: ReadonlySet<string>;
}

type Change =
  & Step
  & { readonly made: Made; readonly place: string }
  & (
    | { readonly what: "forget" }
    | { readonly what: "remove" }
    | { readonly what: "restore"; readonly before: Form }
  );

const resource: Resource<Wanted, Actual, Change> = {
  async read(host, wanted, { identity }) {
    const key = digestKey(identity);
    const isWanted = ({ what, path }: Made) => what !== "parent" && wanted[what].has(path);
    const candidates: Candidate[] = [];
    for (const made of await readMade(host)) {
      if (isWanted(made)) continue;
      try {
        const place = await wayOf(host, made.path);
        const form = place === undefined
          ? undefined
          : await formAt(host, place, key, longestOf(made));
        const names = form?.kind === "directory" ? await host.readDir(place!) : [];
        candidates.push({ made, place, form, names });
      } catch (error) {
        // Its mount is not there: it is undone once that is.
        if (!(error instanceof BarredError)) throw error;
      }
    }
    return { candidates, needed: await neededBy(host, candidates.length > 0 ? wanted : {}) };
  },

  plan(_wanted, { candidates, needed }) {
    const removed = new Set<string>();
    const planOne = ({ made, place: way, form, names }: Candidate): Change[] => {
      const hasWay = way !== undefined;
      const place = way ?? made.path;
      const step = (what: "forget" | "remove", text: string): Change[] => {
        if (what === "remove") removed.add(place);
        return [{ what, made, place, text }];
      };
      const { before, path } = made;
      const isDirectory = made.what === "parent" || made.what === "directory";
      if (isDirectory && before === undefined) {
        if (form?.kind !== "directory") return step("forget", `forget ${path}, which is gone`);
        const isEmpty = names.every((name) => removed.has(`${place}/${name}`));
        if (!isEmpty || needed.has(place)) return [];
        return step("remove", `remove the directory ${path}, which is empty`);
      }
      if (hasWay && !form) return step("forget", `forget ${path}, which is gone`);
      if (!form || !isOurs(made, form)) {
        return step("forget", `leave ${path} to whoever has changed it`);
      }
      if (before === undefined) return step("remove", `remove ${path}`);
      if (before === "lost") {
        return step("forget", `leave ${path} until the next boot: what was there is not kept`);
      }
      const text = before.kind === "directory"
        ? `give ${path} its mode and owner back`
        : `put back what was at ${path} before`;
      return [{ what: "restore", made, place, before, text }];
    };
    const inOrder = candidates.toSorted((a, b) =>
      // What is in a directory goes before it; a directory gets its old mode back before it goes.
      (b.place ?? b.made.path).length - (a.place ?? a.made.path).length ||
      Number(a.made.what === "parent") - Number(b.made.what === "parent")
    );
    return inOrder.flatMap(planOne);
  },

  async apply(step, host) {
    const { made, place } = step;
    if (step.what === "remove") await host.removeEntry(place);
    if (step.what === "restore") await restore(host, made, place, step.before);
    await forgetMade(host, made);
  },
};

/** Undoes what is no longer wanted. */
export const gone = bind(({ config }) => wantedOf(config), resource);

function wantedOf({ files = {}, directories = {}, links = {} }: NodeConfig): Wanted {
  return {
    file: new Set(Object.keys(files)),
    directory: new Set(Object.keys(directories)),
    link: new Set(Object.keys(links)),
  };
}

/** Places of directories that what is wanted needs. */
async function neededBy(host: Host, wanted: Partial<Wanted>): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const [what, paths] of Object.entries(wanted)) {
    for (const path of paths) {
      const place = await placeOf(host, path);
      if (place === undefined) continue;
      if (what === "directory") needed.add(place);
      for (const parent of parentsOf(place)) needed.add(parent);
    }
  }
  return needed;
}

/** As {@linkcode wayOf}; below a mount that is not there, the path as it stands. */
async function placeOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return await wayOf(host, path);
  } catch (error) {
    if (error instanceof BarredError) return path;
    throw error;
  }
}

async function restore(host: Host, made: Made, place: string, before: Form): Promise<void> {
  if (before.kind === "symlink") return await host.placeLink(place, before.target!);
  const { mode = 0, uid = 0, gid = 0 } = before;
  if (before.kind === "directory") return await host.placeDirectory(place, { mode, uid, gid });
  const data = await keptContent(host, made);
  if (!data) {
    await forgetMade(host, made);
    throw new UserError(`put back what was at ${made.path} before`, "somebody has removed it");
  }
  const { directory, name } = splitPath(place);
  await host.placeFile(directory, name, data, { mode, uid, gid });
}

/**
 * Where a path leads; undefined where an account has put a link on the way.
 *
 * @throws {BarredError} where its mount is not there.
 */
async function wayOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return await findWay(host, path);
  } catch (error) {
    if (error instanceof UserError && !(error instanceof BarredError)) return undefined;
    throw error;
  }
}

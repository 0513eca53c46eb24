/**
 * Undoes what the agent has made in this boot and the configuration no longer wants: files go, or what was there before comes
 * back, and directories that were made on the way go once they are empty. What somebody else has changed since is left to
 * whoever did.
 *
 * It comes before the keys that make such things, because what was a file may have to be a directory now.
 *
 * @module
 */
import type { NodeConfig } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { splitPath } from "../system/install_file.ts";
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
type Wanted = Readonly<Record<Exclude<Made["what"], "parent">, readonly string[]>>;

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
  /** Where what is wanted lies. */
  places: readonly string[];
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
    const isWanted = ({ what, path }: Made) => what !== "parent" && wanted[what].includes(path);
    const candidates: Candidate[] = [];
    for (const made of await readMade(host)) {
      if (isWanted(made)) continue;
      const place = await wayOf(host, made.path);
      const form = place === undefined
        ? undefined
        : await formAt(host, place, key, longestOf(made));
      const names = form?.kind === "directory" ? await host.readDir(place!) : [];
      candidates.push({ made, place, form, names });
    }
    const paths = candidates.length > 0 ? Object.values(wanted).flat() : [];
    const places = await Promise.all(paths.map((path) => wayOf(host, path)));
    return { candidates, places: places.filter((place) => place !== undefined) };
  },

  plan(_wanted, { candidates, places }) {
    const removed = new Set<string>();
    const isOnTheWay = (place: string) => places.some((one) => `${one}/`.startsWith(`${place}/`));
    const planOne = ({ made, place: way, form, names }: Candidate): Change[] => {
      const hasWay = way !== undefined;
      const place = way ?? made.path;
      const step = (what: "forget" | "remove", text: string): Change[] => {
        if (what === "remove") removed.add(place);
        return [{ what, made, place, text }];
      };
      const { before, path } = made;
      if (made.what === "parent") {
        if (form?.kind !== "directory") return step("forget", `forget ${path}, which is gone`);
        const isEmpty = names.every((name) => removed.has(`${place}/${name}`));
        if (!isEmpty || isOnTheWay(place)) return [];
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
      return [{
        what: "restore",
        made,
        place,
        before,
        text: `put back what was at ${path} before`,
      }];
    };
    const inOrder = candidates.toSorted((a, b) =>
      // What is in a directory goes before it.
      Number(a.made.what === "parent") - Number(b.made.what === "parent") ||
      (b.place ?? "").length - (a.place ?? "").length
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

function wantedOf({ files = {} }: NodeConfig): Wanted {
  return { file: Object.keys(files) };
}

async function restore(host: Host, made: Made, place: string, before: Form): Promise<void> {
  if (before.kind === "symlink") return await host.placeLink(place, before.target!);
  const { mode = 0, uid = 0, gid = 0 } = before;
  const data = await keptContent(host, made);
  if (!data) {
    await forgetMade(host, made);
    throw new UserError(`put back what was at ${made.path} before`, "somebody has removed it");
  }
  const { directory, name } = splitPath(place);
  await host.placeFile(directory, name, data, { mode, uid, gid });
}

/** Where a path leads; undefined where an account has put a link on the way. */
async function wayOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return await findWay(host, path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

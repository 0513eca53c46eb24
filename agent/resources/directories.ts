/**
 * Directories of the configuration: mode and owner, of what is in them nothing. What happens to one that is no longer listed:
 * see `gone.ts`.
 *
 * @module
 */
import type { DesiredDirectory } from "../../lib/config/directories.ts";
import { octal } from "../../lib/config/files.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { type AccountNames, ownerIds, ownerNames, readAccountNames } from "./account_names.ts";
import { findWay } from "../system/way.ts";
import { digestKey, noteMade } from "./made.ts";
import type { KeyResource, Step } from "./resource.ts";

interface Change extends Step {
  readonly directory: DesiredDirectory;
  readonly key: Uint8Array;
}

interface Actual {
  names: AccountNames;
  /** What is where directories are wanted, by path; one that can't be reached is missing. */
  found: ReadonlyMap<string, FileInfo>;
  /** Of digests in the records of what was made. */
  key: Uint8Array;
}

export const directories: KeyResource<"directories", Actual, Change> = {
  read: async (host, wanted, { identity }) => ({
    names: await readAccountNames(host),
    found: await readFound(host, wanted),
    key: digestKey(identity),
  }),

  plan: (wanted, { names, found, key }) =>
    wanted.filter((one) => !isAsWanted(one, found.get(one.path), names)).map((directory) => {
      const { path, mode, owner, group } = directory;
      const verb = found.has(path) ? "change" : "make";
      return { directory, key, text: `${verb} ${path} (${octal(mode)} ${owner}:${group})` };
    }),

  async apply({ directory, key }, host) {
    const { path, mode } = directory;
    const doing = `make the directory ${path}`;
    const owner = { mode, ...ownerIds(await readAccountNames(host), directory, doing) };
    const place = await findWay(host, path, { doing });
    const kind = (await host.stat(place))?.kind;
    if (kind !== undefined && kind !== "directory") {
      throw new UserError(doing, `a ${kind === "symlink" ? "link" : "file"} is there`);
    }
    const form = { kind: "directory", ...owner } as const;
    await noteMade(host, { what: "directory", path, place, form, key });
    await host.placeDirectory(place, owner);
  },

  async observe(host, wanted) {
    const names = await readAccountNames(host);
    const found: ObservedOf<"directories"> = [];
    for (const [path, info] of await readFound(host, wanted)) {
      if (info.kind !== "directory") continue;
      found.push({ path, mode: octal(info.mode), ...ownerNames(names, info) });
    }
    return found;
  },
};

async function readFound(
  host: Host,
  wanted: readonly DesiredDirectory[],
): Promise<Map<string, FileInfo>> {
  const found = new Map<string, FileInfo>();
  for (const { path } of wanted) {
    try {
      const info = await host.stat(await findWay(host, path));
      if (info) found.set(path, info);
    } catch (error) {
      // Behind an account's link: making it says so.
      if (!(error instanceof UserError)) throw error;
    }
  }
  return found;
}

function isAsWanted(
  { mode, owner, group }: DesiredDirectory,
  info: FileInfo | undefined,
  names: AccountNames,
): boolean {
  if (info?.kind !== "directory" || info.mode !== mode) return false;
  const have = ownerNames(names, info);
  return have.owner === owner && have.group === group;
}

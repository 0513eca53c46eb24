/**
 * Shared libraries: which ones programs need, which Debian package has them, and their apks, tied
 * together by `so:` names as apk does.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { elfDynamic } from "../../formats/elf_dynamic.ts";
import type { DebContent } from "../debian.ts";
import { type Draft, fromDeb } from "./recipe.ts";

/** Kept of a library package: the libraries where the loader looks, not plugins and data. */
const LIBRARY = /^(usr\/)?lib(64|\/[a-z0-9_]+-linux-gnu)?(\/[^/]+\.so(\.[0-9.]+)?)?$/;

/** `draft` with `so:` provides for its libraries and `so:` depends for what its files need. */
export function withLibraries(draft: Draft): Draft {
  const needed = new Set<string>();
  const provided = new Map<string, string>();
  for (const entry of draft.entries) {
    const elf = entry.kind === "file" && entry.data ? elfDynamic(entry.data) : undefined;
    for (const name of elf?.needed ?? []) needed.add(name);
    if (elf?.soname) provided.set(elf.soname, soVersion(entry.path));
  }
  const depends = [...needed].filter((name) => !provided.has(name)).map((name) => `so:${name}`);
  const provides = [...provided].map(([name, version]) => `so:${name}=${version}`);
  return {
    ...draft,
    info: {
      ...draft.info,
      depends: [...draft.info.depends ?? [], ...depends.sort()],
      provides: [...draft.info.provides ?? [], ...provides.sort()],
    },
  };
}

/** apk's version of a library is what stands behind ".so." in its file name. */
function soVersion(path: string): string {
  return /\.so\.([0-9]+(?:\.[0-9]+)*)$/.exec(path)?.[1] ?? "0";
}

/** The apk of one Debian library package. */
export function library(content: DebContent): Draft {
  const facts = { name: content.deb.name, description: content.summary };
  return withLibraries(
    fromDeb(content, facts, (path) => LIBRARY.test(path) ? path : undefined),
  );
}

/**
 * Those of `libraries` that `drafts` and `needed` (so: names) lead to.
 * @throws {UserError} when a library is nowhere.
 */
export function neededLibraries(
  drafts: readonly Draft[],
  needed: readonly string[],
  libraries: readonly Draft[],
): Draft[] {
  const chosen = new Map<string, Draft>();
  const queue = [
    ...drafts.flatMap((draft) => sonames(draft.info.depends).map((so) => [so, draft.info.name])),
    ...sonames(needed).map((so) => [so, "deno"]),
  ];
  for (const [so = "", by] of queue) {
    const found = libraries.find(({ info }) =>
      info.provides?.some((item) => item.startsWith(`${so}=`))
    );
    if (!found) throw new UserError(`build package ${by}`, `no Debian package has ${so}`);
    if (chosen.has(found.info.name)) continue;
    chosen.set(found.info.name, found);
    queue.push(...sonames(found.info.depends).map((name) => [name, found.info.name]));
  }
  return [...chosen.values()];
}

function sonames(items: readonly string[] = []): string[] {
  return items.filter((item) => item.startsWith("so:"));
}

/**
 * What nodes are told and can't do, because the image that they run, or are to run, has no program for it. A node would say so
 * itself, but one round after the site was published, and not before its firewall was to stand.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import type { OsUpdate } from "../../lib/documents/os_update.ts";
import type { NodeOutputs } from "./node_outputs.ts";
import type { FoundRelease } from "./releases.ts";

/** Packages of an image, and what the image is called in messages. */
export interface ImagePackages {
  name: string;
  packages: ReadonlySet<string>;
}

/** The releases that some channel offers. */
export function offeredReleases(
  releases: readonly FoundRelease[],
  announced: OsUpdate | undefined,
): FoundRelease[] {
  const offers = new Set(
    Object.values(announced?.channels ?? {}).flatMap(({ versions }) =>
      Object.entries(versions).map(([arch, version]) => `${version} ${arch}`)
    ),
  );
  return releases.filter(({ version, arch }) => offers.has(`${version} ${arch}`));
}

/** A line for each package that a node's configuration needs and one of the images lacks. */
export function lackingLines(
  outputs: ReadonlyMap<string, NodeOutputs>,
  images: readonly ImagePackages[],
): string[] {
  const nodes = new Map<string, string[]>();
  for (const [node, { needs }] of outputs) {
    for (const { name, packages } of images) {
      for (const [key, needed] of Object.entries(needs)) {
        for (const one of needed.filter((one) => !packages.has(one))) {
          const what = `${key} needs the package ${one}, which ${name} lacks`;
          nodes.set(what, [...nodes.get(what) ?? [], node]);
        }
      }
    }
  }
  return [...nodes].map(([what, names]) => `${someOf(names)}: ${what}`);
}

/**
 * Lines for what some of the releases on offer lack: no file says which of them a node will take.
 *
 * @throws {UserError} where all of them lack what a node needs.
 */
export function lackingOffered(
  outputs: ReadonlyMap<string, NodeOutputs>,
  offered: readonly FoundRelease[],
): string[] {
  const images = offered.map(({ version, arch, packages }) => ({
    name: `release ${version} ${arch}`,
    packages,
  }));
  const all = {
    name: images.length === 1 ? images[0]!.name : "every release on offer",
    packages: new Set(images.flatMap(({ packages }) => [...packages])),
  };
  const [first, ...more] = images.length === 0 ? [] : lackingLines(outputs, [all]);
  if (first === undefined) return lackingLines(outputs, images);
  const others = more.length > 0 ? ` (and ${more.length} more of the kind)` : "";
  throw new UserError("build the site", `${first}${others}`, {
    hint:
      "add the package to overlay/image.yaml, build an image, and offer that release; or leave the key out",
  });
}

/** Names, as many as a line holds. */
function someOf(names: readonly string[]): string {
  const most = 3;
  const some = names.slice(0, most).join(", ");
  return names.length > most ? `${some} and ${names.length - most} more nodes` : some;
}

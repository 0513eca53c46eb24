/**
 * Which packages an image is made of: the solved world, and those of which only single files are taken.
 *
 * @module
 */
import type { IndexRecord } from "../../apk/index.ts";
import { type RepositoryIndex, solve } from "../../apk/solver.ts";
import type { PackageRole } from "../../documents/manifest.ts";
import type { ImageDefinition } from "../definition.ts";

/** One package with what it is for. */
export interface ChosenPackage {
  record: IndexRecord;
  role: PackageRole;
  /** Name of the repository, as manifest and lock give it. */
  repository: string;
}

/** All that is asked for, as an image's lock writes it down. */
export function requestedPackages({ packages, kernel, boot }: ImageDefinition): string[] {
  return [...new Set([...packages, `linux-${kernel.flavour}`, boot.busybox, boot.loader])];
}

/**
 * The world's packages in the order of installation, then those that are taken apart.
 * @throws {UserError} listing what can't be had and why.
 */
export function choosePackages(
  definition: ImageDefinition,
  repositories: readonly RepositoryIndex[],
  arch: string,
): ChosenPackage[] {
  const home = new Map(
    repositories.flatMap(({ records, name }) => records.map((record) => [record, name] as const)),
  );
  const chosen = (record: IndexRecord, role: PackageRole): ChosenPackage => ({
    record,
    role,
    repository: publicName(home.get(record) ?? ""),
  });
  const single = (wanted: string, role: PackageRole) =>
    chosen(chooseSingle(wanted, repositories, arch), role);
  return [
    ...solve(definition.packages, repositories, { arch }).map((one) => chosen(one, "installed")),
    single(`linux-${definition.kernel.flavour}`, "kernel"),
    single(definition.boot.busybox, "initramfs"),
    single(definition.boot.loader, "loader"),
  ];
}

/** A package that is taken apart: alone, for its dependencies are not installed. @throws {UserError} */
export function chooseSingle(
  wanted: string,
  repositories: readonly RepositoryIndex[],
  arch: string,
): IndexRecord {
  const alone = repositories.map((repository) => ({
    ...repository,
    records: repository.records.filter(({ name }) => name === wanted.replace(/[<>=~@].*$/, ""))
      .map((record) => ({ ...record, depends: [], installIf: [], original: record })),
  }));
  const [found] = solve([wanted], alone, { arch });
  return (found as IndexRecord & { original: IndexRecord }).original;
}

/** A repository as others see it: a folder's path is a fact of this machine, not of the image. */
export function publicName(repository: string): string {
  return /^https?:/.test(repository) ? repository : "a local folder";
}

/**
 * Which of mkimage.sh's cached parts may be used again. mkimage.sh names its caches after some of what they
 * depend on; a change of anything else (repositories, keys, a package built again under the same version)
 * would go unnoticed. So the whole work folder is named after all of that, and a new name starts empty.
 *
 * Left out is what mkimage.sh watches itself: the overlay (its script carries the content's sum) and the tag.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../bytes.ts";
import type { IndexRecord } from "../../apk/index.ts";

/** Everything that shapes cached parts without their names telling. */
export interface WorkdirFacts {
  arch: string;
  /** Id of the builder's container image, with the tools and aports. */
  builder: string;
  /** PEM of the key that signs. */
  publicKey: string;
  keyName: string;
  /** As mkimage.sh gets them, in order; of a copied folder its index's content stands in `packages`. */
  repositories: readonly string[];
  /** Who may sign them: file name and PEM. */
  repositoryKeys: ReadonlyMap<string, string>;
  /** The rendered profile. */
  profile: string;
  /** `overlay/mkimage/build.sh`. */
  driver: string;
  /** What the packages are, where the repositories could be read from here. */
  packages?: readonly IndexRecord[];
}

/** Changes when this file's idea of the facts does. */
const FORM = "psyopsos-mkimage-work-1";

/** The facts as text, one a line, for people and for hashing. */
export function workdirText(facts: WorkdirFacts): string {
  const sum = (content: string) => sha256Hex(utf8(content));
  const keys = [...facts.repositoryKeys].sort(([a], [b]) => a < b ? -1 : 1);
  const packages =
    facts.packages?.map(({ name, version, checksum }) => `package ${name}-${version} ${checksum}`)
      .sort() ?? ["packages unknown"];
  return [
    FORM,
    `arch ${facts.arch}`,
    `builder ${facts.builder}`,
    `key ${facts.keyName} ${sum(facts.publicKey)}`,
    ...facts.repositories.map((line) => `repository ${line}`),
    ...keys.map(([name, pem]) => `trusts ${name} ${sum(pem)}`),
    `profile ${sum(facts.profile)}`,
    `driver ${sum(facts.driver)}`,
    ...packages,
    "",
  ].join("\n");
}

/** 16 hex digits that name the work folder. */
export function workdirKey(facts: WorkdirFacts): string {
  return sha256Hex(utf8(workdirText(facts))).slice(0, 16);
}

/**
 * Secrets in the fleet's files: where they are, and whose.
 *
 * @module
 */
import { nearest } from "../../lib/nearest.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { isRecipient } from "../../lib/trust/age.ts";
import { type RecipientState, recipientState } from "../../lib/trust/age_value.ts";
import { assembleFleet, type Fleet, type FleetFiles, parseFiles } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import { ownerOf } from "../fleet/sealed.ts";
import { secretName } from "./secret_path.ts";

/** The fleet's files as they are, secrets not decrypted. */
export interface SecretFleet {
  files: FleetFiles;
  /** Everything but secrets, which are left out. */
  fleet: Fleet;
}

/** One secret. */
export interface SecretPlace {
  /** Path of the file, as in messages. */
  file: string;
  line: number;
  /** "global", "tags/lab" or "nodes/alpha". */
  owner: string;
  /** Dotted, from below `private`. */
  name: string;
  /** How its recipients compare with the administrators. */
  state: RecipientState;
}

/** Reads the fleet in `directory` without decrypting anything. @throws {UserError} with all problems. */
export async function openSecrets(host: Host, directory: string): Promise<SecretFleet> {
  const files = parseFiles(await readFleetFiles(host, directory), directory);
  return { files, fleet: assembleFleet(files, { survey: true }) };
}

/** Where all secrets are, in the order of files and lines. */
export function secretPlaces({ files, fleet }: SecretFleet): SecretPlace[] {
  return [...files.files].flatMap(([path, parsed]) =>
    parsed.sealed.map((sealed) => ({
      file: parsed.file,
      line: sealed.line,
      owner: ownerOf(path),
      name: secretName(sealed.path),
      state: recipientState(sealed.armored, fleet.admins),
    }))
  );
}

/**
 * The file that is meant by `global`, a node's name, a tag's name, `nodes/NAME` or `tags/NAME`; its path below the
 * directory.
 *
 * @throws {UserError} when there is none, or both a node and a tag of that name.
 */
export function findOwner(files: FleetFiles, given: string): string {
  const owners = new Map(files.paths.map((path) => [ownerOf(path), path]));
  owners.delete("nodes/os-update");
  if (given === "global") return "global.yaml";
  const named = given.includes("/") ? [given] : [`nodes/${given}`, `tags/${given}`];
  const found = named.filter((owner) => owners.has(owner));
  if (found.length === 1) return owners.get(found[0]!)!;
  const fail = (state: string) => new UserError(`find the file of ${given}`, state);
  if (found.length > 1) throw fail(`it is a node and a tag; say ${found.join(" or ")}`);
  const near = nearest(given, [...owners.keys()].map((owner) => owner.replace(/^.*\//, "")));
  throw fail(`there is no such node or tag${near ? `, did you mean ${near}?` : ""}`);
}

/** The administrators' recipients. @throws {UserError} when there are none. */
export function adminsOf(
  { files, fleet }: { files: FleetFiles; fleet: Pick<Fleet, "admins"> },
): string[] {
  if (fleet.admins.length > 0) return fleet.admins;
  throw new UserError("encrypt", `${files.directory}/global.yaml names no admins`, {
    hint: "deno task secret init makes an identity and lists it there",
  });
}

/** The administrators that `global.yaml` lists, as far as it can be read; what is wrong with it is told by who reads all of it. */
export function namedAdmins({ files }: Pick<FleetFiles, "files">): string[] {
  const global = files.get("global.yaml")?.value as { admins?: unknown } | null | undefined;
  return Array.isArray(global?.admins) ? global.admins.filter(isRecipient) : [];
}

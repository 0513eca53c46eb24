/**
 * The seed of a node in its file: encrypted to the administrators, who need it for each new drive of the node.
 *
 * @module
 */
import { utf8 } from "../../lib/bytes.ts";
import { formatSecret, secretHome } from "../../lib/documents/secret_text.ts";
import { generateSeed, parseSeed } from "../../lib/documents/seed.ts";
import { reasonOf, UserError } from "../../lib/errors.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { Sealer } from "../../lib/trust/age_value.ts";
import { type FleetFiles, saysBound } from "../fleet/assemble.ts";
import { homeProblem, ownerOf, unseal } from "../fleet/sealed.ts";
import { problemText } from "../fleet/yaml_file.ts";
import { INDENT } from "../fleet/yaml_text.ts";

/** Key of the field. */
export const SEED_FIELD = "seed";

/** A new seed. */
export interface NewSeed {
  /** As it goes onto the drive; secret. */
  seed: string;
  /** The value of the node's file; undefined where the fleet names no administrators who could read it. */
  armored: string | undefined;
}

/** Makes a seed for the node `name`, which the administrators `admins` can read. */
export async function newSeed(name: string, admins: readonly string[]): Promise<NewSeed> {
  const seed = generateSeed();
  if (admins.length === 0) return { seed, armored: undefined };
  const home = secretHome(ownerOf(`${name}.yaml`), [SEED_FIELD]);
  return { seed, armored: await new Sealer(admins).seal(utf8(formatSecret(home, seed))) };
}

/** The lines of a node's file that hold the encrypted seed. */
export function seedLines(armored: string): string[] {
  const lines = armored.trimEnd().split("\n").map((line) => " ".repeat(INDENT) + line);
  return [`${SEED_FIELD}: !age |`, ...lines];
}

/**
 * The seed in the file of the node `name`; undefined where it has none.
 *
 * @throws {UserError} when it can't be decrypted, belongs elsewhere, or is none.
 */
export async function readSeed(
  files: FleetFiles,
  name: string,
  identities: () => Promise<IdentityFile>,
): Promise<string | undefined> {
  const path = `${name}.yaml`;
  const parsed = files.files.get(path);
  const sealed = parsed?.sealed.find((one) => one.path[0] === SEED_FIELD);
  if (!parsed || !sealed) return undefined;
  const given = await identities();
  const plain = (await unseal([sealed.armored], given)).get(sealed.armored)!;
  const home = secretHome(ownerOf(path), sealed.path);
  const problem = homeProblem(plain, home, saysBound(files) || given.boundOnly);
  const fail = (state: string) =>
    new UserError("read the node's seed", problemText(parsed.problemAt(sealed.path, state)), {
      hint: "--new-seed gives the node other ids (machine-id, hostid, ...)",
    });
  if (problem !== undefined || !("value" in plain)) throw fail(problem ?? "");
  try {
    parseSeed(plain.value);
  } catch (error) {
    throw fail(reasonOf(error));
  }
  return plain.value.trim();
}

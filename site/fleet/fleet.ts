/**
 * The fleet as its administrator writes it: `global.yaml`, `tags/<tag>.yaml` and one `<node>.yaml` per machine.
 * {@linkcode parseFleet} is pure; {@linkcode loadFleet} fetches the files.
 *
 * @module
 */
import { readRepositoryFile } from "../../lib/repository_file.ts";
import { text } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { assembleFleet, type Fleet, fleetError, type KnownNode, parseFiles } from "./assemble.ts";
import { unseal, type Unsealed } from "./sealed.ts";
import { MAX_YAML_LENGTH, placeOf } from "./yaml_file.ts";

/**
 * Reads a fleet from its files: path below the nodes directory to text. `directory` stands before paths in messages;
 * `unsealed` holds the plaintext of `!age` values.
 *
 * @throws {UserError} with all problems.
 */
export function parseFleet(
  files: ReadonlyMap<string, string>,
  directory = "nodes",
  unsealed?: Unsealed,
): Fleet {
  return assembleFleet(parseFiles(files, directory), { unsealed });
}

/** How {@linkcode loadFleet} comes by secrets. */
export interface LoadOptions<Outputs = never> {
  /** The administrator's age identities; asked for when there is a secret in the files. */
  identities?: () => Promise<IdentityFile>;
  /** Finds nodes that need not be read, by the paths of their files. */
  known?: (texts: ReadonlyMap<string, string>) => Promise<ReadonlyMap<string, KnownNode<Outputs>>>;
}

/** Reads the fleet in `directory`. @throws {UserError} when there is none, or with all problems. */
export async function loadFleet<Outputs = never>(
  host: Host,
  directory: string,
  options: LoadOptions<Outputs> = {},
): Promise<Fleet<Outputs>> {
  const texts = await readFleetFiles(host, directory);
  const known = await options.known?.(texts);
  if (known && known.size > 0) {
    try {
      return await assembleTexts(texts, directory, options, known);
    } catch (error) {
      // Below, all files are read again, so that every problem is reported with its place.
      if (!(error instanceof UserError)) throw error;
    }
  }
  return await assembleTexts(texts, directory, options);
}

async function assembleTexts<Outputs>(
  texts: ReadonlyMap<string, string>,
  directory: string,
  options: LoadOptions<Outputs>,
  known?: ReadonlyMap<string, KnownNode<Outputs>>,
): Promise<Fleet<Outputs>> {
  const unread = known ? new Map([...texts].filter(([path]) => !known.has(path))) : texts;
  const given = { ...parseFiles(unread, directory), paths: [...texts.keys()].sort() };
  // Seeds are for drives alone: the build needs none.
  const sealed = [...given.files.values()].flatMap((file) => file.sealed)
    .filter(({ path }) => path[0] === "private");
  if (sealed.length === 0 || !options.identities || given.problems.length > 0) {
    // What can't be parsed is told first, without a word about secrets that nobody was asked to decrypt.
    return assembleFleet<Outputs>(given, { known, survey: given.problems.length > 0 });
  }
  const armored = sealed.map((one) => one.armored);
  const identities = await options.identities();
  const unsealed = await unseal(armored, identities);
  return assembleFleet<Outputs>(given, { unsealed, known, mustBeBound: identities.boundOnly });
}

/** The texts of the YAML files in `directory`, by path below it. @throws {UserError} when there is no such directory. */
export async function readFleetFiles(host: Host, directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  if ((await host.stat(directory))?.kind !== "directory") {
    throw new UserError("read the fleet", `there is no directory ${directory}`, {
      hint: "deno task node new NAME --site URL makes a first node",
    });
  }
  for (const [prefix, at] of [["", directory], ["tags/", `${directory}/tags`]] as const) {
    for (const name of await host.readDir(at)) {
      if (name.startsWith(".")) continue;
      if (name.endsWith(".yml")) {
        throw new UserError(`read ${at}/${name}`, "its name must end in .yaml");
      }
      if (!name.endsWith(".yaml")) continue;
      files.set(prefix + name, await readText(host, `${at}/${name}`));
    }
  }
  return files;
}

async function readText(host: Host, file: string): Promise<string> {
  const data = await readRepositoryFile(host, file, MAX_YAML_LENGTH);
  try {
    return text(data);
  } catch {
    // Where the first wrong byte is: the lenient decoder puts a mark in its place.
    const lenient = new TextDecoder().decode(data);
    const place = placeOf(lenient, Math.max(0, lenient.indexOf("\ufffd")));
    throw fleetError([{ file, ...place, message: "not text in UTF-8" }]);
  }
}

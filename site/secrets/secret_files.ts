/**
 * Secrets in the fleet's files: where they are, setting one, reading one. What is written is first read as the site build
 * will read it.
 *
 * @module
 */
import { utf8 } from "../../lib/bytes.ts";
import { nearest } from "../../lib/nearest.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { type RecipientState, recipientState, Sealer } from "../../lib/trust/age_value.ts";
import { assembleFleet, type Fleet, type FleetFiles, parseFiles } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import { fileSchema } from "../fleet/fleet_schema.ts";
import { schemaLine } from "../fleet/schema_line.ts";
import { unseal } from "../fleet/sealed.ts";
import { putArmored } from "../fleet/yaml_edit.ts";
import { checkYaml, type ParsedYaml, parseYaml, problemText } from "../fleet/yaml_file.ts";
import { secretName, type SecretPath } from "./secret_path.ts";

/** A file that is new gets this mode when its content is a secret; the ordinary one would let everyone on the node read it. */
const SECRET_FILE_MODE = '"0600"';

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

/** "global.yaml" is "global", "tags/lab.yaml" is "tags/lab", "alpha.yaml" is "nodes/alpha". */
export function ownerOf(path: string): string {
  const name = path.replace(/\.yaml$/, "");
  return name === "global" || name.startsWith("tags/") ? name : `nodes/${name}`;
}

/**
 * The file that is meant by `global`, a node's name, a tag's name, `nodes/NAME` or `tags/NAME`; its path below the
 * directory.
 *
 * @throws {UserError} when there is none, or both a node and a tag of that name.
 */
export function findOwner({ files }: SecretFleet, given: string): string {
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

/** What {@linkcode setSecret} did. */
export interface SecretSet {
  file: string;
  /** Whether the entry below `files` is new, so that it got a mode that lets only the file's owner read it. */
  madeFile: boolean;
  /** Whether a plain value stood there before; it is still in the history of the repository. */
  wasPlain: boolean;
}

/**
 * Encrypts `value` to the administrators and writes it to `path` in the file of `owner` (a path below the directory). The
 * last newline is left out where the value must be one line.
 *
 * @throws {UserError} when there are no administrators, the value is not allowed there, or the file can't be edited.
 */
export async function setSecret(
  host: Host,
  secrets: SecretFleet,
  owner: string,
  path: SecretPath,
  value: string,
): Promise<SecretSet> {
  const { files } = secrets;
  const file = `${files.directory}/${owner}`;
  const name = secretName(path);
  const sealer = new Sealer(adminsOf(secrets));
  const known = files.files.get(owner);
  // A tag's file may be empty until now.
  const parsed = known === undefined || known.source === "" ? emptyFile(file, owner) : known;
  const before = valueAt(parsed.value, path);
  const inFile = path[1] === "files" && path[3] === "content";
  const madeFile = inFile && valueAt(parsed.value, path.slice(0, 3)) === undefined &&
    valueAt(parsed.value, ["config", ...path.slice(1, 3), "mode"]) === undefined;
  const attempt = async (plain: string): Promise<{ text: string } | { problem: string }> => {
    const armored = await sealer.seal(utf8(plain));
    const edited = putArmored(parsed, path, armored, madeFile ? { mode: SECRET_FILE_MODE } : {});
    const again = parseYaml(file, edited);
    if (Array.isArray(again)) return { problem: problemText(again[0]!) };
    const unsealed = new Map([[armoredAt(again, path) ?? "", { text: plain }]]);
    const result = checkYaml(again, fileSchema(owner), { unsealed, survey: true });
    return Array.isArray(result) ? { problem: problemText(result[0]!) } : { text: edited };
  };
  let result = await attempt(value);
  if ("problem" in result && /\n$/.test(value)) result = await attempt(value.replace(/\r?\n$/, ""));
  if ("problem" in result) throw new UserError(`set ${name}`, result.problem);
  await host.writeFile(file, result.text);
  const wasPlain = before !== undefined && before !== null && armoredAt(parsed, path) === undefined;
  return { file, madeFile, wasPlain };
}

/** The administrators' recipients. @throws {UserError} when there are none. */
export function adminsOf({ files, fleet }: SecretFleet): string[] {
  if (fleet.admins.length > 0) return fleet.admins;
  throw new UserError("encrypt", `${files.directory}/global.yaml names no admins`, {
    hint: "deno task secret init makes an identity and lists it there",
  });
}

/** What {@linkcode readSecret} finds. */
export interface SecretValue {
  text: string;
  /** Whether it stands in the file encrypted. */
  sealed: boolean;
}

/**
 * The value at `path`, decrypted if it must be; undefined when there is none.
 *
 * @throws {UserError} when it can't be decrypted.
 */
export async function readSecret(
  { files }: SecretFleet,
  owner: string,
  path: SecretPath,
  identities: () => Promise<readonly string[]>,
): Promise<SecretValue | undefined> {
  const parsed = files.files.get(owner);
  if (!parsed) return undefined;
  const armored = armoredAt(parsed, path);
  if (armored === undefined) {
    const plain = valueAt(parsed.value, path);
    const isSingle = typeof plain === "string" || typeof plain === "number";
    return isSingle ? { text: String(plain), sealed: false } : undefined;
  }
  const found = (await unseal([armored], await identities())).get(armored)!;
  if ("text" in found) return { text: found.text, sealed: true };
  throw new UserError(
    "decrypt the secret",
    problemText(parsed.problemAt(path, found.problem)),
  );
}

/** What a new file begins with. */
function emptyFile(file: string, path: string): ParsedYaml {
  return parseYaml(file, schemaLine(path)) as ParsedYaml;
}

/** The armored text at `path`; undefined when there is none. */
function armoredAt(parsed: ParsedYaml, path: SecretPath): string | undefined {
  return parsed.sealed.find((one) => one.path.join("\0") === path.join("\0"))?.armored;
}

function valueAt(value: unknown, path: readonly (string | number | undefined)[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key ?? "")) return undefined;
    at = (at as Record<string, unknown>)[key ?? ""];
  }
  return at;
}

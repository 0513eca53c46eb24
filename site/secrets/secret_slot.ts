/**
 * One place of the fleet's files where a secret belongs: setting it, reading it. What is written is first read as the site
 * build will read it, so what stands there before need not be right: a blank that waits for its value is none. Nor are other
 * blanks below `private`, in whatever file: of several that wait, one must be the first.
 *
 * @module
 */
import { utf8 } from "../../lib/bytes.ts";
import { formatSecret, type SecretHome, secretHome } from "../../lib/documents/secret_text.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { MAX_VALUE_BYTES, Sealer } from "../../lib/trust/age_value.ts";
import { assembleFleet, parseFiles, saysBound } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import { fileSchema } from "../fleet/fleet_schema.ts";
import { schemaLine } from "../fleet/schema_line.ts";
import { homeProblem, ownerOf, unseal } from "../fleet/sealed.ts";
import { putArmored } from "../fleet/yaml_edit.ts";
import { checkYaml, type ParsedYaml, parseYaml, problemText } from "../fleet/yaml_file.ts";
import { pathKey } from "../fleet/yaml_text.ts";
import { withoutBlanks } from "./blanks.ts";
import { adminsOf, findOwner, namedAdmins } from "./secret_files.ts";
import { secretName, type SecretPath } from "./secret_path.ts";

/** A file that is new gets this mode when its content is a secret; the ordinary one would let everyone on the node read it. */
const SECRET_FILE_MODE = '"0600"';

/** Where a secret stands, or is to stand. */
export interface SecretSlot {
  /** The file, as in messages. */
  file: string;
  /** Its path below the directory. */
  owner: string;
  path: SecretPath;
  parsed: ParsedYaml;
  /** The administrators' recipients. */
  admins: string[];
  sealer: Sealer;
  /** Encrypted text that stands for every value that is still to come. */
  standIn: string;
  /** Whether the fleet's secrets must say where they belong. */
  mustBeBound: boolean;
}

/**
 * The place `path` in the file of `owner`, as {@linkcode findOwner} takes it. With anything in it, and in the blanks
 * of all files, the fleet is right.
 *
 * @throws {UserError} when there are no administrators, the file can't be edited, or something else in the fleet is wrong.
 */
export async function openSlot(
  host: Host,
  directory: string,
  owner: string,
  path: SecretPath,
): Promise<SecretSlot> {
  const files = parseFiles(await readFleetFiles(host, directory), directory);
  // What is no YAML at all is told before anything else.
  if (files.problems.length > 0) assembleFleet(files, { survey: true });
  const at = findOwner(files, owner);
  const file = `${directory}/${at}`;
  const known = files.files.get(at);
  // A tag's file may be empty until now.
  const parsed = known === undefined || known.source === "" ? emptyFile(file, at) : known;
  const admins = adminsOf({ files, fleet: { admins: namedAdmins(files) } });
  const sealer = new Sealer(admins);
  const standIn = await sealer.seal(utf8(""));
  const mustBeBound = saysBound(files);
  const slot = { file, owner: at, path, parsed, admins, sealer, standIn, mustBeBound };
  const filled = read(slot, edited(slot, standIn));
  if ("problem" in filled) throw new UserError(`edit ${file}`, filled.problem);
  const after = new Map(
    [...files.files, [at, filled] as const].map(([one, yaml]) =>
      [one, withoutBlanks(one, yaml, standIn)] as const
    ),
  );
  const paths = [...new Set([...files.paths, at])].sort();
  assembleFleet({ ...files, paths, files: after }, { survey: true });
  return slot;
}

/** What {@linkcode setSecret} did. */
export interface SecretSet {
  file: string;
  /** Whether the entry below `files` is new, so that it got a mode that lets only the file's owner read it. */
  madeFile: boolean;
  /** Whether it begins a list: lists are not merged, so what `config` and other layers say in this place no longer counts. */
  beganList: boolean;
  /** Whether a plain value stood there before; it is still in the history of the repository. */
  wasPlain: boolean;
}

/**
 * Encrypts `value` to the administrators and writes it into its place. The last newline is left out where the value must
 * be one line.
 *
 * @throws {UserError} when the value is not allowed there.
 */
export async function setSecret(
  host: Host,
  slot: SecretSlot,
  value: string,
): Promise<SecretSet> {
  const { file, owner, path, parsed } = slot;
  const name = secretName(path);
  const before = valueAt(parsed.value, path);
  if (utf8(value).length > MAX_VALUE_BYTES) {
    throw new UserError(`set ${name}`, `it is longer than ${MAX_VALUE_BYTES} bytes`);
  }
  const attempt = async (plain: string): Promise<{ text: string } | { problem: string }> => {
    const text = edited(slot, await slot.sealer.seal(utf8(formatSecret(homeOf(slot), plain))));
    const again = read(slot, text);
    if ("problem" in again) return again;
    const held = { value: plain, home: homeOf(slot) };
    const unsealed = new Map([[armoredAt(again, path) ?? "", held]]);
    const options = { unsealed, survey: true, owner: ownerOf(owner) };
    const complete = withoutBlanks(owner, again, slot.standIn);
    const result = checkYaml(complete, fileSchema(owner), options);
    return Array.isArray(result) ? { problem: problemText(result[0]!) } : { text };
  };
  let result = await attempt(value);
  if ("problem" in result && /\n$/.test(value)) result = await attempt(value.replace(/\r?\n$/, ""));
  if ("problem" in result) throw new UserError(`set ${name}`, result.problem);
  await host.writeFile(file, result.text);
  const wasPlain = before !== undefined && before !== null && armoredAt(parsed, path) === undefined;
  const list = valueAt(parsed.value, path.slice(0, -1));
  const beganList = typeof path.at(-1) === "number" && !(Array.isArray(list) && list.length > 0);
  return { file, madeFile: makesFile(slot), beganList, wasPlain };
}

/** What {@linkcode readSecret} finds. */
export interface SecretValue {
  text: string;
  /** Whether it stands in the file encrypted. */
  sealed: boolean;
}

/**
 * The value in its place, decrypted if it must be; undefined when there is none.
 *
 * @throws {UserError} when it can't be decrypted.
 */
export async function readSecret(
  slot: SecretSlot,
  identities: () => Promise<IdentityFile>,
): Promise<SecretValue | undefined> {
  const { parsed, path } = slot;
  const armored = armoredAt(parsed, path);
  if (armored === undefined) {
    const plain = valueAt(parsed.value, path);
    const isSingle = typeof plain === "string" || typeof plain === "number";
    return isSingle ? { text: String(plain), sealed: false } : undefined;
  }
  const given = await identities();
  const found = (await unseal([armored], given)).get(armored)!;
  // Shown and stored again, a value that somebody moved would be at home where it was moved to.
  const problem = homeProblem(found, homeOf(slot), slot.mustBeBound || given.boundOnly);
  if (problem === undefined && "value" in found) return { text: found.value, sealed: true };
  throw new UserError("decrypt the secret", problemText(parsed.problemAt(path, problem ?? "")));
}

function homeOf({ owner, path }: SecretSlot): SecretHome {
  return secretHome(ownerOf(owner), path);
}

/**
 * What the file would be with the text that is yet to be written. Places that problems of it name are those of the text that
 * stands there: of what is new, the nearest place around it.
 */
function read({ file, parsed }: SecretSlot, text: string): ParsedYaml | { problem: string } {
  const made = parseYaml(file, text);
  if (Array.isArray(made)) return { problem: made[0]!.message };
  const { problemAt } = parsed;
  const sealed = made.sealed.map((one) => {
    const { line, column } = problemAt(one.path, "");
    return { ...one, line, column };
  });
  return { ...made, sealed, problemAt };
}

/** The file's text with `armored` in its place. */
function edited(slot: SecretSlot, armored: string): string {
  return makesFile(slot)
    ? putArmored(slot.parsed, slot.path, armored, { mode: SECRET_FILE_MODE })
    : putArmored(slot.parsed, slot.path, armored);
}

/** Whether the value makes a new entry below `files`, for which nobody has said a mode. */
function makesFile({ path, parsed }: SecretSlot): boolean {
  const isThere = (given: unknown) => given !== undefined && given !== null;
  return path[1] === "files" && path[3] === "content" &&
    !isThere(valueAt(parsed.value, path.slice(0, 3))) &&
    !isThere(valueAt(parsed.value, ["config", ...path.slice(1, 3), "mode"]));
}

/** What a new file begins with. */
function emptyFile(file: string, path: string): ParsedYaml {
  return parseYaml(file, schemaLine(path)) as ParsedYaml;
}

/** The armored text at `path`; undefined when there is none. */
function armoredAt(parsed: ParsedYaml, path: SecretPath): string | undefined {
  return parsed.sealed.find((one) => pathKey(one.path) === pathKey(path))?.armored;
}

function valueAt(value: unknown, path: readonly (string | number | undefined)[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key ?? "")) return undefined;
    at = (at as Record<string, unknown>)[key ?? ""];
  }
  return at;
}

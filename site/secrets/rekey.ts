/**
 * Encrypts the fleet's secrets to the current administrators, writes into each where it belongs, and proves as much of that
 * as can be proven.
 *
 * Afterwards, five things are proven of every secret in every file on disk. The secret says that it is encrypted to
 * exactly the administrators. It has exactly one stanza of the right kind for each of them. An identity at hand
 * decrypts it, so the MAC over both is right. It says inside that it belongs where it stands. Its value has not changed.
 * `global.yaml` then says `secrets: bound`, and from then on a secret that does not say where it belongs is refused: one of
 * before, taken out of the repository's history, is as foreign as one of another place. For a secret that this run encrypted (with
 * `all`, every one), it follows that nobody else can decrypt it. For a secret that was left as it was, its writer has
 * to be trusted, because age does not show whose stanza is whose. Old versions can't be revoked: whoever could read
 * them in the history of the repository still can, so the values themselves should be changed.
 *
 * @module
 */
import { utf8 } from "../../lib/bytes.ts";
import { formatSecret, type SecretHome, secretHome } from "../../lib/documents/secret_text.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import {
  recipientFingerprint,
  recipientState,
  Sealer,
  valueHeader,
} from "../../lib/trust/age_value.ts";
import { parseFiles, saysBound } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import {
  BY_ALIAS,
  homeProblem,
  ownerOf,
  type Plain,
  unseal,
  type Unsealed,
} from "../fleet/sealed.ts";
import { addKey, replaceArmored } from "../fleet/yaml_edit.ts";
import { pathKey } from "../fleet/yaml_text.ts";
import { type ParsedYaml, parseYaml, problemText, type SealedAt } from "../fleet/yaml_file.ts";
import { adminsOf, type SecretFleet, type SecretPlace, secretPlaces } from "./secret_files.ts";

/** What {@linkcode rekeySecrets} did. */
export interface Rekeyed {
  /** Secrets in all files; each was proven to be encrypted to the administrators. */
  total: number;
  /** Where those were that were encrypted anew. */
  changed: SecretPlace[];
  /** Files that were written. */
  files: string[];
  /** Fingerprints of recipients that values named before and that are no administrators. */
  dropped: string[];
}

/** What {@linkcode rekeySecrets} needs. */
export interface RekeyOptions {
  identities: IdentityFile;
  /** The recipients of `identities`. */
  own: readonly string[];
  /** Encrypt anew also what says that it is encrypted to the administrators. */
  all?: boolean;
  /** Take what belongs elsewhere, or must say where it belongs and does not, and let it belong to where it stands. */
  bindHere?: boolean;
}

/**
 * Encrypts to the administrators what is encrypted to others, does not say to whom, or does not say where it belongs.
 * Everything is decrypted before the first file is written; files are replaced whole, so a run that was cut off is finished
 * by the next.
 *
 * @throws {UserError} when a secret can't be decrypted or belongs elsewhere, none of `own` is an administrator, or the proof
 * fails.
 */
export async function rekeySecrets(
  host: Host,
  secrets: SecretFleet,
  options: RekeyOptions,
): Promise<Rekeyed> {
  const { files, directory } = secrets.files;
  const { identities } = options;
  const admins = adminsOf(secrets);
  if (!options.own.some((recipient) => admins.includes(recipient))) {
    throw new UserError(
      "encrypt the secrets anew",
      "your age identity is none of the admins, you could not read them again",
      { hint: "an identity file may hold several keys: the old one and an admin's" },
    );
  }
  const all = allSealed(files);
  const plain = await unseal(all.map(({ sealed }) => sealed.armored), identities);
  const isBound = saysBound(secrets.files);
  const mustBeBound = isBound || identities.boundOnly;
  const places = secretPlaces(secrets);
  const wanted = new Map<ParsedYaml, SealedAt[]>();
  const changed: SecretPlace[] = [];
  for (const [i, { file, owner, sealed }] of all.entries()) {
    const given = plain.get(sealed.armored)!;
    const home = secretHome(owner, sealed.path);
    const problem = problemAt(sealed, given, home, mustBeBound, options.bindHere);
    if (problem !== undefined) {
      throw new UserError(
        "encrypt the secrets anew",
        problemText(file.problemAt(sealed.path, problem)),
        {
          hint: hintFor(given),
        },
      );
    }
    const isHome = homeProblem(given, home, true) === undefined;
    if (isHome && !options.all && places[i]!.state === "current") continue;
    changed.push(places[i]!);
    wanted.set(file, [...wanted.get(file) ?? [], sealed]);
  }
  const current = new Set(admins.map(recipientFingerprint));
  const dropped = new Set(
    all.flatMap(({ sealed }) => valueHeader(sealed.armored)?.recipients ?? [])
      .filter((one) => !current.has(one)),
  );
  const sealer = new Sealer(admins);
  const edited: [path: string, text: string][] = [];
  for (const [path, file] of files) {
    const some = wanted.get(file);
    if (some) {
      edited.push([
        `${directory}/${path}`,
        await sealedAnew(file, some, plain, sealer, ownerOf(path)),
      ]);
    }
  }
  for (const [path, text] of edited) await host.writeFile(path, text);
  const expected = all.map(({ sealed }) => valueOf(plain, sealed));
  await prove(host, directory, { admins, identities, expected });
  // Last: until all of them say where they belong, those that don't must be read.
  const marked = isBound ? [] : [await sayBound(host, directory)];
  return {
    total: all.length,
    changed,
    files: [...new Set([...edited.map(([path]) => path), ...marked])],
    dropped: [...dropped].sort(),
  };
}

/**
 * For each secret, in the order of {@linkcode secretPlaces}, why {@linkcode rekeySecrets} would refuse it with these
 * identities; undefined where it would not.
 */
export async function rekeyProblems(
  { files }: SecretFleet,
  identities: IdentityFile,
): Promise<(string | undefined)[]> {
  const all = allSealed(files.files);
  const plain = await unseal(all.map(({ sealed }) => sealed.armored), identities);
  const mustBeBound = saysBound(files) || identities.boundOnly;
  return all.map(({ owner, sealed }) =>
    problemAt(
      sealed,
      plain.get(sealed.armored)!,
      secretHome(owner, sealed.path),
      mustBeBound,
    )
  );
}

/** Why a secret can't be encrypted anew for `home`, where it stands. */
function problemAt(
  sealed: SealedAt,
  given: Plain,
  home: SecretHome,
  mustBeBound: boolean,
  bindHere = false,
): string | undefined {
  if (sealed.byAlias) return BY_ALIAS;
  if ("problem" in given) return given.problem;
  return bindHere ? undefined : homeProblem(given, home, mustBeBound);
}

/** The text of `file` with some of its secrets encrypted anew, each belonging to where it stands in the file of `owner`. */
async function sealedAnew(
  file: ParsedYaml,
  some: readonly SealedAt[],
  plain: Unsealed,
  sealer: Sealer,
  owner: string,
): Promise<string> {
  const fresh = new Map<string, string>();
  for (const sealed of some) {
    const home = secretHome(owner, sealed.path);
    const text = formatSecret(home, valueOf(plain, sealed));
    fresh.set(pathKey(sealed.path), await sealer.seal(utf8(text)));
  }
  return replaceArmored(file, fresh);
}

function allSealed(files: ReadonlyMap<string, ParsedYaml>) {
  return [...files].flatMap(([path, file]) =>
    file.sealed.map((sealed) => ({ file, owner: ownerOf(path), sealed }))
  );
}

function hintFor(given: Plain): string {
  return "problem" in given
    ? "nothing was changed; the identity file needs a key for each secret"
    : "nothing was changed; where you know who put it there, --bind-here lets it belong there";
}

/** Writes into `global.yaml` that all secrets say where they belong; its path. */
async function sayBound(host: Host, directory: string): Promise<string> {
  const path = `${directory}/global.yaml`;
  // Read anew: it may have been written a moment ago. It lists the admins, so it is there and a mapping.
  const parsed = parseYaml(path, await host.readTextFile(path)) as ParsedYaml;
  await host.writeFile(path, addKey(parsed, "admins", "secrets", "bound"));
  return path;
}

/** Reads the files in `directory` and checks each secret in them; see the module's text for what that proves. */
async function prove(
  host: Host,
  directory: string,
  options: {
    admins: readonly string[];
    identities: IdentityFile;
    expected: readonly string[];
  },
): Promise<void> {
  const { admins, identities, expected } = options;
  const { files, problems } = parseFiles(await readFleetFiles(host, directory), directory);
  const fail = (state: string) => new UserError("prove that the secrets are encrypted anew", state);
  if (problems[0]) throw fail(problemText(problems[0]));
  const all = allSealed(files);
  if (all.length !== expected.length) throw fail("the files were changed by somebody else");
  const plain = await unseal(all.map(({ sealed }) => sealed.armored), identities);
  for (const [i, { file, owner, sealed }] of all.entries()) {
    const given = plain.get(sealed.armored)!;
    const state = recipientState(sealed.armored, admins) !== "current"
      ? "is not encrypted to the admins"
      : homeProblem(given, secretHome(owner, sealed.path), true) ??
        (valueOf(plain, sealed) !== expected[i] ? "is not what it was" : undefined);
    if (state) throw fail(problemText(file.problemAt(sealed.path, state)));
  }
}

function valueOf(plain: Unsealed, { armored }: SealedAt): string {
  const given = plain.get(armored);
  if (given && "value" in given) return given.value;
  throw new TypeError("a secret was not decrypted");
}

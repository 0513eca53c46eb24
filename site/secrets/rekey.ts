/**
 * Encrypts the fleet's secrets to the current administrators, and proves as much of that as can be proven.
 *
 * Afterwards, four things are proven of every secret in every file on disk. The secret says that it is encrypted to
 * exactly the administrators. It has exactly one stanza of the right kind for each of them. An identity at hand
 * decrypts it, so the MAC over both is right. Its plaintext has not changed. For a secret that this run encrypted (with
 * `all`, every one), it follows that nobody else can decrypt it. For a secret that was left as it was, its writer has
 * to be trusted, because age does not show whose stanza is whose. Old versions can't be revoked: whoever could read
 * them in the history of the repository still can, so the values themselves should be changed.
 *
 * @module
 */
import { utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import {
  recipientFingerprint,
  recipientState,
  Sealer,
  valueHeader,
} from "../../lib/trust/age_value.ts";
import { parseFiles } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import { unseal } from "../fleet/sealed.ts";
import { replaceArmored } from "../fleet/yaml_edit.ts";
import { problemText } from "../fleet/yaml_file.ts";
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
}

/**
 * Encrypts to the administrators what is encrypted to others or does not say to whom. Everything is decrypted before the
 * first file is written; files are replaced whole, so a run that was cut off is finished by the next.
 *
 * @throws {UserError} when a secret can't be decrypted, none of `own` is an administrator, or the proof fails.
 */
export async function rekeySecrets(
  host: Host,
  secrets: SecretFleet,
  options: RekeyOptions,
): Promise<Rekeyed> {
  const { files } = secrets.files;
  const { directory } = secrets.files;
  const { identities } = options;
  const admins = adminsOf(secrets);
  if (!options.own.some((recipient) => admins.includes(recipient))) {
    throw new UserError(
      "encrypt the secrets anew",
      "your age identity is none of the admins, you could not read them again",
      { hint: "an identity file may hold several keys: the old one and an admin's" },
    );
  }
  const before = [...files.values()].flatMap((file) => file.sealed.map((one) => one.armored));
  const plain = await unseal(before, identities);
  for (const file of files.values()) {
    for (const { armored, path } of file.sealed) {
      const given = plain.get(armored)!;
      if ("text" in given) continue;
      const problem = problemText(file.problemAt(path, given.problem));
      throw new UserError("encrypt the secrets anew", problem, {
        hint: "nothing was changed; the identity file needs a key for each secret",
      });
    }
  }
  const current = new Set(admins.map(recipientFingerprint));
  const dropped = new Set(
    before.flatMap((one) => valueHeader(one)?.recipients ?? []).filter((one) => !current.has(one)),
  );
  const changed = secretPlaces(secrets).filter(({ state }) => options.all || state !== "current");
  const fresh = new Map<string, string>();
  const sealer = new Sealer(admins);
  for (const armored of before) {
    if (fresh.has(armored) || !options.all && recipientState(armored, admins) === "current") {
      continue;
    }
    fresh.set(armored, await sealer.seal(utf8(textOf(plain.get(armored)))));
  }
  const edited = [...files].flatMap(([path, file]) =>
    file.sealed.some(({ armored }) => fresh.has(armored))
      ? [[`${directory}/${path}`, replaceArmored(file, fresh)] as const]
      : []
  );
  for (const [path, edit] of edited) await host.writeFile(path, edit);
  const expected = before.map((armored) => textOf(plain.get(armored)));
  await prove(host, directory, { admins, identities, expected });
  return {
    total: before.length,
    changed,
    files: edited.map(([path]) => path),
    dropped: [...dropped].sort(),
  };
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
  const all = [...files.values()].flatMap((file) =>
    file.sealed.map((sealed) => ({ file, sealed }))
  );
  if (all.length !== expected.length) throw fail("the files were changed by somebody else");
  const plain = await unseal(all.map(({ sealed }) => sealed.armored), identities);
  for (const [i, { file, sealed }] of all.entries()) {
    const given = plain.get(sealed.armored)!;
    const state = recipientState(sealed.armored, admins) !== "current"
      ? "is not encrypted to the admins"
      : "problem" in given
      ? given.problem
      : given.text !== expected[i]
      ? "is not what it was"
      : undefined;
    if (state) throw fail(problemText(file.problemAt(sealed.path, state)));
  }
}

function textOf(plain: { text: string } | { problem: string } | undefined): string {
  if (plain && "text" in plain) return plain.text;
  throw new TypeError("a secret was not decrypted");
}

/**
 * Finds the administrator's age identity, which decrypts the secrets in the fleet's files: a file that is named, else
 * the one that PSYOPSOS_AGE_IDENTITY names, else `admin.age` in the keys folder. The file may itself be encrypted with a
 * passphrase (`age -p`); then PSYOPSOS_AGE_PASSPHRASE or a hidden prompt gives it.
 *
 * Refused: SSH keys, a plain identity file that others may read. Keys of plugins are skipped.
 *
 * @module
 */
import { armor, Decrypter, Encrypter } from "age-encryption";
import { type Bytes, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type IdentityFile, MAX_IDENTITY_BYTES, parseIdentityFile } from "./age.ts";
import { identityRecipient } from "./age_keygen.ts";
import { readSecretKeyFile } from "./keyring.ts";
import type { Prompt } from "./passphrase.ts";

/** Names the identity file. */
export const IDENTITY_VARIABLE = "PSYOPSOS_AGE_IDENTITY";
/** Holds the passphrase of an encrypted identity file. */
export const IDENTITY_PASSPHRASE_VARIABLE = "PSYOPSOS_AGE_PASSPHRASE";
/** Name of the identity file in the keys folder. */
export const ADMIN_IDENTITY = "admin.age";

const BINARY = "age-encryption.org/v1\n";
const ARMORED = "-----BEGIN AGE ENCRYPTED FILE-----";

/** Where to look and whom to ask. */
export interface IdentityOptions {
  /** The file that was named on the command line. */
  file?: string;
  /** The keys folder. */
  keys: string;
  prompt: Prompt;
}

/** Path of the identity file, undefined when there is none. @throws {UserError} when a named one is missing. */
export async function findIdentityFile(
  host: Host,
  options: IdentityOptions,
): Promise<string | undefined> {
  const named = options.file ?? (host.env(IDENTITY_VARIABLE) || undefined);
  const path = named ?? `${options.keys}/${ADMIN_IDENTITY}`;
  if (await host.stat(path)) return path;
  if (named === undefined) return undefined;
  const by = options.file === undefined ? `, which ${IDENTITY_VARIABLE} names` : "";
  throw new UserError("read the age identity", `there is no ${path}${by}`);
}

/** The secret keys of the administrator. @throws {UserError} when there are none, or the file can't be read. */
export async function loadIdentities(host: Host, options: IdentityOptions): Promise<IdentityFile> {
  const path = await findIdentityFile(host, options);
  if (path === undefined) {
    throw new UserError(
      "decrypt the fleet's secrets",
      `there is no ${options.keys}/${ADMIN_IDENTITY}`,
      { hint: `--identity FILE or ${IDENTITY_VARIABLE} names another age identity file` },
    );
  }
  const fail = (state: string, hint?: string) =>
    new UserError(`read the age identity ${path}`, state, { hint });
  const info = await host.stat(path);
  if ((info?.size ?? 0) > MAX_IDENTITY_BYTES) throw fail(`it is over ${MAX_IDENTITY_BYTES} bytes`);
  const given = await host.readFile(path);
  const sealed = encryptedBytes(given);
  if (sealed) {
    const passphrase = host.env(IDENTITY_PASSPHRASE_VARIABLE) ??
      options.prompt(`Passphrase of ${path}: `);
    if (passphrase === null) {
      throw fail("its passphrase is needed and there is no terminal", passphraseHint());
    }
    return parseAs(path, await withPassphrase(sealed, passphrase, fail));
  }
  return parseAs(path, await readSecretKeyFile(host, path));
}

/** The recipients of the keys in an identity file. */
export async function recipientsOf({ keys }: IdentityFile): Promise<string[]> {
  return await Promise.all(keys.map(identityRecipient));
}

/** `identityFile` encrypted with a passphrase as `age -p -a` does. Takes about a second on purpose. */
export async function protectIdentity(identityFile: string, passphrase: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return armor.encode(await encrypter.encrypt(utf8(identityFile)));
}

function encryptedBytes(given: Bytes): Uint8Array | undefined {
  const head = new TextDecoder("latin1").decode(given.subarray(0, 64));
  if (head.startsWith(BINARY)) return given;
  if (!head.startsWith(ARMORED)) return undefined;
  try {
    return armor.decode(new TextDecoder("latin1").decode(given));
  } catch {
    return undefined;
  }
}

async function withPassphrase(
  sealed: Uint8Array,
  passphrase: string,
  fail: (state: string, hint?: string) => UserError,
): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(sealed, "text");
  } catch (error) {
    const wrong = error instanceof Error && /no identity matched/.test(error.message);
    throw wrong
      ? fail("its passphrase is wrong, or it is not encrypted with one")
      : fail("it is damaged");
  }
}

function parseAs(path: string, plain: string): IdentityFile {
  try {
    return parseIdentityFile(plain);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`read the age identity ${path}`, error.state, { cause: error });
  }
}

function passphraseHint(): string {
  return `${IDENTITY_PASSPHRASE_VARIABLE} may hold it`;
}

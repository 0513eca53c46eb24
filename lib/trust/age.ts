/**
 * age encryption to recipients (https://age-encryption.org/v1), by way of the `age-encryption` package.
 *
 * Supported: native X25519 recipients and identities ("age1…", "AGE-SECRET-KEY-1…") and the post-quantum hybrid ones.
 * Refused: passphrases, armor, plugins, files longer than {@linkcode MAX_AGE_BYTES}. age does not say who encrypted: what
 * is inside must bear its own signature.
 *
 * @module
 */
import { Decrypter, Encrypter } from "age-encryption";
import type { Bytes } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import { printable } from "../visible.ts";

/** Longest file that is encrypted or decrypted; these are held in memory as a whole. */
export const MAX_AGE_BYTES = 64 * 1024 * 1024;
/** Most identities in an identity file, and most recipients of a file. */
export const MAX_KEYS = 32;
/** Longest identity file that is read. */
export const MAX_IDENTITY_BYTES = 64 * 1024;

const RECIPIENT = /^age1(?:pq1)?[02-9ac-hj-np-z]{50,4000}$/;
const IDENTITY = /^AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{50,200}$/;

/** A key of a plugin, as age's plugins write it: their name stands in it. */
const PLUGIN_IDENTITY = /^AGE-PLUGIN-([A-Z0-9+._-]{1,64}?)-1[02-9AC-HJ-NP-Z]{6,}$/;

/** Whether `text` is a recipient that {@linkcode encryptTo} takes. */
export function isRecipient(text: string): boolean {
  if (!RECIPIENT.test(text)) return false;
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * `plaintext` readable by each of `recipients` only. Two calls never give the same bytes.
 *
 * @throws {UserError} when there is no recipient or one is not valid.
 */
export async function encryptTo(
  recipients: readonly string[],
  plaintext: Uint8Array,
): Promise<Bytes> {
  const fail = (state: string) => new UserError("encrypt", state);
  if (recipients.length === 0) throw fail("there is no recipient");
  if (recipients.length > MAX_KEYS) throw fail(`there are more than ${MAX_KEYS} recipients`);
  if (plaintext.length > MAX_AGE_BYTES) {
    throw fail(`the content is longer than ${MAX_AGE_BYTES} bytes`);
  }
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    if (!isRecipient(recipient)) throw fail(`${printable(recipient, 80)} is no age recipient`);
    encrypter.addRecipient(recipient);
  }
  return new Uint8Array(await encrypter.encrypt(plaintext));
}

/**
 * The plaintext of `ciphertext`, decrypted with whichever of `identities` fits.
 *
 * @throws {RefusedError} with check "recipient" (encrypted to somebody else) or "malformed" (damaged or no age file).
 */
export async function decryptWith(
  identities: readonly string[],
  ciphertext: Uint8Array,
): Promise<Bytes> {
  const decrypter = new Decrypter();
  for (const identity of identities.slice(0, MAX_KEYS)) addIdentity(decrypter, identity);
  if (ciphertext.length > MAX_AGE_BYTES) {
    throw new RefusedError("size", "decrypt", `it is longer than ${MAX_AGE_BYTES} bytes`);
  }
  try {
    return new Uint8Array(await decrypter.decrypt(ciphertext));
  } catch (error) {
    // The package gives no error class; this is its text for "not for us", the rest is damage.
    const foreign = error instanceof Error && /no identity matched/.test(error.message);
    // Its messages may quote the file: they are not passed on.
    throw foreign
      ? new RefusedError("recipient", "decrypt", "it is not encrypted to this identity")
      : new RefusedError("malformed", "decrypt", "it is damaged or no age file");
  }
}

/** What is in an identity file. */
export interface IdentityFile {
  /** Its secret keys, each as {@linkcode decryptWith} takes it. */
  readonly keys: readonly string[];
  /** What can't be used here, for messages, e.g. "line 2, a key of age-plugin-yubikey". */
  readonly skipped: readonly string[];
  /** Whether it says {@linkcode BOUND_ONLY}. */
  readonly boundOnly: boolean;
}

/**
 * A comment in an identity file: what its owner decrypts of a fleet's secrets must say where it belongs, whatever the
 * fleet's own files say of that. Identities that psyopsOS makes have it.
 */
export const BOUND_ONLY = "# psyopsOS: bound secrets only";

/**
 * Reads a key file as `age-keygen` writes it: one key a line, "#" comments. Keys of plugins are skipped, as they need a
 * program that is not part of this.
 *
 * @throws {UserError} when a line is no key at all, or none can be used; naming lines, never their text.
 */
export function parseIdentityFile(text: string): IdentityFile {
  const fail = (state: string) => new UserError("read the age identity", state);
  if (text.length > MAX_IDENTITY_BYTES) throw fail(`it is longer than ${MAX_IDENTITY_BYTES} bytes`);
  const keys: string[] = [];
  const skipped: string[] = [];
  let boundOnly = false;
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.trim();
    if (line === BOUND_ONLY) boundOnly = true;
    if (line === "" || line.startsWith("#")) return;
    const [, plugin] = PLUGIN_IDENTITY.exec(line) ?? [];
    if (plugin !== undefined) {
      skipped.push(`line ${i + 1}, a key of age-plugin-${plugin.toLowerCase()}`);
      return;
    }
    try {
      addIdentity(new Decrypter(), line);
    } catch {
      const what = line.startsWith("-----BEGIN ") ? ": SSH keys are not supported" : "";
      throw fail(`line ${i + 1} is no age secret key${what}`);
    }
    keys.push(line);
  });
  if (keys.length === 0) {
    throw fail(
      `it holds no secret key${skipped.length > 0 ? ` for use here: ${skipped.join("; ")}` : ""}`,
    );
  }
  if (keys.length > MAX_KEYS) throw fail(`it holds more than ${MAX_KEYS} secret keys`);
  return { keys, skipped, boundOnly };
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    if (!IDENTITY.test(identity)) throw new TypeError("not an identity");
    decrypter.addIdentity(identity);
  } catch {
    throw new UserError("use the age identity", "it is no age secret key");
  }
}

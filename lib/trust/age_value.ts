/**
 * A secret as it is kept in a text file: armored age, encrypted to the administrators.
 *
 * age does not tell to whom a file is encrypted. So each value carries, beside the stanzas that age needs, one more of type
 * `psyopsos/recipients` whose arguments are the fingerprints of its recipients. age programs ignore stanzas that they
 * don't know, and the header's MAC covers it: nobody who can't decrypt the value can change what it says.
 *
 * Refused: values much over {@linkcode MAX_VALUE_BYTES}, armor that is not strict, passphrases.
 *
 * @module
 */
import { armor, Decrypter, Encrypter, Stanza } from "age-encryption";
import { type Bytes, sha256Hex, utf8 } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import { printable } from "../visible.ts";
import { isRecipient, MAX_KEYS } from "./age.ts";
import {
  decryptNative,
  encryptNative,
  nativeIdentity,
  type NativeKey,
  nativeRecipient,
  parseHeader,
} from "./age_native.ts";

/** Longest value, in bytes. */
export const MAX_VALUE_BYTES = 1024 * 1024;
/** Longest plaintext: a value and what is said of it before it (lib/documents/secret_text.ts). */
const MAX_PLAIN_BYTES = MAX_VALUE_BYTES + 64 * 1024;
/** Longest armored text: base64 and line ends take about 36 percent more, headers a few KiB for each recipient. */
const MAX_ARMORED = 2 * MAX_PLAIN_BYTES;

const NOTE = "psyopsos/recipients";
const KINDS = { age1pq1: "mlkem768x25519", age1: "X25519" } as const;

/** Whether `recipient` withstands quantum computers. */
export function isPostQuantum(recipient: string): boolean {
  return recipient.startsWith("age1pq1");
}

/** 32 hex digits that name a recipient. */
export function recipientFingerprint(recipient: string): string {
  return sha256Hex(utf8(recipient)).slice(0, 32);
}

/** Encrypts values to one set of recipients. */
export class Sealer {
  readonly #native: NativeKey[] | undefined;
  readonly #encrypter = new Encrypter();
  readonly #note: string[];

  /** @throws {UserError} when there is no recipient, or one is not valid. */
  constructor(readonly recipients: readonly string[]) {
    const fail = (state: string) => new UserError("encrypt", state);
    if (recipients.length === 0) throw fail("there is no recipient");
    if (recipients.length > MAX_KEYS) throw fail(`there are more than ${MAX_KEYS} recipients`);
    for (const recipient of recipients) {
      if (!isRecipient(recipient)) throw fail(`${printable(recipient, 80)} is no age recipient`);
      this.#encrypter.addRecipient(recipient);
    }
    const native = recipients.map(nativeRecipient);
    this.#native = native.every((key) => key !== undefined) ? native : undefined;
    this.#note = [NOTE, ...recipients.map(recipientFingerprint).sort()];
    const stanza = new Stanza(this.#note, new Uint8Array());
    this.#encrypter.addRecipient({ wrapFileKey: () => [stanza] });
  }

  /** `plaintext` as armored text with a final newline. Two calls never give the same. */
  async seal(plaintext: Uint8Array): Promise<string> {
    if (plaintext.length > MAX_PLAIN_BYTES) {
      throw new UserError("encrypt", `the value is longer than ${MAX_VALUE_BYTES} bytes`);
    }
    const quick = this.#native && encryptNative(this.#native, plaintext, this.#note);
    return armor.encode(quick ?? await this.#encrypter.encrypt(plaintext));
  }
}

/** Decrypts values with whichever of some identities fits. */
export class Opener {
  readonly #native: NativeKey[];
  readonly #decrypter = new Decrypter();

  /** Takes keys as {@linkcode parseIdentityFile} gives them. */
  constructor(keys: readonly string[]) {
    this.#native = keys.map(nativeIdentity).filter((key) => key !== undefined);
    for (const key of keys) this.#decrypter.addIdentity(key);
  }

  /** @throws {RefusedError} with check "recipient" (for somebody else) or "malformed" (damaged, or no armored age). */
  async open(armored: string): Promise<Bytes> {
    const file = dearmor(armored);
    if (!file) throw new RefusedError("malformed", "decrypt", "it is no armored age text");
    const quick = decryptNative(this.#native, file);
    if (quick) return quick;
    try {
      return new Uint8Array(await this.#decrypter.decrypt(file));
    } catch (error) {
      // The package gives no error class; this is its text for "not for us", the rest is damage.
      const foreign = error instanceof Error && /no identity matched/.test(error.message);
      throw foreign
        ? new RefusedError("recipient", "decrypt", "it is not encrypted to this identity")
        : new RefusedError("malformed", "decrypt", "it is damaged");
    }
  }
}

/** Whether `given` looks like what {@linkcode Sealer} makes; says nothing about its content. */
export function isArmored(given: string): boolean {
  const file = dearmor(given);
  return file !== undefined && parseHeader(file) !== undefined;
}

/** What a value says of its recipients. */
export interface ValueHeader {
  /** Types of the stanzas that wrap its key, e.g. "X25519". */
  kinds: string[];
  /** Fingerprints of its recipients; undefined when the value does not say (made by another program). */
  recipients?: string[];
}

/** The header of an armored value; undefined when it is none. Needs no identity, so it proves nothing by itself. */
export function valueHeader(armored: string): ValueHeader | undefined {
  const file = dearmor(armored);
  const stanzas = file && parseHeader(file)?.stanzas;
  if (!stanzas) return undefined;
  const notes = stanzas.filter(({ args }) => args[0] === NOTE);
  return {
    kinds: stanzas.filter(({ args }) => args[0] !== NOTE).map(({ args }) => args[0]!),
    recipients: notes.length === 1 ? notes[0]!.args.slice(1) : undefined,
  };
}

/** How a value's recipients compare with those it should have. */
export type RecipientState = "current" | "other" | "unknown";

/**
 * "current" when the value says that it is encrypted to exactly `recipients` and has exactly one stanza of the right kind
 * for each; "unknown" when it does not say.
 */
export function recipientState(armored: string, recipients: readonly string[]): RecipientState {
  const header = valueHeader(armored);
  if (!header?.recipients) return "unknown";
  const kinds = recipients.map((one) => isPostQuantum(one) ? KINDS.age1pq1 : KINDS.age1);
  return same(header.recipients, recipients.map(recipientFingerprint)) && same(header.kinds, kinds)
    ? "current"
    : "other";
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}

function dearmor(given: string): Bytes | undefined {
  if (given.length > MAX_ARMORED) return undefined;
  try {
    return new Uint8Array(armor.decode(given));
  } catch {
    return undefined;
  }
}

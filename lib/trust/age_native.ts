/**
 * The common case of age, fast: short files for X25519 keys (https://age-encryption.org/v1), by the crypto library of
 * the runtime. The site build opens and makes tens of thousands of them; this does it about ten times as fast.
 *
 * Supported: X25519 stanzas beside any others, one chunk of plaintext. Everything else, damage included, gives undefined:
 * age.ts then does the work and finds the words. Not part of the agent.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { type Bytes, concat, utf8 } from "../bytes.ts";
import {
  AGE_VERSION,
  base64,
  FILE_KEY_BYTES,
  macOf,
  NONCE_BYTES,
  ONLY_CHUNK_NONCE,
  open,
  payloadKey,
  pointOf,
  publicHalf,
  seal,
  TAG_BYTES,
  unbase64,
  wrapKey,
  x25519Public,
  x25519Secret,
  ZERO_NONCE,
} from "./age_x25519.ts";
import { bech32Key } from "./bech32.ts";

/** Longest plaintext: one chunk of the payload. */
export const MAX_NATIVE_BYTES = 64 * 1024;

/** Longest header that is looked at. */
const MAX_HEADER = 64 * 1024;

/** A recipient or an identity, ready for use. */
export interface NativeKey {
  readonly secret?: KeyObject;
  readonly public: KeyObject;
  /** The 32 bytes of the public half. */
  readonly point: Bytes;
}

/** The key of "AGE-SECRET-KEY-1…"; undefined for identities of other kinds. */
export function nativeIdentity(identity: string): NativeKey | undefined {
  const scalar = bech32Key(identity, "age-secret-key-");
  if (!scalar) return undefined;
  const secret = x25519Secret(scalar);
  const shared = publicHalf(secret);
  return { secret, public: shared, point: pointOf(shared) };
}

/** The key of "age1…"; undefined for recipients of other kinds. */
export function nativeRecipient(recipient: string): NativeKey | undefined {
  const point = bech32Key(recipient, "age");
  return point && { public: x25519Public(point), point };
}

/** `plaintext` encrypted to `recipients`; `note` becomes a stanza of its own, see age_value.ts. */
export function encryptNative(
  recipients: readonly NativeKey[],
  plaintext: Uint8Array,
  note: readonly string[] = [],
): Bytes | undefined {
  if (recipients.length === 0 || plaintext.length > MAX_NATIVE_BYTES) return undefined;
  const fileKey = randomBytes(FILE_KEY_BYTES);
  let header = `${AGE_VERSION}\n`;
  for (const recipient of recipients) {
    const ephemeral = generateKeyPairSync("x25519");
    const share = pointOf(ephemeral.publicKey);
    const key = wrapKey(ephemeral.privateKey, recipient.public, share, recipient.point);
    if (!key) return undefined;
    header += `-> X25519 ${base64(share)}\n${base64(seal(key, ZERO_NONCE, fileKey))}\n`;
  }
  if (note.length > 0) header += `-> ${note.join(" ")}\n\n`;
  header += "---";
  const nonce = randomBytes(NONCE_BYTES);
  const payload = seal(payloadKey(fileKey, nonce), ONLY_CHUNK_NONCE, plaintext);
  return concat([utf8(`${header} ${base64(macOf(fileKey, header))}\n`), nonce, payload]);
}

/** The plaintext of `file`, if it is of the common kind and for one of `identities`. */
export function decryptNative(
  identities: readonly NativeKey[],
  file: Uint8Array,
): Bytes | undefined {
  const parsed = parseHeader(file);
  if (!parsed) return undefined;
  const { stanzas, signed, mac, end } = parsed;
  const payload = file.subarray(end + NONCE_BYTES);
  if (payload.length < TAG_BYTES || payload.length > MAX_NATIVE_BYTES + TAG_BYTES) return undefined;
  for (const { args, body } of stanzas) {
    if (args[0] !== "X25519" || args.length !== 2 || body.length !== 32) continue;
    const share = unbase64(args[1]!);
    if (share?.length !== 32) return undefined;
    for (const { secret, point } of identities) {
      if (!secret) continue;
      const key = wrapKey(secret, x25519Public(share), share, point);
      const fileKey = key && open(key, ZERO_NONCE, body);
      if (!fileKey) continue;
      const expected = macOf(fileKey, signed);
      if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return undefined;
      const nonce = file.subarray(end, end + NONCE_BYTES);
      return open(payloadKey(fileKey, nonce), ONLY_CHUNK_NONCE, payload);
    }
  }
  return undefined;
}

/** One stanza of a header. */
export interface Stanza {
  args: string[];
  body: Bytes;
}

/** The parts of an age file's header; undefined when it is none. The MAC is not checked here. */
export function parseHeader(
  file: Uint8Array,
): { stanzas: Stanza[]; signed: string; mac: Bytes; end: number } | undefined {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, MAX_HEADER))
    .toString("latin1");
  const match = /\n--- ([A-Za-z0-9+/]{43})\n/.exec(head);
  if (!match || !head.startsWith(`${AGE_VERSION}\n`)) return undefined;
  const mac = unbase64(match[1]!);
  const lines = head.slice(AGE_VERSION.length + 1, match.index + 1).split("\n").slice(0, -1);
  const stanzas: Stanza[] = [];
  for (let i = 0; i < lines.length;) {
    const [arrow, ...args] = lines[i++]!.split(" ");
    if (arrow !== "->" || args.length === 0 || args.some((arg) => !/^[!-~]+$/.test(arg))) {
      return undefined;
    }
    const body: Bytes[] = [];
    for (let last = false; !last;) {
      const line = lines[i++];
      const bytes = line === undefined || line.length > 64 ? undefined : unbase64(line);
      if (!bytes) return undefined;
      body.push(bytes);
      last = bytes.length < 48;
    }
    stanzas.push({ args, body: concat(body) });
  }
  if (!mac || stanzas.length === 0) return undefined;
  const signed = head.slice(0, match.index + 4);
  return { stanzas, signed, mac, end: match.index + match[0].length };
}

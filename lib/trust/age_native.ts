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
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { type Bytes, concat, utf8 } from "../bytes.ts";
import { bech32Key } from "./bech32.ts";

/** Longest plaintext: one chunk of the payload. */
export const MAX_NATIVE_BYTES = 64 * 1024;

const VERSION = "age-encryption.org/v1";
/** Longest header that is looked at. */
const MAX_HEADER = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 16;
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");

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
  const der = Buffer.concat([PKCS8, scalar]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const shared = createPublicKey(secret as never);
  return { secret, public: shared, point: pointOf(shared) };
}

/** The key of "age1…"; undefined for recipients of other kinds. */
export function nativeRecipient(recipient: string): NativeKey | undefined {
  const point = bech32Key(recipient, "age");
  return point && { public: publicKey(point), point };
}

/** `plaintext` encrypted to `recipients`; `note` becomes a stanza of its own, see age_value.ts. */
export function encryptNative(
  recipients: readonly NativeKey[],
  plaintext: Uint8Array,
  note: readonly string[] = [],
): Bytes | undefined {
  if (recipients.length === 0 || plaintext.length > MAX_NATIVE_BYTES) return undefined;
  const fileKey = randomBytes(16);
  let header = `${VERSION}\n`;
  for (const recipient of recipients) {
    const ephemeral = generateKeyPairSync("x25519");
    const share = pointOf(ephemeral.publicKey);
    const key = wrapKey(ephemeral.privateKey, recipient.public, share, recipient.point);
    if (!key) return undefined;
    header += `-> X25519 ${base64(share)}\n${base64(seal(key, zeros(12), fileKey))}\n`;
  }
  if (note.length > 0) header += `-> ${note.join(" ")}\n\n`;
  header += "---";
  const nonce = randomBytes(NONCE_BYTES);
  const payload = seal(derive(fileKey, nonce, "payload"), lastChunkNonce(), plaintext);
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
      const key = wrapKey(secret, publicKey(share), share, point);
      const fileKey = key && open(key, zeros(12), body);
      if (!fileKey) continue;
      const expected = macOf(fileKey, signed);
      if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return undefined;
      const nonce = file.subarray(end, end + NONCE_BYTES);
      return open(derive(fileKey, nonce, "payload"), lastChunkNonce(), payload);
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
  if (!match || !head.startsWith(`${VERSION}\n`)) return undefined;
  const mac = unbase64(match[1]!);
  const lines = head.slice(VERSION.length + 1, match.index + 1).split("\n").slice(0, -1);
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

function wrapKey(
  secret: KeyObject,
  other: KeyObject,
  share: Bytes,
  recipient: Bytes,
): Bytes | undefined {
  let shared: Uint8Array;
  try {
    shared = diffieHellman({ privateKey: secret, publicKey: other });
  } catch {
    // The library rejects a point of low order.
    return undefined;
  }
  // If it let one through, anyone would know the shared secret.
  if (shared.every((byte) => byte === 0)) return undefined;
  return derive(shared, concat([share, recipient]), `${VERSION}/X25519`);
}

function derive(key: Uint8Array, salt: Uint8Array, info: string): Bytes {
  return new Uint8Array(hkdfSync("sha256", key, salt, info, 32));
}

function macOf(fileKey: Uint8Array, header: string): Bytes {
  const key = derive(fileKey, new Uint8Array(), "header");
  return new Uint8Array(createHmac("sha256", key).update(header, "latin1").digest());
}

function seal(key: Bytes, nonce: Bytes, plaintext: Uint8Array): Bytes {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  const body = cipher.update(plaintext);
  cipher.final();
  return concat([body, cipher.getAuthTag()]);
}

function open(key: Bytes, nonce: Bytes, sealed: Uint8Array): Bytes | undefined {
  const at = sealed.length - TAG_BYTES;
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAuthTag(sealed.slice(at));
  try {
    const body = new Uint8Array(cipher.update(sealed.slice(0, at)));
    cipher.final();
    return body;
  } catch {
    return undefined;
  }
}

function lastChunkNonce(): Bytes {
  const nonce = zeros(12);
  nonce[11] = 1;
  return nonce;
}

function publicKey(point: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, point]), format: "der", type: "spki" });
}

function pointOf(key: KeyObject): Bytes {
  const der = key.export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(der.length - 32));
}

function zeros(length: number): Bytes {
  return new Uint8Array(length);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

/** Canonical base64 without padding only. */
function unbase64(given: string): Bytes | undefined {
  const bytes = Buffer.from(given, "base64");
  return base64(bytes) === given ? new Uint8Array(bytes) : undefined;
}

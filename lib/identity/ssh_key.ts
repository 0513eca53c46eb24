/**
 * SSH host keys: OpenSSH private key files (openssh/PROTOCOL.key, "openssh-key-v1") and public key lines (RFC 4253 6.6,
 * RFC 8709). Writes unencrypted Ed25519 keys only; reads nothing.
 *
 * @module
 */
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { encodeBase64 } from "@std/encoding/base64";
import { type Bytes, concat, utf8 } from "../bytes.ts";

const TYPE = "ssh-ed25519";
const MAGIC = utf8("openssh-key-v1\0");
/** Cipher block size that OpenSSH assumes for "none". */
const BLOCK = 8;
const LINE_WIDTH = 70;

/** An Ed25519 key pair; all fields but `publicKey` are secret. */
export interface SshKey {
  /** 32 bytes. */
  readonly seed: Bytes;
  /** 32 bytes. */
  readonly publicKey: Bytes;
  /** 32 bits that OpenSSH repeats inside the file to notice a wrong passphrase. */
  readonly check: number;
}

/** A new key pair. */
export function generateSshKey(): SshKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const jwk = privateKey.export({ format: "jwk" });
  const bytes = (part: string | undefined) => new Uint8Array(Buffer.from(part ?? "", "base64url"));
  return { seed: bytes(jwk.d), publicKey: bytes(jwk.x), check: randomBytes(4).readUInt32BE() };
}

/** The text of the private key file; store it readable by its owner only. */
export function formatSshPrivateKey(key: SshKey, comment: string): string {
  const secret = concat([
    uint32(key.check),
    uint32(key.check),
    string(TYPE),
    string(key.publicKey),
    string(concat([key.seed, key.publicKey])),
    string(comment),
  ]);
  const padding = (BLOCK - secret.length % BLOCK) % BLOCK;
  const file = concat([
    MAGIC,
    string("none"), // cipher
    string("none"), // key derivation
    string(""), // its options
    uint32(1), // number of keys
    string(publicBlob(key)),
    string(concat([secret, Uint8Array.from({ length: padding }, (_, i) => i + 1)])),
  ]);
  const lines = encodeBase64(file).match(new RegExp(`.{1,${LINE_WIDTH}}`, "g")) ?? [];
  return [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    ...lines,
    "-----END OPENSSH PRIVATE KEY-----",
    "",
  ].join("\n");
}

/** `ssh-ed25519 AAAA… comment`, without a newline. */
export function sshPublicLine(key: SshKey, comment: string): string {
  return `${TYPE} ${encodeBase64(publicBlob(key))} ${comment}`;
}

/** `SHA256:…` as ssh shows it at the first connection. */
export function sshFingerprint(key: SshKey): string {
  const hash = createHash("sha256").update(publicBlob(key)).digest("base64");
  return `SHA256:${hash.replaceAll("=", "")}`;
}

/** The same of a public line without options, in its one form. */
export function sshLineFingerprint(line: string): string {
  const hash = createHash("sha256").update(line.split(" ")[1] ?? "", "base64").digest("base64");
  return `SHA256:${hash.replaceAll("=", "")}`;
}

function publicBlob(key: SshKey): Bytes {
  return concat([string(TYPE), string(key.publicKey)]);
}

function uint32(value: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** A string of the SSH wire format: length and bytes. */
function string(value: string | Uint8Array): Bytes {
  const bytes = typeof value === "string" ? utf8(value) : value;
  return concat([uint32(bytes.length), bytes]);
}

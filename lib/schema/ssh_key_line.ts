/**
 * Lines of `authorized_keys`, read as sshd reads them (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"): options, key type, key,
 * comment, with any number of blanks and tabs between.
 *
 * Supported: ed25519, RSA and ECDSA keys, those of security keys (`sk-…`) too, with the options of `ssh_key_options.ts`.
 * Refused although sshd takes them: DSA keys and certificates as keys.
 *
 * @module
 */
import { createPublicKey } from "node:crypto";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { type Bytes, equal, utf8 } from "../bytes.ts";
import { parseKeyOptions, uselessBecause } from "./ssh_key_options.ts";

/** The parts of a line. */
export interface KeyLine {
  /** As they stand there, "" for none. */
  options: string;
  type: string;
  /** The key in base64. */
  key: string;
  comment: string;
}

/** The line in its one form: a blank between its parts, nothing around it. */
export function formatKeyLine({ options, type, key, comment }: KeyLine): string {
  return [options, type, key, comment].filter((part) => part !== "").join(" ");
}

/** What a line says, or what is wrong with it (completing "<place> …"). */
export function parseKeyLine(line: string): KeyLine | { problem: string } {
  const text = trimmed(line);
  if (text.startsWith("#")) return { problem: "is a comment" };
  const plain = splitKey(text);
  if (plain) return keyProblem(plain) ?? { options: "", ...plain };
  const end = endOfOptions(text);
  if (end === undefined) return { problem: "has a quote in its options that is not closed" };
  const found = splitKey(trimmed(text.slice(end)));
  if (!found) return { problem: "must be an SSH public key line, e.g. ssh-ed25519 AAAA… comment" };
  const options = text.slice(0, end);
  const ofOptions = parseKeyOptions(options);
  return keyProblem(found) ?? ("problem" in ofOptions ? ofOptions : { options, ...found });
}

/**
 * Why sshd would let nobody in by a line that it reads (completing "… lets nobody in: …"); undefined when it would, or when
 * that can't be told of the line alone. `now` is the time that counts.
 */
export function uselessLine(line: string, now: Date): string | undefined {
  const parsed = parseKeyLine(line);
  const options = "problem" in parsed ? parsed : parseKeyOptions(parsed.options);
  return "problem" in options ? undefined : uselessBecause(options, now);
}

/** Kinds of keys, and what follows the type in the key itself. */
const KEYS: Readonly<Record<string, (body: Fields) => boolean>> = {
  "ssh-ed25519": (body) => body.next()?.length === 32,
  "sk-ssh-ed25519@openssh.com": (body) => body.next()?.length === 32 && isName(body.next()),
  "ssh-rsa": (body) => isNumber(body.next()) && isNumber(body.next(), MIN_RSA_BITS),
  "ecdsa-sha2-nistp256": (body) => isPoint(body, "nistp256"),
  "ecdsa-sha2-nistp384": (body) => isPoint(body, "nistp384"),
  "ecdsa-sha2-nistp521": (body) => isPoint(body, "nistp521"),
  "sk-ecdsa-sha2-nistp256@openssh.com": (body) => isPoint(body, "nistp256") && isName(body.next()),
};

/** Curves by their SSH name: JWK's name, bytes of a coordinate. */
const CURVES = {
  nistp256: ["P-256", 32],
  nistp384: ["P-384", 48],
  nistp521: ["P-521", 66],
} as const;
/** What OpenSSH takes at least, and at most. */
const MIN_RSA_BITS = 1024;
const MAX_RSA_BITS = 16384;

type TypeAndKey = Omit<KeyLine, "options">;

/** Not by a pattern: one for the end takes the square of the number of blanks in between. */
function trimmed(text: string): string {
  const isBlank = (char: string | undefined) => char === " " || char === "\t";
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

/** Type, key and comment of a text that begins with a known type. */
function splitKey(text: string): TypeAndKey | undefined {
  const [, type = "", key = "", comment = ""] =
    /^([^ \t]+)[ \t]+([^ \t]+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  if (!Object.hasOwn(KEYS, type)) return undefined;
  return { type, key, comment: comment.replaceAll("\t", " ") };
}

function keyProblem({ type, key }: TypeAndKey): { problem: string } | undefined {
  const problem = { problem: `holds no whole ${type} key` };
  let bytes: Bytes;
  try {
    bytes = decodeBase64(key);
  } catch {
    return problem;
  }
  if (encodeBase64(bytes) !== key) return problem;
  const fields = new Fields(bytes);
  const named = fields.next();
  const fits = named !== undefined && equal(named, utf8(type)) && KEYS[type]!(fields);
  return fits && fields.isAtEnd ? undefined : problem;
}

/** The strings that a key is made of (RFC 4251, section 5). */
class Fields {
  #at = 0;
  constructor(readonly bytes: Bytes) {}

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  /** The next string, undefined when there is no whole one. */
  next(): Bytes | undefined {
    const start = this.#at + 4;
    if (start > this.bytes.length) return undefined;
    const length = new DataView(this.bytes.buffer, this.bytes.byteOffset).getUint32(this.#at);
    if (length > this.bytes.length - start) return undefined;
    this.#at = start + length;
    return this.bytes.slice(start, this.#at);
  }
}

/** What a security key calls its application: text without a zero byte. */
function isName(field: Bytes | undefined): boolean {
  return field !== undefined && !field.includes(0);
}

/** A positive number of at least so many bits (RFC 4251, "mpint"). */
function isNumber(field: Bytes | undefined, bits = 1): boolean {
  if (field === undefined || (field[0] ?? 0) >= 0x80) return false;
  const first = field.findIndex((byte) => byte !== 0);
  if (first < 0) return false;
  const size = (field.length - first - 1) * 8 + (32 - Math.clz32(field[first]!));
  return size >= bits && size <= MAX_RSA_BITS;
}

/** The name of a curve and a point on it, uncompressed. */
function isPoint(body: Fields, curve: keyof typeof CURVES): boolean {
  const [name, point] = [body.next(), body.next()];
  const [crv, size] = CURVES[curve];
  if (!name || !equal(name, utf8(curve)) || point?.length !== 1 + 2 * size || point[0] !== 4) {
    return false;
  }
  const [x, y] = [point.slice(1, 1 + size), point.slice(1 + size)].map(base64Url);
  try {
    createPublicKey({ key: { kty: "EC", crv, x, y }, format: "jwk" });
    return true;
  } catch {
    // It is not on the curve.
    return false;
  }
}

function base64Url(bytes: Bytes): string {
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Where the options at the start of `text` end: at the first blank outside quotes; undefined where a quote stays open. */
function endOfOptions(text: string): number | undefined {
  let isQuoted = false;
  let at = 0;
  for (; at < text.length && (isQuoted || !/[ \t]/.test(text[at]!)); at++) {
    if (text.startsWith('\\"', at)) at++;
    else if (text[at] === '"') isQuoted = !isQuoted;
  }
  return isQuoted ? undefined : Math.min(at, text.length);
}

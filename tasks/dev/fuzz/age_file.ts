/**
 * age files made of given keys and numbers, where real ones take random ones: the same file every time, and whoever knows its
 * file key can change the header and make its MAC right again. For samples only.
 *
 * @module
 */
import { armor } from "age-encryption";
import { type Bytes, concat, text, utf8 } from "../../../lib/bytes.ts";
import { nativeRecipient } from "../../../lib/trust/age_native.ts";
import {
  AGE_VERSION,
  base64,
  FILE_KEY_BYTES,
  macOf,
  NONCE_BYTES,
  ONLY_CHUNK_NONCE,
  payloadKey,
  pointOf,
  publicHalf,
  seal,
  wrapKey,
  x25519Secret,
  ZERO_NONCE,
} from "../../../lib/trust/age_x25519.ts";

const FILE_KEY = new Uint8Array(FILE_KEY_BYTES).fill(7);
const NONCE = new Uint8Array(NONCE_BYTES).fill(9);
const EPHEMERAL = x25519Secret(new Uint8Array(32).fill(0x42));
const MAC = /\n---[^\n]*\n/;

/** The header of a file for one recipient, with other stanzas behind; its MAC is that of {@linkcode withMac}. */
export function ageHeader(recipient: string, more: string): string {
  const { public: other, point } = nativeRecipient(recipient)!;
  const share = pointOf(publicHalf(EPHEMERAL));
  const body = seal(wrapKey(EPHEMERAL, other, share, point)!, ZERO_NONCE, FILE_KEY);
  return `${AGE_VERSION}\n-> X25519 ${base64(share)}\n${base64(body)}\n${more}--- \n`;
}

/** The payload behind a header: one chunk. */
export function agePayload(plaintext: Bytes): Bytes {
  return concat([NONCE, seal(payloadKey(FILE_KEY, NONCE), ONLY_CHUNK_NONCE, plaintext)]);
}

/** The header with the MAC that its file key gives it; left alone when its last line can't be found. */
export function withMac(header: Bytes): Bytes {
  let plain: string;
  try {
    plain = text(header);
  } catch {
    return header;
  }
  const at = plain.search(MAC);
  if (at < 0) return header;
  const signed = plain.slice(0, at + 4);
  return utf8(`${signed} ${base64(macOf(FILE_KEY, utf8(signed)))}\n`);
}

/** The file as armored text. */
export function armored(file: Bytes): Bytes {
  return utf8(armor.encode(file));
}

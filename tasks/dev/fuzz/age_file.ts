/**
 * age files made of given keys and numbers, where real ones take random ones: the same file every time, and whoever knows its
 * file key can change the header and make its MAC right again. For samples only.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { type Bytes, concat, text, utf8 } from "../../../lib/bytes.ts";
import { bech32Key } from "../../../lib/trust/bech32.ts";

const VERSION = "age-encryption.org/v1";
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const FILE_KEY = new Uint8Array(16).fill(7);
const NONCE = new Uint8Array(16).fill(9);
const EPHEMERAL = new Uint8Array(32).fill(0x42);
const MAC = /\n---[^\n]*\n/;

/** The header of a file for one recipient, with other stanzas behind; its MAC is that of {@linkcode withMac}. */
export function ageHeader(recipient: string, more: string): string {
  const point = bech32Key(recipient, "age")!;
  const secret = createPrivateKey({
    key: Buffer.concat([PKCS8, EPHEMERAL]),
    format: "der",
    type: "pkcs8",
  });
  const share = pointOf(createPublicKey(secret as never));
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI, point]),
    format: "der",
    type: "spki",
  });
  const shared = diffieHellman({ privateKey: secret, publicKey });
  const salt = concat([share, point]);
  const key = derive(shared, salt, `${VERSION}/X25519`);
  const body = seal(key, new Uint8Array(12), FILE_KEY);
  return `${VERSION}\n-> X25519 ${base64(share)}\n${base64(body)}\n${more}--- \n`;
}

/** The payload behind a header: one chunk. */
export function agePayload(plaintext: Bytes): Bytes {
  const nonce = new Uint8Array(12);
  nonce[11] = 1;
  return concat([NONCE, seal(derive(FILE_KEY, NONCE, "payload"), nonce, plaintext)]);
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
  const key = derive(FILE_KEY, new Uint8Array(), "header");
  const mac = createHmac("sha256", key).update(signed).digest();
  return utf8(`${signed} ${base64(mac)}\n`);
}

/** The file as text, in lines of 64. */
export function armored(file: Bytes): Bytes {
  const lines = Buffer.from(file).toString("base64").match(/.{1,64}/g) ?? [];
  const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} AGE ENCRYPTED FILE-----`);
  return utf8([begin, ...lines, end, ""].join("\n"));
}

function derive(key: Uint8Array, salt: Uint8Array, info: string): Bytes {
  return new Uint8Array(hkdfSync("sha256", key, salt, info, 32));
}

function seal(key: Bytes, nonce: Bytes, plaintext: Bytes): Bytes {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  const body = cipher.update(plaintext);
  cipher.final();
  return concat([body, cipher.getAuthTag()]);
}

function pointOf(key: KeyObject): Bytes {
  return new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(-32));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

/**
 * Target: minisign's public keys, signatures and secret keys. Mutants of signatures are signed anew in part: what is believed
 * must be what the key has signed.
 *
 * A secret key with a passphrase is only looked at: its cost is bounded at what minisign itself takes, a gibibyte.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { type Bytes, concat, utf8 } from "../../../../lib/bytes.ts";
import {
  decodeExactly,
  keyIdHex,
  parsePublicKey,
  parseSignature,
  type PublicKey,
  publicKeyLine,
  TRUSTED_PREFIX,
  verify,
} from "../../../../lib/trust/minisign.ts";
import { isEncrypted, parseSecretKey, sign } from "../../../../lib/trust/minisign_sign.ts";
import { ED25519, ED25519_PUBLIC, ED25519_SECRET, ed25519Sign } from "../keys.ts";
import { type Field, numberAt, type Piece, textPieces } from "../pieces.ts";
import { type Sample, subjectOf } from "../samples.ts";
import { type Input, partOf, type Subject, textOf, WrongAnswer } from "../target.ts";

const KEY = "key.pub", SIGNATURE = "signature", DATA = "data", SECRET = "secret.key";
const CONTENT = utf8("the signed data\n");
const COMMENT = "timestamp:1700000000\tfile:data\thashed";
const SIGNED = sign(CONTENT, ED25519, { trustedComment: COMMENT });

/** The fields of a secret key: costs, and the bytes of the key itself. */
const SECRET_FIELDS: readonly Field[] = [
  numberAt(2, 2, "u16be"),
  numberAt(38, 8, "u64le"),
  numberAt(46, 8, "u64le"),
];
/** Points of small order and numbers above the prime: keys that no honest program makes. */
const ODD_POINTS = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  `ed${"ff".repeat(30)}7f`,
  "ff".repeat(32),
  `02${"00".repeat(31)}`,
];

function keyPieces(): Piece[] {
  const [comment = "", line = ""] = ED25519_PUBLIC.split("\n");
  return [
    ...textPieces(`${comment}\n`),
    ...textPieces(line, [numberAt(10, 8, "u64le")]),
    ...textPieces("\n"),
  ];
}

/** Keys that are points of their own kind. */
function oddKeys(): Sample[] {
  return ODD_POINTS.map((hex) => {
    const key = Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
    const line = publicKeyLine({ keyId: ED25519.keyId, key });
    const parts = { [KEY]: textPieces(`${line}\n`), [SIGNATURE]: textPieces(SIGNED) };
    return { parts, finish: withData };
  });
}

/** The trusted comment signed anew by the right key, so that readers of it are reached. */
function resigned(parts: Input): Input {
  const lines = textOf(parts, SIGNATURE).split("\n");
  try {
    const comment = lines[2]!.slice(TRUSTED_PREFIX.length);
    const signature = decodeBase64(lines[1]!).slice(10);
    lines[3] = encodeBase64(ed25519Sign(concat([signature, utf8(comment)])));
  } catch {
    // Not much of a signature is left.
  }
  return withData(new Map(parts).set(SIGNATURE, utf8(lines.join("\n"))));
}

function withData(parts: Input): Input {
  return new Map(parts).set(DATA, CONTENT);
}

const samples: readonly Sample[] = [
  { parts: { [KEY]: keyPieces(), [SIGNATURE]: textPieces(SIGNED) }, finish: withData },
  { parts: { [SIGNATURE]: textPieces(SIGNED) }, finish: resigned },
  { parts: { [SECRET]: textPieces(ED25519_SECRET, SECRET_FIELDS) } },
];

/** Keys and signatures and how they are changed. */
export function subject(): Subject {
  const whole = subjectOf({ samples, read });
  const odd = subjectOf({ samples: oddKeys(), read });
  return {
    ...whole,
    // Odd keys are refused as they are, or sign nothing: they are no samples, but a good start for mutations.
    mutate: (random, manner) => (random.once(10) ? odd : whole).mutate(random, manner),
  };
}

async function read(input: Input): Promise<unknown> {
  if (input.has(SECRET)) {
    const text = textOf(input, SECRET);
    const isSealed = isEncrypted(text);
    return [isSealed, await parseSecretKey(text)];
  }
  const key = input.has(KEY) ? parsePublicKey(textOf(input, KEY)) : parsePublicKey(ED25519_PUBLIC);
  const signature = textOf(input, SIGNATURE);
  parseSignature(signature, DATA);
  decodeExactly(signature.split("\n")[1] ?? "", 74);
  const data = partOf(input, DATA);
  const verified = verify(data, signature, [key], DATA);
  checkBelieved(data, key);
  return [keyIdHex(verified.key), verified.trustedComment];
}

/** The right key has signed this content alone; comments it signs as they come. */
function checkBelieved(data: Bytes, key: PublicKey): void {
  if (encodeBase64(data) !== encodeBase64(CONTENT)) throw new WrongAnswer("it believes other data");
  if (encodeBase64(key.key) !== encodeBase64(ED25519.key)) {
    throw new WrongAnswer("it believes another key's signature");
  }
}

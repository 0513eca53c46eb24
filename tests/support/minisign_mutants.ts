/**
 * Keys, signature files and data that are right or wrong in one or two ways, by grammar (each field, each line end, each bound,
 * points and numbers of the curve) and by bytes; the same at every run.
 */
import { createPrivateKey, sign as signEd25519 } from "node:crypto";
import { Buffer } from "node:buffer";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { encodeBase64 } from "@std/encoding/base64";
import { type Bytes, concat, utf8 } from "../../lib/bytes.ts";
import { prehash } from "../../lib/trust/minisign.ts";
import { secretKey } from "../../lib/trust/minisign_sign.ts";
import { Random } from "../../tasks/dev/fuzz/random.ts";

/** What a verifier is given. */
export interface Mutant {
  /** What was done, for messages and for the table of differences. */
  marks: string[];
  publicKey: Bytes;
  signature: Bytes;
  data: Bytes;
}

const SEED = new Uint8Array(32).fill(9);
const KEY = secretKey(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), SEED);
const PRIVATE = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), SEED]),
  format: "der",
  type: "pkcs8",
});
const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const TORSION = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
const DATA = [utf8(""), utf8("hello"), new Uint8Array(5000).fill(7)];

/** The fields of a key file and a signature file before they are written down. */
interface Fields {
  marks: string[];
  data: Bytes;
  /** What is verified in place of `data`. */
  shown: Bytes;
  keyAlgorithm: string;
  keyId: Bytes;
  key: Bytes;
  /** Of the key file: lines before the key, behind it. */
  keyComment: Bytes;
  keyTail: string;
  algorithm: string;
  signedBy: Bytes;
  untrusted: Bytes;
  trusted: Bytes;
  /** Fit `key`, if it is not the usual one. */
  scalar?: bigint;
  /** Changes the signature's two halves once it is made. */
  spoil?: (signature: Bytes) => Bytes;
  spoilGlobal?: (signature: Bytes) => Bytes;
  /** Writes 74 or 64 bytes. */
  base64: (bytes: Uint8Array) => string;
  keyBase64: (bytes: Uint8Array) => string;
  prefixes: [string, string];
  ends: string[];
  keyEnds: string[];
  tail: string;
  /** Lines of the signature file in the order in which they are written. */
  order: number[];
}

function usual(random: Random): Fields {
  const data = random.pick(DATA);
  return {
    marks: [],
    data,
    shown: data,
    keyAlgorithm: "Ed",
    keyId: KEY.keyId,
    key: KEY.key,
    keyComment: utf8("untrusted comment: minisign public key"),
    keyTail: "",
    algorithm: "ED",
    signedBy: KEY.keyId,
    untrusted: utf8("signature from minisign secret key"),
    trusted: utf8("timestamp:1\tfile:x\thashed"),
    base64: encodeBase64,
    keyBase64: encodeBase64,
    prefixes: ["untrusted comment: ", "trusted comment: "],
    ends: ["\n", "\n", "\n", "\n"],
    keyEnds: ["\n", "\n"],
    tail: "",
    order: [0, 1, 2, 3],
  };
}

type Change = (fields: Fields, random: Random) => string;

/** Points that are on the edge of what is a key, or the half of a signature. */
const POINTS: [string, () => Bytes][] = [
  ...Array.from({ length: 8 }, (_, i): [string, () => Bytes] => [
    "small order",
    () => new Uint8Array(TORSION.multiplyUnsafe(BigInt(i)).toBytes()),
  ]),
  ["overlong", () => new Uint8Array(32).fill(0xff).with(0, 0xee).with(31, 0x7f)],
  ["overlong", () => new Uint8Array(32).fill(0xff).with(0, 0xed).with(31, 0xff)],
  ["overlong", () => new Uint8Array(32).fill(0xff)],
  ["no point", () => new Uint8Array(32).with(0, 2)],
  ["negative zero", () => new Uint8Array(32).with(0, 1).with(31, 0x80)],
];

const flip = (bytes: Bytes, random: Random) => {
  const at = random.below(bytes.length);
  return bytes.with(at, bytes[at]! ^ 1 << random.below(8));
};
const spelled = (random: Random): [string, (bytes: Uint8Array) => string] =>
  random.pick<[string, (bytes: Uint8Array) => string]>([
    [
      "spare bits",
      (bytes) =>
        encodeBase64(bytes).replace(
          /[AQgw](?==+$)|[AEIMQUYcgkosw048](?==$)/,
          (last) => String.fromCharCode(last.charCodeAt(0) + 1),
        ),
    ],
    ["no padding", (bytes) => encodeBase64(bytes).replace(/=+$/, "")],
    ["more padding", (bytes) => `${encodeBase64(bytes)}=`],
    ["a byte more", (bytes) => encodeBase64(Uint8Array.of(...bytes, 0))],
    ["a byte less", (bytes) => encodeBase64(bytes.slice(0, -1))],
    ["other letters", (bytes) => encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_")],
    ["a blank before", (bytes) => ` ${encodeBase64(bytes)}`],
    ["a blank behind", (bytes) => `${encodeBase64(bytes)} `],
    ["a zero byte", (bytes) => `${encodeBase64(bytes)}\0`],
    ["an inner line end", (bytes) => encodeBase64(bytes).replace(/^.{20}/, "$&\n")],
  ]);
const text = (random: Random): [string, Bytes] =>
  random.pick<[string, Bytes]>([
    ["no comment", utf8("")],
    ["tabs", utf8("a\tb\t")],
    ["letters of the world", utf8("ä ß 字 \u{1f600}")],
    ["controls", utf8(`a${String.fromCharCode(random.pick([0, 1, 7, 8, 11, 12, 27, 31, 127]))}b`)],
    ["an inner carriage return", utf8("a\rb")],
    ["controls", utf8("a\x85b")],
    ["line separators", utf8("a\u2028b")],
    ["no UTF-8", Uint8Array.of(0x61, random.pick([0x80, 0xc0, 0xff, 0xed]), 0x62)],
    ["a byte order mark", utf8("\ufeffa")],
  ]);
const long = (most: number, random: Random) => new Uint8Array(most - 3 + random.below(7)).fill(120);
const lineEnd = (random: Random) =>
  random.pick(["\r\n", "\r\n", "\r\r\n", "\r", "", "\n\n", " \n"]);

const CHANGES: Change[] = [
  (f, r) => (f.shown = f.shown.length === 0 ? utf8("x") : flip(f.shown, r), "data changed"),
  (f) => (f.shown = f.shown.slice(1), "data cut"),
  (f, r) => (f.signedBy = flip(f.signedBy, r), "key id changed"),
  (f, r) => (f.keyId = flip(f.keyId, r), "key id changed"),
  (f, r) => (f.algorithm = r.pick(["Ed", "Ed", "eD", "EE", "\0\0"]), `algorithm ${f.algorithm}`),
  (f, r) => (f.keyAlgorithm = r.pick(["ED", "ed", "Sc"]), "key algorithm"),
  (f, r) => (f.key = flip(f.key, r), "key changed"),
  (f, r) => {
    const [mark, point] = r.pick(POINTS);
    f.key = point();
    // For such a key a signature by the number nought would hold.
    f.scalar = 0n;
    return `key ${mark}`;
  },
  (f, r) => {
    const [mark, point] = r.pick(POINTS);
    f.spoil = (signature) => concat([point(), signature.subarray(32)]);
    return `half ${mark}`;
  },
  (f) => {
    // A signature of the usual key with the neutral point as its first half, which fits.
    const fit = (message: Bytes) => fitting(Point.ZERO, 0n, message);
    f.spoil = () => fit(prehash(f.data));
    f.spoilGlobal = () => fit(concat([fit(prehash(f.data)), f.trusted]));
    return "half small order that fits";
  },
  (f) => {
    // A key with a part of small order: whether a signature fits depends on chance.
    f.key = new Uint8Array(Point.fromBytes(KEY.key).add(TORSION).toBytes());
    f.scalar = secretScalar();
    return "key of mixed order";
  },
  (f, r) => {
    const more = BigInt(1 + r.below(3)) * ORDER;
    f.spoil = (signature) => withNumber(signature, (number) => number + more);
    return "number too large";
  },
  (
    f,
  ) => (f.spoilGlobal = (signature) => withNumber(signature, (number) => number + ORDER),
    "number too large"),
  (f, r) => (f.spoil = (signature) => flip(signature, r), "signature changed"),
  (f, r) => (f.spoilGlobal = (signature) => flip(signature, r), "global signature changed"),
  (f, r) => {
    const [mark, spelling] = spelled(r);
    f.base64 = spelling;
    return `base64: ${mark}`;
  },
  (f, r) => {
    const [mark, spelling] = spelled(r);
    f.keyBase64 = spelling;
    return `key base64: ${mark}`;
  },
  (f, r) => {
    const [mark, comment] = text(r);
    f.untrusted = comment;
    return `untrusted: ${mark}`;
  },
  (f, r) => {
    const [mark, comment] = text(r);
    f.trusted = comment;
    return `trusted: ${mark}`;
  },
  (f, r) => {
    const [mark, comment] = text(r);
    f.keyComment = comment;
    return `key comment: ${mark}`;
  },
  (f, r) => (f.untrusted = long(1004, r), `untrusted of ${f.untrusted.length}`),
  (f, r) => (f.trusted = long(8174, r), `trusted of ${f.trusted.length}`),
  (f, r) => (f.keyComment = long(1022, r), `key comment of ${f.keyComment.length}`),
  (f, r) => {
    const i = r.below(2);
    const prefix = f.prefixes[i]!;
    f.prefixes[i] = r.pick([
      prefix.trimEnd(),
      prefix.toUpperCase(),
      ` ${prefix}`,
      "",
      prefix.slice(1),
    ]);
    return "prefix";
  },
  (f, r) => {
    f.ends[r.below(4)] = lineEnd(r);
    return "line end";
  },
  (f) => (f.ends = f.ends.map(() => "\r\n"), "line ends of DOS"),
  (f, r) => {
    f.keyEnds[r.below(2)] = lineEnd(r);
    return "key line end";
  },
  (f) => (f.keyEnds = f.keyEnds.map(() => "\r\n"), "line ends of DOS"),
  (f, r) => {
    const tail = r.pick(["\n", "\r\n", "\n\n\n", " \n", "\t", "x", "x\n", "\nx\n", "\0"]);
    f.tail = tail;
    return /^\s*$/.test(tail) ? "blank tail" : "tail";
  },
  (f, r) => {
    const tail = r.pick(["\n", "\r\n", "\n\n\n", " \n", "x", "x\n", "\nx\n"]);
    f.keyTail = tail;
    return /^\s*$/.test(tail) ? "blank tail" : "key tail";
  },
  (f, r) => {
    const [a, b] = [r.below(4), r.below(4)];
    f.order = r.pick([
      f.order.map((line) => line === a ? b : line === b ? a : line),
      f.order.filter((line) => line !== a),
      f.order.flatMap((line) => line === a ? [line, line] : [line]),
    ]);
    return "lines in another order";
  },
];

/** The number by which Ed25519 signs (RFC 8032, section 5.1.5). */
function secretScalar(): bigint {
  const half = sha512(SEED).slice(0, 32);
  half[0]! &= 248;
  half[31] = half[31]! & 127 | 64;
  return numberOf(half);
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function bytesOf(number: bigint): Bytes {
  const hex = (number % (1n << 256n)).toString(16).padStart(64, "0");
  return new Uint8Array(Buffer.from(hex, "hex").reverse());
}

function withNumber(signature: Bytes, change: (number: bigint) => bigint): Bytes {
  return concat([signature.subarray(0, 32), bytesOf(change(numberOf(signature.subarray(32))))]);
}

/** The signature with the first half `half` = `nonce` times the base point that the key's owner could make. */
function fitting(
  half: InstanceType<typeof Point>,
  nonce: bigint,
  message: Uint8Array,
  key = KEY.key,
  scalar = secretScalar(),
): Bytes {
  const first = half.toBytes();
  const hash = numberOf(sha512(concat([first, key, message]))) % ORDER;
  return concat([first, bytesOf((nonce + hash * scalar) % ORDER)]);
}

function signWith({ key, scalar }: Fields, message: Uint8Array, random: Random): Bytes {
  if (scalar === undefined) return new Uint8Array(signEd25519(null, message, PRIVATE));
  const nonce = BigInt(random.next()) + 1n;
  return fitting(Point.BASE.multiply(nonce), nonce, message, key, scalar);
}

function written(fields: Fields, random: Random): Mutant {
  const { data, algorithm, trusted, prefixes, ends, keyEnds } = fields;
  const message = algorithm === "Ed" ? data : prehash(data);
  const made = signWith(fields, message, random);
  const signature = fields.spoil?.(made) ?? made;
  const global = signWith(fields, concat([signature, trusted]), random);
  const lines = [
    concat([utf8(prefixes[0]), fields.untrusted]),
    utf8(fields.base64(concat([utf8(algorithm), fields.signedBy, signature]))),
    concat([utf8(prefixes[1]), trusted]),
    utf8(fields.base64(fields.spoilGlobal?.(global) ?? global)),
  ];
  const key = concat([utf8(fields.keyAlgorithm), fields.keyId, fields.key]);
  return {
    marks: fields.marks,
    publicKey: concat([
      ...[fields.keyComment, utf8(keyEnds[0]!), utf8(fields.keyBase64(key))],
      ...[utf8(keyEnds[1]!), utf8(fields.keyTail)],
    ]),
    signature: concat([
      ...fields.order.flatMap((line, i) => [lines[line]!, utf8(ends[i] ?? "\n")]),
      utf8(fields.tail),
    ]),
    data: fields.shown,
  };
}

/** One change of the bytes of a file. */
function byBytes(bytes: Bytes, random: Random): Bytes {
  const at = random.below(bytes.length);
  const rest = bytes.subarray(at);
  switch (random.below(5)) {
    case 0:
      return bytes.with(at, random.below(256));
    case 1:
      return concat([bytes.subarray(0, at), rest.subarray(1)]);
    case 2:
      return concat([bytes.subarray(0, at), Uint8Array.of(random.below(256)), rest]);
    case 3:
      return concat([bytes.subarray(0, at), rest.subarray(0, 1 + random.below(20)), rest]);
    default:
      return bytes.slice(0, at);
  }
}

/** `count` of them. */
export function minisignMutants(count: number, seed: number): Mutant[] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, i);
    const fields = usual(random);
    const changes = random.pick([0, 1, 1, 1, 1, 2]);
    // The first of them are each of the changes alone.
    const first = i < CHANGES.length * 8 ? [CHANGES[i % CHANGES.length]!] : [];
    const more = Array.from({ length: first.length > 0 ? 0 : changes }, () => random.pick(CHANGES));
    for (const change of [...first, ...more]) fields.marks.push(change(fields, random));
    const mutant = written(fields, random);
    if (first.length > 0 || changes > 1 || !random.once(3)) return mutant;
    mutant.marks.push("bytes");
    return random.once(2)
      ? { ...mutant, signature: byBytes(mutant.signature, random) }
      : { ...mutant, publicKey: byBytes(mutant.publicKey, random) };
  });
}

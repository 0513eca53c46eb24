import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import {
  formatPublicKey,
  keyIdHex,
  MAX_COMMENT_BYTES,
  MAX_PUBLIC_KEY_BYTES,
  MAX_SIGNATURE_BYTES,
  MAX_TRUSTED_COMMENT_BYTES,
  parsePublicKey,
  parseSignature,
  prehash,
  prehashChunks,
  publicKeyLine,
  verify,
} from "../../../lib/trust/minisign.ts";
import { publicKeyOf, sign } from "../../../lib/trust/minisign_sign.ts";
import { testKey } from "../../support/signed_site.ts";

// Made with the C program 0.11: minisign -G -W; echo hi > f; minisign -S -m f -t "hello there".
const KEY_FILE = `untrusted comment: minisign public key C2F466FE4F9C367F
RWR/NpxP/mb0wteFJ09FIfMq5xN8Zdnab5/Sk5GstASSo/YqRpu83q9u
`;
const SIGNATURE = `untrusted comment: signature from minisign secret key
RUR/NpxP/mb0wj0DF+MJkB4VW00Byko0cy4nEE9AzlmaBfaZURuwldlp/Rdu8KjzH9aKCEe8ZF3QeI8/sfpV+9St7sTXIDFS/w8=
trusted comment: hello there
qQ/qKEVbEHPOsFnRJ1d9E14bmsLCsQa+43JiQcr30AQ0KDTptw0AmdJiiqd/4xBwEuqkifq9/GBJL3A18aJUBw==
`;
const DATA = utf8("hi\n");
const KEY = parsePublicKey(KEY_FILE);

function refusedCheck(body: () => unknown): string {
  return assertThrows(body, RefusedError).check;
}

Deno.test("verify() accepts what the C program signed", () => {
  const { trustedComment, key } = verify(DATA, SIGNATURE, [publicKeyOf(testKey("x")), KEY]);
  assertEquals(trustedComment, "hello there");
  assertEquals(key, KEY);
  verify(DATA, SIGNATURE.trimEnd(), [KEY]);
  verify(DATA, SIGNATURE.replaceAll("\n", "\r\n"), [KEY]);
});

Deno.test("verify() refuses other data, another comment, another key", () => {
  assertEquals(refusedCheck(() => verify(utf8("ho\n"), SIGNATURE, [KEY])), "signature");
  const comment = SIGNATURE.replace("hello there", "hello where");
  assertEquals(refusedCheck(() => verify(DATA, comment, [KEY])), "signature");
  const error = assertThrows(
    () => verify(DATA, SIGNATURE, [publicKeyOf(testKey("x"))], "site.json"),
    RefusedError,
  );
  assertEquals([error.check, error.document], ["key", "site.json"]);
  assertEquals(
    error.message,
    "Cannot verify site.json: it is signed by key C2F466FE4F9C367F, expected 2E2E2E2E2E2E2E78",
  );
  assertEquals(refusedCheck(() => verify(DATA, SIGNATURE, [])), "key");
  const sameId = { keyId: KEY.keyId, key: testKey("x").key };
  assertEquals(refusedCheck(() => verify(DATA, SIGNATURE, [sameId])), "signature");
  verify(DATA, SIGNATURE, [sameId, KEY]);
});

Deno.test("verify() refuses a legacy signature even when it holds", () => {
  // "ED" to "Ed" in the algorithm field.
  const legacy = SIGNATURE.replace("\nRUR", "\nRWR");
  const error = assertThrows(() => verify(DATA, legacy, [KEY]), RefusedError);
  assertEquals(error.check, "algorithm");
  assertStringIncludes(error.message, "legacy");
  assertEquals(
    refusedCheck(() => verify(DATA, SIGNATURE.replace("\nRUR", "\nRVR"), [KEY])),
    "algorithm",
  );
});

Deno.test("verify() refuses every changed character but those of the untrusted comment", () => {
  const start = SIGNATURE.indexOf("\n") + 1;
  for (let at = start; at < SIGNATURE.length - 1; at++) {
    const other = SIGNATURE[at] === "A" ? "B" : "A";
    const bad = SIGNATURE.slice(0, at) + other + SIGNATURE.slice(at + 1);
    assertThrows(() => verify(DATA, bad, [KEY]), RefusedError, undefined, `character ${at}`);
  }
});

Deno.test("parseSignature() refuses what is cut, padded or not canonical", () => {
  const lines = SIGNATURE.trimEnd().split("\n");
  const bad = [
    "",
    lines.slice(0, 3).join("\n"),
    [...lines, "more"].join("\n"),
    SIGNATURE.replace("\n", "\n\n"),
    SIGNATURE.replace("untrusted comment: ", "comment: "),
    SIGNATURE.replace("\ntrusted comment: ", "\ntrusted: "),
    SIGNATURE.replace("hello there", "hello\0there"),
    SIGNATURE.replace("hello there", "hello\rthere"),
    SIGNATURE.replace("hello there", "hello\u2028there"),
    SIGNATURE.replace("w8=\n", "w8\n"),
    SIGNATURE.replace("w8=\n", "w9=\n"),
    SIGNATURE.replace("w8=\n", "w8= \n"),
    SIGNATURE.replace("UBw==", "UBx=="),
    SIGNATURE.replace("hello there", "x".repeat(MAX_TRUSTED_COMMENT_BYTES)),
    SIGNATURE.replace("signature from", "x".repeat(MAX_COMMENT_BYTES)),
    "x".repeat(MAX_SIGNATURE_BYTES + 1),
  ];
  for (const text of bad) {
    assertEquals(refusedCheck(() => parseSignature(text)), "malformed", text.slice(0, 400));
  }
});

Deno.test("parseSignature() and parsePublicKey() let blank lines at the end pass, as minisign does", () => {
  for (const end of ["\n", "\n\n", "\r\n", " \n", "\n\t"]) {
    assertEquals(parseSignature(SIGNATURE + end), parseSignature(SIGNATURE));
    assertEquals(parsePublicKey(KEY_FILE + end), parsePublicKey(KEY_FILE));
  }
  assertEquals(parsePublicKey(`a comment\n${KEY_FILE.split("\n")[1]}`), parsePublicKey(KEY_FILE));
});

Deno.test("parsePublicKey() refuses what is no point, and points that are no keys", () => {
  const order8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
  const bad = {
    "no point of the curve": `02${"00".repeat(31)}`,
    "a coordinate that is too large": "ff".repeat(32),
    "the neutral point": `01${"00".repeat(31)}`,
    "a point of order 8": order8,
    "its negative": `${order8.slice(0, -2)}85`,
  };
  for (const [what, hex] of Object.entries(bad)) {
    const key = Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
    const line = publicKeyLine({ keyId: new Uint8Array(8), key });
    const error = assertThrows(() => parsePublicKey(line), UserError);
    assertEquals(error.state, "its key is no point of Ed25519 that could sign anything", what);
  }
});

Deno.test("verify() gives nothing out before both signatures hold", () => {
  const bad = SIGNATURE.replace("hello there", "SECRET-LOOKING");
  const error = assertThrows(() => verify(DATA, bad, [KEY]), RefusedError);
  assertEquals(error.message.includes("SECRET-LOOKING"), false);
});

Deno.test("parsePublicKey() reads a key file and a bare key line", () => {
  const line = KEY_FILE.split("\n")[1]!;
  assertEquals(publicKeyLine(KEY), line);
  assertEquals(parsePublicKey(line), KEY);
  assertEquals(parsePublicKey(`${line}\r\n`), KEY);
  assertEquals(formatPublicKey(KEY), KEY_FILE);
  assertEquals(parsePublicKey(formatPublicKey(KEY, "mine")), KEY);
});

Deno.test("parsePublicKey() refuses anything else", () => {
  const line = KEY_FILE.split("\n")[1]!;
  const bad = [
    "",
    "hello",
    line.slice(1),
    `${line}AAAA`,
    line.replace(/^RW/, "RU"),
    `${KEY_FILE}${line}\n`,
    `\n\n${line}`,
    " ".repeat(MAX_PUBLIC_KEY_BYTES + 1),
  ];
  for (const text of bad) assertThrows(() => parsePublicKey(text), UserError, "Cannot read");
});

Deno.test("formatPublicKey() refuses a comment that would not stay on its line", () => {
  assertThrows(() => formatPublicKey(KEY, "a\nb"), UserError);
  assertThrows(() => formatPublicKey(KEY, "x".repeat(MAX_COMMENT_BYTES)), UserError);
});

Deno.test("keyIdHex() is the C program's number, without leading zeros", () => {
  assertEquals(keyIdHex(KEY), "C2F466FE4F9C367F");
  assertEquals(keyIdHex({ keyId: new Uint8Array([0x7f, 0x36, 1, 0, 0, 0, 0, 0]) }), "1367F");
  assertEquals(keyIdHex({ keyId: new Uint8Array(8) }), "0");
});

Deno.test("prehashChunks() is prehash() whatever the pieces", async () => {
  const data = new Uint8Array(1000).map((_, i) => i);
  async function* pieces(size: number) {
    for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
  }
  for (const size of [1, 7, 128, 999, 1000]) {
    assertEquals(await prehashChunks(pieces(size)), prehash(data));
  }
});

Deno.test("verify() refuses every flipped bit of small data", () => {
  const key = testKey("bits");
  const data = utf8("abc");
  const signature = sign(data, key, { trustedComment: "x" });
  for (let bit = 0; bit < 24; bit++) {
    const bad = data.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assertEquals(refusedCheck(() => verify(bad, signature, [publicKeyOf(key)])), "signature");
  }
  for (const other of [utf8(""), utf8("ab"), utf8("abcd")]) {
    assertEquals(refusedCheck(() => verify(other, signature, [publicKeyOf(key)])), "signature");
  }
});

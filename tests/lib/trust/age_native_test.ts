import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Decrypter, Encrypter } from "age-encryption";
import { utf8 } from "../../../lib/bytes.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import {
  decryptNative,
  encryptNative,
  MAX_NATIVE_BYTES,
  nativeIdentity,
  nativeRecipient,
  parseHeader,
} from "../../../lib/trust/age_native.ts";

const ONE = await generateIdentity();
const TWO = await generateIdentity();
const HYBRID = await generateIdentity({ postQuantum: true });
const keys = [nativeIdentity(ONE.identity)!, nativeIdentity(TWO.identity)!];
const recipients = [nativeRecipient(ONE.recipient)!, nativeRecipient(TWO.recipient)!];
const SIZES = [0, 1, 15, 16, 17, 4096, MAX_NATIVE_BYTES - 1, MAX_NATIVE_BYTES];

Deno.test("the package decrypts what encryptNative() made, for each recipient", async () => {
  for (const size of SIZES) {
    const plain = new Uint8Array(size).map((_, i) => i * 7);
    const file = encryptNative(recipients, plain, ["psyopsos/test", "a", "b"])!;
    for (const { identity } of [ONE, TWO]) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      assertEquals(new Uint8Array(await decrypter.decrypt(file)), plain);
    }
  }
});

Deno.test("decryptNative() decrypts what the package made, whichever stanza is ours", async () => {
  for (const size of SIZES) {
    const plain = new Uint8Array(size).map((_, i) => i * 11);
    const encrypter = new Encrypter();
    for (const { recipient } of [HYBRID, ONE, TWO]) encrypter.addRecipient(recipient);
    const file = await encrypter.encrypt(plain);
    for (const key of keys) assertEquals(decryptNative([key], file), plain);
    assertEquals(
      decryptNative([nativeIdentity((await generateIdentity()).identity)!], file),
      undefined,
    );
  }
});

Deno.test("longer files and other keys are left to the package", async () => {
  assertEquals(encryptNative(recipients, new Uint8Array(MAX_NATIVE_BYTES + 1)), undefined);
  assertEquals(encryptNative([], utf8("x")), undefined);
  assertEquals(nativeIdentity(HYBRID.identity), undefined);
  assertEquals(nativeRecipient(HYBRID.recipient), undefined);
  const encrypter = new Encrypter();
  encrypter.addRecipient(ONE.recipient);
  const long = await encrypter.encrypt(new Uint8Array(MAX_NATIVE_BYTES + 1));
  assertEquals(decryptNative(keys, long), undefined);
});

Deno.test("decryptNative() gives nothing for any flipped bit or cut", () => {
  const file = encryptNative(recipients.slice(0, 1), utf8("secret"), ["psyopsos/test", "x"])!;
  for (let at = 0; at < file.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = file.slice();
      bad[at]! ^= 1 << bit;
      assertEquals(decryptNative(keys, bad), undefined, `byte ${at}, bit ${bit}`);
    }
    assertEquals(decryptNative(keys, file.slice(0, at)), undefined, `cut at ${at}`);
  }
  assertEquals(decryptNative(keys, new Uint8Array([...file, 0])), undefined);
});

Deno.test("decryptNative() refuses a share of low order", () => {
  const file = encryptNative(recipients.slice(0, 1), utf8("secret"))!;
  const zero = "A".repeat(43);
  const text = new TextDecoder("latin1").decode(file).replace(/X25519 \S+/, `X25519 ${zero}`);
  const bad = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  let outcome: unknown;
  try {
    outcome = decryptNative(keys, bad);
  } catch (error) {
    outcome = error;
  }
  assertEquals(outcome, undefined);
});

Deno.test("two encryptions of the same are different in share, key and nonce", () => {
  const [a, b] = [encryptNative(recipients, utf8("x"))!, encryptNative(recipients, utf8("x"))!];
  assertNotEquals(a, b);
  const [one, two] = [parseHeader(a)!, parseHeader(b)!];
  assert(one.stanzas.every(({ args }, i) => args[1] !== two.stanzas[i]!.args[1]));
  assertNotEquals(a.slice(one.end, one.end + 16), b.slice(two.end, two.end + 16));
});

import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Encrypter } from "age-encryption";
import { type Bytes, text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import {
  decryptWith,
  encryptTo,
  isRecipient,
  MAX_AGE_BYTES,
  MAX_IDENTITY_BYTES,
  MAX_KEYS,
  parseIdentityFile,
} from "../../../lib/trust/age.ts";
import { formatIdentityFile, generateIdentity } from "../../../lib/trust/age_keygen.ts";

const ONE = await generateIdentity();
const TWO = await generateIdentity();

async function refusedCheck(identities: string[], ciphertext: Uint8Array): Promise<string> {
  return (await assertRejects(() => decryptWith(identities, ciphertext), RefusedError)).check;
}

Deno.test("decryptWith() gives what encryptTo() took", async () => {
  for (const size of [0, 1, 65_535, 65_536, 65_537]) {
    const plain = new Uint8Array(size).map((_, i) => i * 7);
    const ciphertext = await encryptTo([ONE.recipient, TWO.recipient], plain);
    assertEquals(await decryptWith([ONE.identity], ciphertext), plain);
    assertEquals(await decryptWith([TWO.identity], ciphertext), plain);
    assertNotEquals(
      await encryptTo([ONE.recipient], plain),
      await encryptTo([ONE.recipient], plain),
    );
  }
});

Deno.test("decryptWith() tells 'for somebody else' from 'damaged'", async () => {
  const ciphertext = await encryptTo([ONE.recipient], utf8("secret"));
  assertEquals(await refusedCheck([TWO.identity], ciphertext), "recipient");
  assertEquals(await refusedCheck([ONE.identity], utf8("nothing")), "malformed");
  assertEquals(await refusedCheck([ONE.identity], ciphertext.slice(0, 60)), "malformed");
  assertEquals(await refusedCheck([ONE.identity], ciphertext.slice(0, -1)), "malformed");
  assertEquals(await refusedCheck([ONE.identity], new Uint8Array([...ciphertext, 0])), "malformed");
});

Deno.test("decryptWith() refuses every flipped bit", async () => {
  const ciphertext = await encryptTo([ONE.recipient], utf8("secret"));
  for (let at = 0; at < ciphertext.length; at++) {
    const bad: Bytes = ciphertext.slice();
    bad[at]! ^= 1 << (at % 8);
    await refusedCheck([ONE.identity], bad);
  }
});

Deno.test("decryptWith() refuses files for a passphrase", async () => {
  const encrypter = new Encrypter();
  encrypter.setPassphrase("p");
  encrypter.setScryptWorkFactor(2);
  assertEquals(await refusedCheck([ONE.identity], await encrypter.encrypt("x")), "recipient");
});

Deno.test("decryptWith() and encryptTo() refuse more than their bounds", async () => {
  const long = new Uint8Array(MAX_AGE_BYTES + 1);
  assertEquals(await refusedCheck([ONE.identity], long), "size");
  await assertRejects(() => encryptTo([ONE.recipient], long), UserError, "longer");
  const many = Array(MAX_KEYS + 1).fill(ONE.recipient);
  await assertRejects(() => encryptTo(many, utf8("x")), UserError, "recipients");
  await assertRejects(() => encryptTo([], utf8("x")), UserError, "no recipient");
  await assertRejects(
    () => encryptTo(["age1x"], utf8("x")),
    UserError,
    "age1x is no age recipient",
  );
});

Deno.test("isRecipient() knows recipients from anything else", () => {
  assert(isRecipient(ONE.recipient));
  const end = ONE.recipient.endsWith("q") ? "p" : "q";
  for (
    const text of [
      "",
      "age1",
      ONE.identity,
      ONE.recipient.toUpperCase(),
      ONE.recipient.slice(0, -1) + end,
      ` ${ONE.recipient}`,
      "ssh-ed25519 AAAA",
    ]
  ) assertFalse(isRecipient(text), text);
});

Deno.test("parseIdentityFile() reads what formatIdentityFile() wrote, comments and several keys", () => {
  assertEquals(parseIdentityFile(formatIdentityFile(ONE)).keys, [ONE.identity]);
  const two = `# created: x\r\n\n  ${ONE.identity}  \r\n# second\n${TWO.identity}`;
  assertEquals(parseIdentityFile(two).keys, [ONE.identity, TWO.identity]);
});

Deno.test("parseIdentityFile() names the line, never its text", () => {
  const bad = ONE.identity.slice(0, -1) + (ONE.identity.endsWith("Q") ? "P" : "Q");
  for (const [file, line] of [[`# x\n${bad}\n`, 2], [ONE.recipient, 1], ["hello", 1]] as const) {
    const error = assertThrows(() => parseIdentityFile(file), UserError);
    assertEquals(
      error.message,
      `Cannot read the age identity: line ${line} is no age secret key`,
    );
    assertFalse(error.stack?.includes(bad) ?? false);
  }
  assertThrows(() => parseIdentityFile(""), UserError, "no secret key");
  assertThrows(() => parseIdentityFile("#".repeat(MAX_IDENTITY_BYTES + 1)), UserError, "longer");
  const many = `${ONE.identity}\n`.repeat(MAX_KEYS + 1);
  assertThrows(() => parseIdentityFile(many), UserError, "more than");
});

Deno.test("generateIdentity() makes another X25519 key each time", async () => {
  const { identity, recipient } = await generateIdentity();
  assertNotEquals(identity, ONE.identity);
  assertEquals(recipient.length, 62);
  const ciphertext = await encryptTo([recipient], utf8("hi"));
  assertEquals(text(await decryptWith([identity], ciphertext)), "hi");
});

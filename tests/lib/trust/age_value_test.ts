import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { armor, Encrypter } from "age-encryption";
import { encodeBase64 } from "@std/encoding/base64";
import { text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import {
  isArmored,
  MAX_VALUE_BYTES,
  Opener,
  recipientFingerprint,
  recipientState,
  Sealer,
  valueHeader,
} from "../../../lib/trust/age_value.ts";

const ONE = await generateIdentity();
const TWO = await generateIdentity();
const PQ = [
  await generateIdentity({ postQuantum: true }),
  await generateIdentity({ postQuantum: true }),
];

for (const [kind, pairs] of [["X25519", [ONE, TWO]], ["mlkem768x25519", PQ]] as const) {
  Deno.test(`a value for ${kind} recipients is opened by each, and says for whom it is`, async () => {
    const recipients = pairs.map(({ recipient }) => recipient);
    const sealer = new Sealer(recipients);
    for (const plain of ["", "x", "two\nlines\n", "Ümläut", "y".repeat(70_000)]) {
      const armored = await sealer.seal(utf8(plain));
      assertEquals(isArmored(armored), true);
      for (const { identity } of pairs) {
        assertEquals(text(await new Opener([identity]).open(armored)), plain);
      }
      assertEquals(valueHeader(armored), {
        kinds: [kind, kind],
        recipients: recipients.map(recipientFingerprint).sort(),
      });
      assertEquals(recipientState(armored, recipients.toReversed()), "current");
      assertEquals(recipientState(armored, recipients.slice(1)), "other");
      assertEquals(recipientState(armored, [...recipients, ONE.recipient]), "other");
    }
  });
}

Deno.test("a sealed value holds its text in no spelling, and never looks the same twice", async () => {
  const sealer = new Sealer([ONE.recipient]);
  for (const plain of ["hunter2 is the password", "y".repeat(70_000)]) {
    const [first, second] = [await sealer.seal(utf8(plain)), await sealer.seal(utf8(plain))];
    const opened = new TextDecoder("latin1").decode(armor.decode(first));
    for (const part of [plain.slice(0, 12), encodeBase64(plain.slice(0, 12)).slice(0, 12)]) {
      assertEquals([first.includes(part), opened.includes(part)], [false, false], part);
    }
    assertNotEquals(first, second);
  }
});

Deno.test("a value that another program made does not say for whom it is", async () => {
  const encrypter = new Encrypter();
  encrypter.addRecipient(ONE.recipient);
  const armored = armor.encode(await encrypter.encrypt("secret"));
  assertEquals(recipientState(armored, [ONE.recipient]), "unknown");
  assertEquals(text(await new Opener([ONE.identity]).open(armored)), "secret");
});

Deno.test("a value that claims fewer recipients than it has is not current", async () => {
  const encrypter = new Encrypter();
  for (const { recipient } of [ONE, TWO]) encrypter.addRecipient(recipient);
  const honest = await new Sealer([ONE.recipient]).seal(utf8("x"));
  const [note] = new TextDecoder("latin1").decode(armor.decode(honest))
    .match(/-> psyopsos\/recipients \S+\n\n/)!;
  // A second stanza, and the claim of the first recipient alone: the kinds don't fit.
  const file = new TextDecoder("latin1").decode(await encrypter.encrypt("x"))
    .replace("--- ", `${note}--- `);
  const forged = armor.encode(Uint8Array.from(file, (letter) => letter.charCodeAt(0)));
  assertEquals(recipientState(forged, [ONE.recipient]), "other");
  // And whoever can't decrypt it can't even add the claim: the MAC is over it.
  const error = await assertRejects(() => new Opener([ONE.identity]).open(forged), RefusedError);
  assertEquals(error.check, "malformed");
});

Deno.test("Opener tells 'for somebody else' from 'damaged' from 'no armored age'", async () => {
  const armored = await new Sealer([ONE.recipient]).seal(utf8("secret"));
  const check = async (identity: string, given: string) =>
    (await assertRejects(() => new Opener([identity]).open(given), RefusedError)).check;
  assertEquals(await check(TWO.identity, armored), "recipient");
  assertEquals(await check(ONE.identity, "hunter2"), "malformed");
  const file = armor.decode(armored);
  for (let at = 0; at < file.length; at++) {
    const bad = file.slice();
    bad[at]! ^= 1 << (at % 8);
    await assertRejects(() => new Opener([ONE.identity]).open(armor.encode(bad)), RefusedError);
  }
});

Deno.test("Sealer refuses no recipients, wrong ones and long values", async () => {
  assertThrows(() => new Sealer([]), UserError, "there is no recipient");
  assertThrows(() => new Sealer(["age1nobody"]), UserError, "is no age recipient");
  const long = new Uint8Array(MAX_VALUE_BYTES + 64 * 1024 + 1);
  await assertRejects(() => new Sealer([ONE.recipient]).seal(long), UserError, "longer than");
});

Deno.test("two values of the same plaintext are different", async () => {
  const sealer = new Sealer([ONE.recipient]);
  assertNotEquals(await sealer.seal(utf8("x")), await sealer.seal(utf8("x")));
});

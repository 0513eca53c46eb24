import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { decryptWith } from "../../../lib/trust/age.ts";
import { encryptQuickly } from "../../../lib/trust/age_encrypt.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { MAX_NATIVE_BYTES } from "../../../lib/trust/age_native.ts";

Deno.test("what encryptQuickly() made is what a node decrypts, for all kinds of keys and lengths", async () => {
  const pairs = [await generateIdentity(), await generateIdentity({ postQuantum: true })];
  for (const { identity, recipient } of pairs) {
    for (const size of [0, 1, 3000, MAX_NATIVE_BYTES, MAX_NATIVE_BYTES + 1, 200_000]) {
      const plain = new Uint8Array(size).map((_, i) => i * 13);
      assertEquals(await decryptWith([identity], await encryptQuickly([recipient], plain)), plain);
    }
  }
});

Deno.test("encryptQuickly() refuses what encryptTo() refuses", async () => {
  const plain = new Uint8Array(1);
  await assertRejects(() => encryptQuickly([], plain), UserError, "there is no recipient");
  const { recipient } = await generateIdentity();
  const typo = recipient.slice(0, -1) + (recipient.endsWith("q") ? "p" : "q");
  await assertRejects(() => encryptQuickly([typo], plain), UserError, "is no age recipient");
  await assertRejects(
    () => encryptQuickly([recipient, "x"], plain),
    UserError,
    "is no age recipient",
  );
});

import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { parsePublicKey, prehash, verify } from "../../../lib/trust/minisign.ts";
import {
  formatSecretKey,
  generateKey,
  isEncrypted,
  MAX_SECRET_KEY_BYTES,
  parseSecretKey,
  publicKeyOf,
  sign,
  signDigest,
} from "../../../lib/trust/minisign_sign.ts";

// Made with the C program 0.11 (minisign -G -W); a key of this test only.
const PLAIN = `untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAfzacT/5m9MLU9Rh9OLHGudgqiFOYmeEheiplf/WQXBEXsQGbc8GJndeFJ09FIfMq5xN8Zdnab5/Sk5GstASSo/YqRpu83q9uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
`;
const PUBLIC = "RWR/NpxP/mb0wteFJ09FIfMq5xN8Zdnab5/Sk5GstASSo/YqRpu83q9u";
/** As cheap as libsodium allows. */
const CHEAP = { ops: 32_768, memory: 1 << 20 };

Deno.test("parseSecretKey() and formatSecretKey() keep an unencrypted key of the C program as it is", async () => {
  const key = await parseSecretKey(PLAIN);
  assertEquals(publicKeyOf(key), parsePublicKey(PUBLIC));
  assertEquals(await formatSecretKey(key), PLAIN);
  assertFalse(isEncrypted(PLAIN));
});

Deno.test("formatSecretKey() encrypts, parseSecretKey() decrypts", async () => {
  const key = generateKey();
  const text = await formatSecretKey(key, { passphrase: "pässword", cost: CHEAP, comment: "mine" });
  assert(text.startsWith("untrusted comment: mine\nRWRTY0Iy"), text);
  assert(isEncrypted(text));
  assertEquals(await parseSecretKey(text, "pässword"), key);
  // A new salt each time.
  assertNotEquals(await formatSecretKey(key, { passphrase: "pässword", cost: CHEAP }), text);
});

Deno.test("parseSecretKey() refuses a wrong or missing passphrase and every damaged byte", async () => {
  const key = generateKey();
  const text = await formatSecretKey(key, { passphrase: "right", cost: CHEAP });
  await assertRejects(() => parseSecretKey(text, "wrong"), UserError, "passphrase is wrong");
  await assertRejects(() => parseSecretKey(text, ""), UserError, "passphrase is wrong");
  await assertRejects(() => parseSecretKey(text), UserError, "no passphrase");
  const [comment = "", line = ""] = text.split("\n");
  for (let at = 0; at < line.length; at += 9) {
    // The limits of scrypt: small changes of them are rounded away, in the C program as well.
    if (at >= 50 && at <= 72) continue;
    const other = line[at] === "A" ? "B" : "A";
    const bad = `${comment}\n${line.slice(0, at)}${other}${line.slice(at + 1)}\n`;
    await assertRejects(() => parseSecretKey(bad, "right"), UserError, "Cannot read");
  }
});

Deno.test("parseSecretKey() refuses an unencrypted key whose halves differ", async () => {
  const bad = PLAIN.replace("LU9Rh9", "LU9Rh8");
  await assertRejects(() => parseSecretKey(bad), UserError, "do not belong together");
});

Deno.test("parseSecretKey() refuses what is no secret key", async () => {
  const line = PLAIN.split("\n")[1]!;
  const bad = ["", line, `${PLAIN}x\n`, `untrusted comment: x\n${PUBLIC}\n`];
  for (const text of [...bad, "x".repeat(MAX_SECRET_KEY_BYTES + 1)]) {
    await assertRejects(
      () => parseSecretKey(text),
      UserError,
      "Cannot read the minisign secret key",
    );
  }
});

Deno.test("parseSecretKey() refuses a key that would take more memory than minisign's own", async () => {
  const text = await formatSecretKey(generateKey(), { passphrase: "p", cost: CHEAP });
  const bytes = Uint8Array.from(atob(text.split("\n")[1]!), (c) => c.charCodeAt(0));
  for (const at of [41, 49, 53]) {
    const costly = bytes.slice();
    costly[at] = 0xff;
    const bad = `untrusted comment: x\n${btoa(String.fromCharCode(...costly))}\n`;
    await assertRejects(() => parseSecretKey(bad, "p"), UserError, "costs more");
  }
});

Deno.test("formatSecretKey() refuses an empty passphrase", async () => {
  await assertRejects(() => formatSecretKey(generateKey(), { passphrase: "" }), UserError, "empty");
});

Deno.test("no error of a secret key shows it or its passphrase", async () => {
  const text = await formatSecretKey(generateKey(), { passphrase: "hunter2", cost: CHEAP });
  const error = await assertRejects(() => parseSecretKey(text, "hunter3"), UserError);
  const shown = `${error.message} ${error.hint ?? ""} ${error.stack}`;
  for (const secret of ["hunter", text.split("\n")[1]!.slice(80, 100)]) {
    assertFalse(shown.includes(secret));
  }
});

Deno.test("sign() makes what verify() accepts, the same each time", () => {
  const key = generateKey();
  for (const size of [0, 1, 127, 128, 129, 70_000]) {
    const data = new Uint8Array(size).fill(size);
    const signature = sign(data, key, {
      trustedComment: `size ${size}`,
      untrustedComment: "hello",
    });
    assertEquals(verify(data, signature, [publicKeyOf(key)]).trustedComment, `size ${size}`);
    assert(signature.startsWith("untrusted comment: hello\n"));
    const again = signDigest(prehash(data), key, {
      trustedComment: `size ${size}`,
      untrustedComment: "hello",
    });
    assertEquals(again, signature);
  }
});

Deno.test("sign() refuses comments that would not be read back", () => {
  const key = generateKey();
  const bad = ["a\nb", "a\rb", "a\0b", "x".repeat(8192)];
  for (const trustedComment of bad) {
    assertThrows(() => sign(utf8(""), key, { trustedComment }), UserError, "comment");
  }
  assertThrows(
    () => sign(utf8(""), key, { trustedComment: "", untrustedComment: "a\nb" }),
    UserError,
  );
  const tabs = sign(utf8(""), key, { trustedComment: "timestamp:1\tfile:f\thashed" });
  verify(utf8(""), tabs, [publicKeyOf(key)]);
});

Deno.test("sign() refuses a key whose halves differ instead of leaking it", () => {
  const key = { ...generateKey(), key: generateKey().key };
  assertThrows(
    () => sign(utf8("x"), key, { trustedComment: "x" }),
    UserError,
    "signature just made",
  );
});

/**
 * The Go program age is the judge: it reads what we write and we read what it writes.
 */
import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import { decryptWith, encryptTo, isRecipient, parseIdentityFile } from "../../lib/trust/age.ts";
import { formatIdentityFile, generateIdentity } from "../../lib/trust/age_keygen.ts";
import { judgedTest } from "../support/tools.ts";

const host = new DenoHost();
const SIZES = [0, 1, 65_535, 65_536, 65_537, 200_000];

async function run(command: string[], stdin: Uint8Array | string = "") {
  const result = await host.run(command, { stdin, timeoutMs: 60_000 });
  return { ...result, errors: text(result.stderr) };
}

/** A test that age judges. */
const ageTest = (name: string, body: (dir: string) => Promise<void>) =>
  judgedTest(name, ["age", "age-keygen"], body);

ageTest(
  "age decrypts what encryptTo() made, for each recipient and nobody else",
  async (dir) => {
    const pairs = [await generateIdentity(), await generateIdentity()];
    const stranger = await generateIdentity();
    for (const [i, pair] of [...pairs, stranger].entries()) {
      await host.writeFile(`${dir}/${i}.key`, formatIdentityFile(pair), { mode: 0o600 });
    }
    for (const size of SIZES) {
      const plain = new Uint8Array(size).map((_, i) => i * 31);
      const ciphertext = await encryptTo(pairs.map((pair) => pair.recipient), plain);
      for (const i of [0, 1]) {
        const result = await run(["age", "-d", "-i", `${dir}/${i}.key`], ciphertext);
        assertEquals(result.code, 0, result.errors);
        assertEquals(result.stdout, plain);
      }
      assertNotEquals((await run(["age", "-d", "-i", `${dir}/2.key`], ciphertext)).code, 0);
    }
  },
);

ageTest(
  "age and parseIdentityFile() use a key that stands among keys of plugins",
  async (dir) => {
    const pair = await generateIdentity();
    // In this order: age ends when it asks a plugin that is not there, before it comes to the next key.
    const file = `${pair.identity}\n# of a YubiKey\nAGE-PLUGIN-YUBIKEY-1QQQSYQCYQ5RQWZQSLJ70Q\n`;
    await host.writeFile(`${dir}/mixed`, file, { mode: 0o600 });
    const ciphertext = await encryptTo([pair.recipient], utf8("x"));
    const { code, errors, stdout } = await run(["age", "-d", "-i", `${dir}/mixed`], ciphertext);
    assertEquals([code, text(stdout)], [0, "x"], errors);
    assertEquals(text(await decryptWith(parseIdentityFile(file).keys, ciphertext)), "x");
    // What is no key of any kind ends both.
    await host.writeFile(`${dir}/mixed`, `${file}hello\n`, { mode: 0o600 });
    assertNotEquals((await run(["age", "-d", "-i", `${dir}/mixed`], ciphertext)).code, 0);
    assertThrows(() => parseIdentityFile(`${file}hello\n`), UserError, "line 4");
  },
);

ageTest("decryptWith() reads what age made for keys of age-keygen", async (dir) => {
  await run(["age-keygen", "-o", `${dir}/key`]);
  const file = await host.readTextFile(`${dir}/key`);
  const identities = parseIdentityFile(file).keys;
  const recipient = /public key: (\S+)/.exec(file)?.[1] ?? "";
  assertEquals(isRecipient(recipient), true);
  for (const size of SIZES) {
    const plain = new Uint8Array(size).map((_, i) => i * 17);
    const { stdout, errors } = await run(["age", "-e", "-r", recipient], plain);
    assertEquals(await decryptWith(identities, stdout), plain, errors);
  }
});

ageTest("age-keygen agrees on the recipient of a new identity", async (dir) => {
  const pair = await generateIdentity();
  await host.writeFile(`${dir}/key`, formatIdentityFile(pair), { mode: 0o600 });
  const { stdout, errors } = await run(["age-keygen", "-y", `${dir}/key`]);
  assertEquals(text(stdout), `${pair.recipient}\n`, errors);
});

ageTest("decryptWith() and age refuse the same damaged files", async (dir) => {
  const pair = await generateIdentity();
  await host.writeFile(`${dir}/key`, formatIdentityFile(pair), { mode: 0o600 });
  const good = await encryptTo([pair.recipient], utf8("secret"));
  for (let at = 0; at < good.length; at += 23) {
    const bad = good.slice();
    bad[at]! ^= 1;
    await assertRejects(() => decryptWith([pair.identity], bad), RefusedError);
    const result = await run(["age", "-d", "-i", `${dir}/key`], bad);
    assertNotEquals(result.code, 0, `flipped bit at ${at}`);
    assertMatch(result.errors, /age: error/);
  }
});

ageTest("decryptWith() refuses armored files, which age would read", async (dir) => {
  const pair = await generateIdentity();
  await host.writeFile(`${dir}/key`, formatIdentityFile(pair), { mode: 0o600 });
  const { stdout } = await run(["age", "-a", "-r", pair.recipient], "x");
  assertEquals((await run(["age", "-d", "-i", `${dir}/key`], stdout)).code, 0);
  const error = await assertRejects(() => decryptWith([pair.identity], stdout), RefusedError);
  assertEquals(error.check, "malformed");
});

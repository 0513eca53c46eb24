import { assertEquals, assertFalse, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import {
  findPassphrase,
  MAX_PASSPHRASE,
  once,
  PASSPHRASE_FILE,
  PASSPHRASE_VARIABLE,
} from "../../../lib/trust/passphrase.ts";
import { FakeHost } from "../../support/fake_host.ts";

const nobody = { prompt: () => null };

/** A host that has the GPG file, with a gpg that answers so. */
function withFile(answer?: () => { code?: number; stdout?: Uint8Array<ArrayBuffer> }): FakeHost {
  const host = new FakeHost();
  host.nodes.set(PASSPHRASE_FILE, { ...host.nodes.get("/")!, kind: "file" });
  if (answer) host.programs.set("gpg", answer);
  return host;
}

Deno.test("findPassphrase() asks gpg first, then the environment, then a person", async () => {
  const host = withFile(() => ({ stdout: utf8("from gpg \n") }));
  host.variables.set(PASSPHRASE_VARIABLE, "from env");
  assertEquals(await findPassphrase(host, nobody), "from gpg ");
  assertEquals(host.log, [`run gpg --quiet --decrypt ${PASSPHRASE_FILE}`]);
  host.nodes.delete(PASSPHRASE_FILE);
  assertEquals(await findPassphrase(host, nobody), "from env");
  host.variables.clear();
  assertEquals(await findPassphrase(host, { prompt: () => "typed" }), "typed");
});

Deno.test("findPassphrase() does not go on when gpg fails", async () => {
  const failing = withFile(() => ({ code: 2 }));
  failing.variables.set(PASSPHRASE_VARIABLE, "from env");
  await assertRejects(() => findPassphrase(failing, nobody), UserError, "gpg ended with 2");
  const missing = await assertRejects(() => findPassphrase(withFile(), nobody), UserError);
  assertEquals(missing.exitCode, EXIT.missing);
});

Deno.test("findPassphrase() says what to do without a terminal", async () => {
  const error = await assertRejects(() => findPassphrase(new FakeHost(), nobody), UserError);
  assertEquals(error.hint?.includes(PASSPHRASE_VARIABLE), true);
});

Deno.test("findPassphrase() takes an empty one of a key that is there, none for a new key", async () => {
  assertEquals(await findPassphrase(new FakeHost(), { prompt: () => "" }), "");
  const options = { prompt: () => "", confirm: true };
  await assertRejects(() => findPassphrase(new FakeHost(), options), UserError, "it is empty");
});

Deno.test("findPassphrase() refuses an endless one, and two that differ", async () => {
  const endless = { prompt: () => "x".repeat(MAX_PASSPHRASE + 1) };
  await assertRejects(() => findPassphrase(new FakeHost(), endless), UserError);
  const answers = ["one", "two", "three", "three"];
  const options = { prompt: () => answers.shift() ?? null, confirm: true };
  const error = await assertRejects(() => findPassphrase(new FakeHost(), options), UserError);
  assertFalse(/one|two\b/.test(error.message.replace("the two entries", "")));
  assertEquals(await findPassphrase(new FakeHost(), options), "three");
});

Deno.test("once() calls once, and keeps a failure", async () => {
  let calls = 0;
  const find = once(() => Promise.resolve(++calls));
  assertEquals([await find(), await find(), calls], [1, 1, 1]);
});

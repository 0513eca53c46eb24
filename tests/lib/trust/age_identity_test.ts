import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Encrypter } from "age-encryption";
import { UserError } from "../../../lib/errors.ts";
import { formatIdentityFile, generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { loadIdentities, recipientsOf } from "../../../lib/trust/age_identity.ts";
import { FakeHost } from "../../support/fake_host.ts";

const ONE = await generateIdentity();
const TWO = await generateIdentity();
const PQ = await generateIdentity({ postQuantum: true });
/** As age-plugin-yubikey writes it. */
const YUBIKEY = "AGE-PLUGIN-YUBIKEY-1QQQSYQCYQ5RQWZQSLJ70Q";
const nobody = () => null;
const options = { keys: "keys", prompt: nobody };

/** A host with `admin.age` and two more files. */
function hostWith(): FakeHost {
  const host = new FakeHost();
  host.put("keys/admin.age", formatIdentityFile(ONE), 0o600);
  host.put("/elsewhere", formatIdentityFile(TWO), 0o600);
  host.put("/both", formatIdentityFile(ONE) + formatIdentityFile(PQ), 0o400);
  return host;
}

/** As `age -p` writes it, with a cheap work factor. */
async function withPassphrase(passphrase: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(10);
  encrypter.setPassphrase(passphrase);
  return await encrypter.encrypt(formatIdentityFile(ONE));
}

Deno.test("loadIdentities() takes the named file, else the variable's, else keys/admin.age", async () => {
  const host = hostWith();
  assertEquals((await loadIdentities(host, options)).keys, [ONE.identity]);
  host.variables.set("PSYOPSOS_AGE_IDENTITY", "/elsewhere");
  assertEquals((await loadIdentities(host, options)).keys, [TWO.identity]);
  const named = await loadIdentities(host, { ...options, file: "/both" });
  assertEquals(await recipientsOf(named), [ONE.recipient, PQ.recipient]);
});

Deno.test("loadIdentities() opens a file with a passphrase, from the variable or by asking", async () => {
  const host = hostWith();
  host.put("keys/admin.age", await withPassphrase("correct horse"), 0o644);
  const questions: string[] = [];
  const prompt = (question: string) => {
    questions.push(question);
    return "correct horse";
  };
  assertEquals((await loadIdentities(host, { keys: "keys", prompt })).keys, [ONE.identity]);
  assertEquals(questions, ["Passphrase of keys/admin.age: "]);
  host.variables.set("PSYOPSOS_AGE_PASSPHRASE", "correct horse");
  assertEquals((await loadIdentities(host, options)).keys, [ONE.identity]);
  host.variables.set("PSYOPSOS_AGE_PASSPHRASE", "wrong");
  const error = await assertRejects(() => loadIdentities(host, options), UserError);
  assertStringIncludes(error.message, "its passphrase is wrong");
  assertEquals(/correct|wrong horse/.test(error.message), false);
});

Deno.test("loadIdentities() uses a native key beside keys of plugins, and says what it skipped", async () => {
  const host = hostWith();
  const [se, yubikey] = ["AGE-PLUGIN-SE-1QQQSYQCYQ59H0YS8", YUBIKEY];
  host.put("/mixed", [yubikey, "", `# ${se}`, ONE.identity, se, ""].join("\n"), 0o600);
  assertEquals(await loadIdentities(host, { ...options, file: "/mixed" }), {
    keys: [ONE.identity],
    skipped: ["line 1, a key of age-plugin-yubikey", "line 5, a key of age-plugin-se"],
    boundOnly: false,
  });
});

const WRONG: [string, (host: FakeHost) => void, string, string?][] = [
  ["no file at all", (host) => host.nodes.delete("keys/admin.age"), "there is no keys/admin.age"],
  ["a variable that names nothing", (host) => {
    host.variables.set("PSYOPSOS_AGE_IDENTITY", "/none");
  }, "there is no /none, which PSYOPSOS_AGE_IDENTITY names"],
  [
    "a file that others may read",
    (host) => host.put("keys/admin.age", formatIdentityFile(ONE), 0o640),
    "Cannot use keys/admin.age: others may read it (mode 0640)",
  ],
  [
    "a file with a typo",
    (host) => host.put("keys/admin.age", `# key\n${ONE.identity.slice(0, -1)}\n`, 0o600),
    "Cannot read the age identity keys/admin.age: line 2 is no age secret key",
  ],
  [
    "an SSH key",
    (host) => host.put("keys/admin.age", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n", 0o600),
    "line 1 is no age secret key: SSH keys are not supported",
  ],
  [
    "a file with keys of plugins alone",
    (host) => host.put("keys/admin.age", `# my key\n${YUBIKEY}\n`, 0o600),
    "it holds no secret key for use here: line 2, a key of age-plugin-yubikey",
  ],
  [
    "a passphrase and nobody to ask",
    (host) => host.put("keys/admin.age", "age-encryption.org/v1\n-> scrypt x 10\n", 0o600),
    "its passphrase is needed and there is no terminal",
  ],
  [
    "a file that is far too long",
    (host) => host.put("keys/admin.age", "#".repeat(70_000), 0o600),
    "it is over 65536 bytes",
  ],
];
for (const [what, prepare, message] of WRONG) {
  Deno.test(`loadIdentities() refuses ${what}`, async () => {
    const host = hostWith();
    prepare(host);
    const error = await assertRejects(() => loadIdentities(host, options), UserError);
    assertStringIncludes(error.message, message);
    assertEquals(error.message.includes(ONE.identity.slice(16, 40)), false);
  });
}

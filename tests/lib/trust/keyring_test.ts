import { assertEquals, assertFalse, assertRejects, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { parseComment, ROLES } from "../../../lib/trust/comment.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { formatPublicKey, verify } from "../../../lib/trust/minisign.ts";
import { formatSecretKey, publicKeyOf, type SecretKey } from "../../../lib/trust/minisign_sign.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { testKey } from "../../support/signed_site.ts";

const MAIN = testKey("main");
const TIME = testKey("time");
const CHEAP = { ops: 32_768, memory: 1 << 20 };

async function put(host: FakeHost, name: string, key: SecretKey, passphrase?: string) {
  host.put(`/keys/${name}.pubkey`, formatPublicKey(publicKeyOf(key)));
  const text = await formatSecretKey(key, { passphrase, cost: CHEAP });
  host.put(`/keys/${name}.seckey`, text, 0o600);
}

Deno.test("loadKeyring() signs every role with minisign.seckey when there is no other", async () => {
  const host = new FakeHost();
  await put(host, "minisign", MAIN);
  const keyring = await loadKeyring(host, "/keys");
  assertFalse(keyring.encrypted);
  for (const role of ROLES) {
    assertEquals(keyring.publicKeys[role], publicKeyOf(MAIN));
    assertEquals((await keyring.signer(role)).publicKey, publicKeyOf(MAIN));
  }
});

Deno.test("loadKeyring() uses a role's own key, and binds signatures to their facts", async () => {
  const host = new FakeHost();
  await put(host, "minisign", MAIN);
  await put(host, "timestamp", TIME);
  const keyring = await loadKeyring(host, "/keys");
  assertEquals(keyring.keyFiles.timestamp, "timestamp");
  const sign = await keyring.signSite({ serial: 7, issued: "2026-11-22T20:00:00Z" });
  const data = utf8("{}");
  const stamp = sign("timestamp", data, "timestamp", "psyopsOS/timestamp.json");
  const { trustedComment } = verify(data, stamp, [publicKeyOf(TIME)]);
  assertEquals(parseComment(trustedComment).serial, 7);
  verify(data, sign("config", data, "global", "psyopsOS/global.json"), [publicKeyOf(MAIN)]);
});

Deno.test("loadKeyring() asks for the passphrase once, and only when a key is used", async () => {
  const host = new FakeHost();
  await put(host, "minisign", MAIN, "p");
  await put(host, "timestamp", TIME, "p");
  let asked = 0;
  const keyring = await loadKeyring(host, "/keys", {
    passphrase: () => {
      asked++;
      return Promise.resolve("p");
    },
  });
  assertEquals([asked, keyring.encrypted], [0, true]);
  await keyring.signSite({ serial: 1, issued: "2026-11-22T20:00:00Z" });
  assertEquals(asked, 1);
});

Deno.test("loadKeyring() names the file whose passphrase is wrong", async () => {
  const host = new FakeHost();
  await put(host, "minisign", MAIN, "p");
  const keyring = await loadKeyring(host, "/keys", { passphrase: () => Promise.resolve("q") });
  const error = await assertRejects(() => keyring.signer("config"), UserError);
  assertStringIncludes(error.message, "/keys/minisign.seckey");
  assertStringIncludes(error.message, "passphrase is wrong");
});

Deno.test("loadKeyring() judges the file that a link leads to", async () => {
  const host = new FakeHost();
  await put(host, "minisign", MAIN);
  await host.rename("/keys/minisign.seckey", "/safe");
  await host.symlink("/safe", "/keys/minisign.seckey");
  await (await loadKeyring(host, "/keys")).signer("root");
  host.nodes.get("/safe")!.mode = 0o604;
  await assertRejects(() => loadKeyring(host, "/keys"), UserError, "others may read it");
  await host.remove("/keys/minisign.seckey");
  await host.symlink("/keys/minisign.seckey", "/keys/minisign.seckey");
  await assertRejects(() => loadKeyring(host, "/keys"), UserError, "there is no");
});

Deno.test("loadKeyring() refuses missing, open and mixed-up keys", async () => {
  const host = new FakeHost();
  await assertRejects(
    () => loadKeyring(host, "/keys"),
    UserError,
    "there is no /keys/minisign.pub",
  );
  await put(host, "minisign", MAIN);
  host.nodes.get("/keys/minisign.seckey")!.mode = 0o640;
  await assertRejects(
    () => loadKeyring(host, "/keys"),
    UserError,
    "others may read it (mode 0640)",
  );
  await put(host, "minisign", MAIN);
  host.put("/keys/minisign.pubkey", formatPublicKey(publicKeyOf(TIME)));
  const mixed = await loadKeyring(host, "/keys");
  await assertRejects(() => mixed.signer("root"), UserError, "two keys");
  host.nodes.delete("/keys/minisign.seckey");
  const publicOnly = await loadKeyring(host, "/keys");
  await assertRejects(() => publicOnly.signer("root"), UserError, "there is no /keys/minisign.sec");
  host.put("/keys/minisign.pubkey", "hello");
  await assertRejects(
    () => loadKeyring(host, "/keys"),
    UserError,
    "Cannot read the minisign public key /keys/minisign.pubkey: ",
  );
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256Hex } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { openSite } from "../../../lib/trust/client.ts";
import {
  publicationStatement,
  TIMESTAMP_PATH,
  timestampStatement,
} from "../../../lib/trust/freshness.ts";
import { loadKeyring, signerOf } from "../../../lib/trust/keyring.ts";
import { formatPublicKey, keyIdHex, parsePublicKey } from "../../../lib/trust/minisign.ts";
import { formatSecretKey, parseSecretKey, publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import {
  ensureRoots,
  initKeys,
  loadRoots,
  publishedRoots,
  rollRoots,
} from "../../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { EXPIRES, fetchFrom, ISSUED, testKey } from "../../support/signed_site.ts";

const CHEAP = { ops: 32_768, memory: 1 << 20 };
const OPTIONS = { issued: ISSUED };

/** Replaces the main key in the folder; the old secret key's text is returned. */
async function replaceMain(host: FakeHost, name: string): Promise<string> {
  const old = host.textOf("/keys/minisign.seckey");
  const key = testKey(name);
  host.put("/keys/minisign.pubkey", formatPublicKey(publicKeyOf(key)));
  host.put("/keys/minisign.seckey", await formatSecretKey(key), 0o600);
  return old;
}

Deno.test("initKeys() makes keys that only their owner reads, and root version 1", async () => {
  const host = new FakeHost();
  const keyring = await initKeys(host, "/keys", {
    ...OPTIONS,
    passphrase: "p",
    cost: CHEAP,
    own: ["timestamp"],
  });
  assert(keyring.encrypted);
  assertEquals(host.nodes.get("/keys")!.mode, 0o700);
  for (const name of ["minisign", "timestamp"]) {
    assertEquals(host.nodes.get(`/keys/${name}.seckey`)!.mode, 0o600);
  }
  const chain = await ensureRoots(host, keyring, OPTIONS);
  assertEquals(chain.files.length, 1);
  assertEquals(keyIdHex(chain.pinned), keyIdHex(keyring.publicKeys.root));
  assertEquals(chain.pinned, parsePublicKey(host.textOf("/keys/minisign.pubkey")));
  // The keyring it gives can sign without asking.
  await keyring.signer("timestamp");
});

Deno.test("initKeys() never overwrites a key, and asks for nothing then", async () => {
  for (const path of ["minisign.seckey", "minisign.pubkey", "timestamp.seckey", "root/1.json"]) {
    const host = new FakeHost({ [`/keys/${path}`]: "x" });
    const asked = () => Promise.reject(new Error("asked"));
    const options = { ...OPTIONS, own: ["timestamp" as const], passphrase: asked };
    await assertRejects(() => initKeys(host, "/keys", options), UserError, "exists already");
    assertEquals(host.textOf(`/keys/${path}`), "x");
  }
});

Deno.test("ensureRoots() makes version 1 for keys of the C program, once", async () => {
  const host = new FakeHost();
  await host.mkdir("/keys");
  host.put("/keys/minisign.seckey", "");
  await replaceMain(host, "main");
  const keyring = await loadKeyring(host, "/keys");
  assertEquals(await loadRoots(host, "/keys"), undefined);
  const first = await ensureRoots(host, keyring, OPTIONS);
  const again = await ensureRoots(host, keyring, { issued: EXPIRES });
  assertEquals(again, first);
});

Deno.test("rollRoots() needs the old key, and a node follows", async () => {
  const host = new FakeHost();
  const first = await initKeys(host, "/keys", OPTIONS);
  const { pinned } = await ensureRoots(host, first, OPTIONS);
  const old = await replaceMain(host, "new");
  const keyring = await loadKeyring(host, "/keys");
  await assertRejects(() => ensureRoots(host, keyring, OPTIONS), UserError, "nodes would refuse");
  await assertRejects(
    () => rollRoots(host, keyring, OPTIONS),
    UserError,
    "no root key of version 1",
  );
  const signer = signerOf(await parseSecretKey(old));
  assertEquals((await rollRoots(host, keyring, { ...OPTIONS, signer })).version, 2);
  await assertRejects(() => rollRoots(host, keyring, OPTIONS), UserError, "lists just the keys");

  const chain = await ensureRoots(host, keyring, OPTIONS);
  assertEquals(chain.pinned, pinned);
  const site = publishedRoots(chain);
  const sign = await keyring.signSite({ serial: 1, issued: ISSUED });
  const bin = canonicalJson({ documents: {} });
  const bins = [{ prefix: "", sha256: sha256Hex(bin), size: bin.length }];
  const at = TIMESTAMP_PATH;
  const publication = {
    minisig: sign("config", publicationStatement({ serial: 1, bins }), "publication", at),
  };
  const stamp = { serial: 1, issued: ISSUED, expires: EXPIRES, root: 2, bins, publication };
  const minisig = sign("timestamp", timestampStatement(stamp), "timestamp", at);
  site.set(at, canonicalJson({ ...stamp, minisig }));
  const view = await openSite({
    pinned,
    state: NO_STATE,
    now: new Date(ISSUED),
    fetch: fetchFrom(site),
  });
  assertEquals([view.root.version, view.state.serial], [2, 1]);
});

Deno.test("loadRoots() refuses a chain that was tampered with", async () => {
  const host = new FakeHost();
  const keyring = await initKeys(host, "/keys", OPTIONS);
  const data = host.textOf("/keys/root/1.json");
  host.put("/keys/root/1.json", data.replace("2026-11-22", "2026-11-23"));
  await assertRejects(() => ensureRoots(host, keyring, OPTIONS), RefusedError, "/keys/root/1.json");
  host.put("/keys/root/1.json", data);
  host.put("/keys/root/2.json", data);
  host.put("/keys/root/2.json.minisig", host.textOf("/keys/root/1.json.minisig"));
  await assertRejects(() => ensureRoots(host, keyring, OPTIONS), UserError, "not version 2");
});

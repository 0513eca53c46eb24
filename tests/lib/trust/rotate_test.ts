import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { encryptTo } from "../../../lib/trust/age.ts";
import { openSite } from "../../../lib/trust/client.ts";
import type { Role } from "../../../lib/trust/comment.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { keyIdHex, type PublicKey } from "../../../lib/trust/minisign.ts";
import { ensureRoots, initKeys, loadRoots } from "../../../lib/trust/root_sign.ts";
import { NO_STATE, type TrustState } from "../../../lib/trust/roots.ts";
import { rotateKey } from "../../../lib/trust/rotate.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { fleetFiles } from "../../site/support.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { EXPIRES, fetchFrom, ISSUED } from "../../support/signed_site.ts";

const CHEAP = { ops: 32_768, memory: 1 << 20 };
const NEVER = () => Promise.reject(new Error("asked for a passphrase"));
const OPTIONS = { issued: ISSUED, passphrase: NEVER, cost: CHEAP };

/** A host that stops working after so many changes. */
class CutHost extends FakeHost {
  left = Infinity;

  #cut(): void {
    if (this.left-- <= 0) throw new UserError("write", "power went");
  }

  override async writeFile(...args: Parameters<FakeHost["writeFile"]>): Promise<void> {
    this.#cut();
    await super.writeFile(...args);
  }

  override async rename(from: string, to: string): Promise<void> {
    this.#cut();
    await super.rename(from, to);
  }

  override async remove(path: string): Promise<void> {
    this.#cut();
    await super.remove(path);
  }
}

/** Builds a site with the keys that are in the folder now, and opens it as a node would. */
async function open(host: FakeHost, pinned: PublicKey, state: TrustState, serial: number) {
  const keyring = await loadKeyring(host, "/keys");
  const { files } = await buildSite(parseFleet(fleetFiles()), {
    serial,
    issued: ISSUED,
    expires: EXPIRES,
    roots: await ensureRoots(host, keyring, { issued: ISSUED }),
    sign: await keyring.signSite({ serial, issued: ISSUED }),
    encrypt: encryptTo,
  });
  return await openSite({ pinned, state, now: new Date(ISSUED), fetch: fetchFrom(files) });
}

for (const role of ["config", "timestamp", "release", "root"] as const) {
  Deno.test(`rotateKey() replaces the ${role} key, and nodes follow`, async () => {
    const host = new FakeHost();
    const first = await initKeys(host, "/keys", { issued: ISSUED, own: ["timestamp"] });
    const pinned = first.publicKeys.root;
    const { state } = await open(host, pinned, NO_STATE, 1);
    const { version, roles, before, after, retired } = await rotateKey(
      host,
      "/keys",
      role,
      OPTIONS,
    );
    assertEquals([version, keyIdHex(before)], [2, keyIdHex(first.publicKeys[role])]);
    const expected: Record<Role, Role[]> = {
      root: ["root", "config", "release"],
      config: ["config"],
      timestamp: ["timestamp"],
      release: ["release"],
    };
    assertEquals(roles, expected[role]);
    const keyring = await loadKeyring(host, "/keys");
    for (const one of roles) assertEquals(keyring.publicKeys[one], after);
    // Keys that share one file with the root keep it when they get their own.
    assertEquals(retired !== undefined, role === "root" || role === "timestamp");
    if (retired) assertEquals(host.nodes.get(`${retired}.seckey`)!.mode, 0o600);
    const name = role === "root" ? "minisign" : role;
    assertEquals(host.nodes.get(`/keys/${name}.seckey`)!.mode, 0o600);
    assertEquals(await host.stat("/keys/next"), undefined);
    assertEquals((await open(host, pinned, state, 2)).state.rootVersion, 2);
    assertEquals((await open(host, pinned, NO_STATE, 2)).state.rootVersion, 2);
  });
}

Deno.test("rotateKey() needs nothing of the key that it replaces", async () => {
  const host = new FakeHost();
  const first = await initKeys(host, "/keys", { issued: ISSUED, own: ["timestamp", "config"] });
  await open(host, first.publicKeys.root, NO_STATE, 1);
  for (const lost of ["timestamp.seckey", "timestamp.pubkey", "config.seckey"]) {
    await host.remove(`/keys/${lost}`);
  }
  assertEquals((await rotateKey(host, "/keys", "timestamp", OPTIONS)).version, 2);
  assertEquals((await rotateKey(host, "/keys", "config", OPTIONS)).version, 3);
  await open(host, first.publicKeys.root, NO_STATE, 2);
});

Deno.test("rotateKey() encrypts the new key like the others, with one question", async () => {
  const host = new FakeHost();
  const init = { issued: ISSUED, passphrase: "p", cost: CHEAP };
  await initKeys(host, "/keys", init);
  let asked = 0;
  const passphrase = () => Promise.resolve(++asked === 1 ? "p" : "other");
  await rotateKey(host, "/keys", "timestamp", { ...OPTIONS, passphrase });
  assertEquals(asked, 1);
  const keyring = await loadKeyring(host, "/keys", { passphrase: () => Promise.resolve("p") });
  await keyring.signer("timestamp");
  await assertRejects(
    () =>
      rotateKey(host, "/keys", "config", { ...OPTIONS, passphrase: () => Promise.resolve("x") }),
    UserError,
    "passphrase is wrong",
  );
  assertEquals((await loadRoots(host, "/keys"))!.files.length, 2);
});

Deno.test("rotateKey() can be cut anywhere: a second run finishes it", async () => {
  for (const role of ["timestamp", "root"] as const) {
    let cuts = 0;
    for (let steps = 0;; steps++) {
      const host = new CutHost();
      const first = await initKeys(host, "/keys", { issued: ISSUED, own: ["timestamp"] });
      const pinned = first.publicKeys.root;
      const { state } = await open(host, pinned, NO_STATE, 1);
      host.left = steps;
      let whole = true;
      try {
        await rotateKey(host, "/keys", role, OPTIONS);
      } catch (error) {
        assertStringIncludes(String(error), "power went");
        whole = false;
        cuts++;
      }
      host.left = Infinity;
      if (whole) break;
      await rotateKey(host, "/keys", role, OPTIONS);
      await open(host, pinned, state, 2);
    }
    assert(cuts >= 6, `${cuts}`);
  }
});

Deno.test("rotateKey() says when there is no root document to go on from", async () => {
  const host = new FakeHost();
  await initKeys(host, "/keys", { issued: ISSUED });
  await host.remove("/keys/root");
  await assertRejects(
    () => rotateKey(host, "/keys", "config", OPTIONS),
    UserError,
    "no root document",
  );
});

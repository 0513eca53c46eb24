import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { parseTimestamp, TIMESTAMP_PATH } from "../../../lib/trust/freshness.ts";
import { loadKeyring, loadSigner, signerOf } from "../../../lib/trust/keyring.ts";
import type { PublicKey } from "../../../lib/trust/minisign.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { NO_STATE, type TrustState } from "../../../lib/trust/roots.ts";
import { makeSite } from "../../../site/build/make_site.ts";
import { refreshSite } from "../../../site/build/refresh.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { testKey } from "../../support/signed_site.ts";
import { fleetFiles, ISSUED } from "../support.ts";

const HOUR = 3_600_000;

/** A machine that has a published site and the timestamp key, nothing else. */
async function setUp(): Promise<{ host: FakeHost; pinned: PublicKey }> {
  const host = new FakeHost();
  host.clock = new Date(ISSUED);
  const { publicKeys } = await initKeys(host, "/keys", { issued: ISSUED, own: ["timestamp"] });
  for (const [path, source] of fleetFiles()) host.put(`/nodes/${path}`, source);
  const keyring = await loadKeyring(host, "/keys");
  await makeSite(host, { nodes: "/nodes", out: "/public", cache: "/cache", keyring });
  for (const path of ["/nodes", "/cache", "/keys/minisign.seckey", "/keys/minisign.pubkey"]) {
    await host.remove(path);
  }
  await host.remove("/keys/root");
  return { host, pinned: publicKeys.root };
}

async function refresh(host: FakeHost, expiresHours?: number) {
  const signer = await loadSigner(host, "/keys", "timestamp");
  return await refreshSite(host, { out: "/public", signer, expiresHours });
}

function open(host: FakeHost, pinned: PublicKey, state: TrustState = NO_STATE) {
  const fetch = (path: string) => host.readFile(`/public/${path}`);
  return openSite({ pinned, state, now: host.clock, fetch });
}

function tree(host: FakeHost): Map<string, string> {
  return new Map([...host.nodes].map(([path, { data }]) => [path, data.join()]));
}

Deno.test("refreshSite() keeps the publication and its serial, with the timestamp key alone", async () => {
  const { host, pinned } = await setUp();
  const first = await open(host, pinned);
  host.clock = new Date(Date.parse(ISSUED) + 100 * HOUR);
  await assertRejects(() => open(host, pinned), UserError, "it expired");
  const before = tree(host);
  const done = await refresh(host, 24);
  assertEquals(done.serial, first.timestamp.serial);
  assertEquals(done.expires, "2026-11-28T00:00:00Z");
  const second = await open(host, pinned, first.state);
  assertEquals(second.timestamp.expires, done.expires);
  assertEquals(second.timestamp.bins, first.timestamp.bins);
  // The clock bound stays what a config key has said.
  assertEquals(second.state, first.state);
  const changed = [...tree(host)].filter(([path, data]) => before.get(path) !== data);
  assertEquals(changed.map(([path]) => path).sort(), [
    "/public/index.html",
    `/public/${TIMESTAMP_PATH}`,
  ]);
  const page = host.textOf("/public/index.html");
  assertStringIncludes(page, '<time datetime="2026-11-28T00:00:00Z">2026-11-28 00:00 UTC</time>');
  assertEquals(page.includes(first.timestamp.expires), false);
});

Deno.test("refreshSite() needs no page", async () => {
  const { host } = await setUp();
  await host.remove("/public/index.html");
  assertEquals((await refresh(host)).changed, [TIMESTAMP_PATH]);
});

Deno.test("refreshSite() writes nothing that nodes would refuse", async () => {
  const wrong: [string, (host: FakeHost) => void | Promise<void>][] = [
    ["the clock says", (host) => void (host.clock = new Date(Date.parse(ISSUED) - HOUR))],
    [
      "may be kept current until 2027-11-23T20:00:00Z",
      (host) => void (host.clock = new Date("2027-11-23T00:00:00Z")),
    ],
    ["there is no /public/psyopsOS/timestamp.json", (host) => host.remove("/public")],
    [
      "there is no /public/psyopsOS/root/1.json",
      (host) => host.remove("/public/psyopsOS/root"),
    ],
    [
      "Cannot read psyopsOS/timestamp.json",
      (host) => host.put(`/public/${TIMESTAMP_PATH}`, "{}"),
    ],
    ["signature", (host) => {
      const { serial } = parseTimestamp(host.nodes.get(`/public/${TIMESTAMP_PATH}`)!.data);
      const text = host.textOf(`/public/${TIMESTAMP_PATH}`);
      // A serial that no config key has signed: the timestamp key must not make it true.
      host.put(
        `/public/${TIMESTAMP_PATH}`,
        text.replace(`"serial": ${serial}`, `"serial": ${serial + 1}`),
      );
    }],
  ];
  for (const [message, spoil] of wrong) {
    const { host } = await setUp();
    await spoil(host);
    const before = tree(host);
    const error = await assertRejects(() => refresh(host), UserError);
    assertStringIncludes(error.message, message);
    assertEquals(error.message.startsWith("Cannot refresh /public: "), true, error.message);
    assertEquals(tree(host), before);
  }
});

Deno.test("refreshSite() refuses a key that nodes do not take timestamps from", async () => {
  const { host } = await setUp();
  const signer = signerOf(testKey("other"));
  const error = await assertRejects(() => refreshSite(host, { out: "/public", signer }), UserError);
  assertStringIncludes(error.message, "nodes do not accept timestamps signed by key");
});

Deno.test("refreshSite() refuses absurd times", async () => {
  const { host } = await setUp();
  for (const hours of [0, 10_000]) {
    await assertRejects(() => refresh(host, hours), UserError, "must expire within");
  }
});

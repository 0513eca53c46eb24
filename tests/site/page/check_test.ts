import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Bytes, text } from "../../../lib/bytes.ts";
import { OS_UPDATE_PATH, type OsUpdate } from "../../../lib/documents/os_update.ts";
import { parseNodeDocument, SITE_PATHS } from "../../../lib/documents/site.ts";
import { UserError } from "../../../lib/errors.ts";
import { parseComment } from "../../../lib/trust/comment.ts";
import { parseSignature } from "../../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { type CheckOptions, checkPage } from "../../../site/page/check.ts";
import { nodeRow, releaseRows } from "../../../site/page/rows.ts";
import { testKey } from "../../support/signed_site.ts";
import { buildOptions, EXPIRES, fleetFiles, ISSUED, KEY } from "../support.ts";

const osUpdate: OsUpdate = {
  releases: [{
    version: "1.0",
    arch: "x86_64",
    kernel: "6.18.1",
    built: ISSUED,
    files: [{
      kind: "slot",
      path: "psyopsOS/os/1.0/x.slot.tar",
      size: 5,
      sha256: "a".repeat(64),
    }],
  }],
  channels: { stable: { versions: { x86_64: "1.0" } } },
};

/** A site and what its page shows; each check's state, and each node's, once it was checked. */
async function setUp(serial = 42, withReleases = true) {
  const fleet = parseFleet(fleetFiles());
  const options = { ...buildOptions(serial), ...(withReleases ? { osUpdate } : {}) };
  const { files } = await buildSite(fleet, options);
  const nodes = fleet.nodes.map(({ name }) => {
    const path = SITE_PATHS.node(name);
    const { trustedComment } = parseSignature(text(files.get(`${path}.minisig`)!));
    return nodeRow(parseNodeDocument(files.get(path)!, name), parseComment(trustedComment));
  });
  const shown = { serial, notes: "", nodes, releases: withReleases ? releaseRows(osUpdate) : [] };
  return { files, shown };
}

async function check(
  { files, shown }: Awaited<ReturnType<typeof setUp>>,
  more: Partial<CheckOptions> = {},
) {
  const states: Record<string, string> = {};
  const said: Record<string, string> = {};
  const checked = await checkPage({
    key: publicKeyOf(KEY),
    state: NO_STATE,
    now: new Date("2026-11-23T00:00:00Z"),
    fetch: (path): Promise<Bytes> => {
      const bytes = files.get(path);
      if (bytes) return Promise.resolve(bytes);
      return Promise.reject(new UserError(`fetch ${path}`, "the server says 404"));
    },
    shown,
    maxNodes: 100,
    onNode: (name, state, text) => {
      states[name] = state;
      said[name] = text;
    },
    ...more,
  });
  for (const { check, state, text } of checked.findings) {
    states[check] = state;
    said[check] = text;
  }
  return { states, said, checked };
}

const ALL_HOLD = {
  keys: "holds",
  timestamp: "holds",
  expiry: "holds",
  page: "holds",
  nodes: "holds",
  releases: "holds",
  alpha: "holds",
  beta: "holds",
};

Deno.test("checkPage() finds a built site whole, and gives what is to be remembered", async () => {
  const { states, said, checked } = await check(await setUp());
  assertEquals(states, ALL_HOLD);
  assertEquals(said.nodes, "All 2 nodes are as signed.");
  assertEquals(checked.current, { serial: 42, issued: ISSUED, expires: EXPIRES });
  assertEquals(checked.state?.serial, 42);
});

Deno.test("checkPage() says nothing of releases where there are none", async () => {
  const { releases: _, ...rest } = ALL_HOLD;
  assertEquals((await check(await setUp(42, false))).states, rest);
});

Deno.test("checkPage() finds every changed, missing or swapped file of the site", async () => {
  const whole = await setUp();
  const read = [...whole.files.keys()].filter((path) =>
    /^psyopsOS\/(?:timestamp|root\/1|(?:signed\/)?(?:nodes\/|os-update)|bins\/)/.test(path) &&
    !/(?:nodes\/.*|os-update)\.json\.minisig$/.test(path)
  );
  // Timestamp, root with its signature, one bin; two nodes and the releases, each as nodes get it and as copy.
  assertEquals(read.length, 10);
  for (const path of read) {
    const bytes = whole.files.get(path)!.slice();
    bytes[bytes.length >> 1]! ^= 1;
    const changed = { ...whole, files: new Map([...whole.files, [path, bytes]]) };
    const { states } = await check(changed);
    assertEquals(Object.values(states).includes("fails"), true, `${path} changed`);
    changed.files.delete(path);
    const without = (await check(changed)).states;
    assertEquals(Object.values(without).includes("open"), true, `${path} missing`);
  }
  const [alpha, beta] = ["alpha", "beta"].map((name) => SITE_PATHS.node(name));
  const files = new Map([...whole.files, [alpha!, whole.files.get(beta!)!]]);
  const swapped = await check({ ...whole, files });
  assertEquals([swapped.states.alpha, swapped.states.beta], ["fails", "holds"]);
});

Deno.test("checkPage() finds every text of the page that is not what is signed", async () => {
  const whole = await setUp();
  for (const cell of Object.keys(whole.shown.nodes[0]!)) {
    if (cell === "name") continue;
    const [alpha, beta] = whole.shown.nodes;
    const nodes = [{ ...alpha!, [cell]: "changed" }, beta!];
    const { states, said } = await check({ ...whole, shown: { ...whole.shown, nodes } });
    assertEquals(states, { ...ALL_HOLD, nodes: "fails", alpha: "fails" }, cell);
    assertEquals(said.alpha, `not what is signed: ${cell}`);
  }
  for (const cell of Object.keys(whole.shown.releases[0]!)) {
    const releases = [{ ...whole.shown.releases[0]!, [cell]: "changed" }];
    const { states } = await check({ ...whole, shown: { ...whole.shown, releases } });
    assertEquals(states, { ...ALL_HOLD, releases: "fails" }, cell);
  }
});

Deno.test("checkPage() finds nodes and releases that are left out or made up", async () => {
  const whole = await setUp();
  const [alpha, beta] = whole.shown.nodes;
  const less = await check({ ...whole, shown: { ...whole.shown, nodes: [alpha!] } });
  assertEquals([less.states.nodes, less.states.alpha], ["fails", "holds"]);
  assertStringIncludes(less.said.nodes!, "beta signed but not shown");
  const nodes = [alpha!, beta!, { ...beta!, name: "gamma" }];
  const more = await check({ ...whole, shown: { ...whole.shown, nodes } });
  assertEquals([more.states.nodes, more.states.gamma], ["fails", "fails"]);
  assertStringIncludes(more.said.nodes!, "gamma shown but not signed");
  const none = await check({ ...whole, shown: { ...whole.shown, releases: [] } });
  assertEquals(none.states.releases, "fails");
  const bare = await setUp(42, false);
  const made = await check({ ...bare, shown: { ...bare.shown, releases: whole.shown.releases } });
  assertEquals(made.states.releases, "fails");
});

Deno.test("checkPage() refuses another key, an old page, an old site and an expired one", async () => {
  const whole = await setUp();
  const wrong = await check(whole, { key: publicKeyOf(testKey("other")) });
  assertEquals(wrong.states, { keys: "fails" });
  assertEquals(wrong.checked.state, undefined);
  const old = await check({ ...whole, shown: { ...whole.shown, serial: 41 } });
  assertEquals(old.states, { ...ALL_HOLD, page: "fails" });
  assertStringIncludes(old.said.page!, "reload");
  const noted = await check({ ...whole, shown: { ...whole.shown, notes: "Send money." } });
  assertEquals(noted.states, { ...ALL_HOLD, page: "fails" });
  const ahead = await check({ ...whole, shown: { ...whole.shown, serial: 43 } });
  assertEquals(ahead.states.page, "fails");
  const expired = await check(whole, { now: new Date(EXPIRES) });
  assertEquals(expired.states, { ...ALL_HOLD, expiry: "fails" });
  const { state } = (await check(await setUp(43))).checked;
  const back = await check(whole, { state });
  assertEquals(back.states, { timestamp: "fails" });
  assertStringIncludes(back.said.timestamp!, "43 was accepted before");
});

Deno.test("checkPage() says what it could not read, and what it left unread", async () => {
  const whole = await setUp();
  const fetch = () => Promise.reject(new UserError("fetch it", "offline"));
  const offline = await check(whole, { fetch });
  assertEquals(offline.states, { timestamp: "open" });
  const some = await check(whole, { maxNodes: 1 });
  assertEquals([some.states.nodes, some.states.alpha, some.states.beta], [
    "open",
    "holds",
    undefined,
  ]);
});

Deno.test("the page shows what the build put on the site", async () => {
  const { files } = await setUp();
  const page = text(files.get("index.html")!);
  assertStringIncludes(page, `href="${OS_UPDATE_PATH}"`);
  assertStringIncludes(page, 'data-serial="42"');
});

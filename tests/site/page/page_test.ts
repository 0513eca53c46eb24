import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeBase64 } from "@std/encoding/base64";
import fc from "fast-check";
import { sha256, text, utf8 } from "../../../lib/bytes.ts";
import type { OsUpdate } from "../../../lib/documents/os_update.ts";
import { keyIdHex } from "../../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { errorPage, indexPage, type PageFacts } from "../../../site/page/page.ts";
import {
  type NodeRow,
  nodeRow,
  recipientText,
  releaseRows,
  sshFingerprint,
} from "../../../site/page/rows.ts";
import { EXPIRES, ISSUED, KEY, RECIPIENTS, SSH_KEYS } from "../support.ts";

const ROW: NodeRow = nodeRow(
  {
    name: "alpha",
    recipient: RECIPIENTS[0],
    sshHostKey: SSH_KEYS[0],
    tags: ["lab", "edge"],
    notes: "In the cellar.\nSecond line.",
    config: {},
  },
  { serial: 41, issued: "2026-11-20T08:15:00Z" },
);
const UPDATE: OsUpdate = {
  releases: ["1.0", "1.1"].map((version) => ({
    version,
    arch: "x86_64",
    kernel: "6.18.1-0-lts",
    built: ISSUED,
    files: [{
      kind: "slot",
      path: `psyopsOS/os/${version}/x.slot.tar`,
      size: 93 * 2 ** 20,
      sha256: "a".repeat(64),
    }],
  })),
  channels: {
    stable: { versions: { x86_64: "1.0" } },
    beta: { versions: { x86_64: "1.1" } },
    edge: { versions: { x86_64: "1.1" } },
  },
};

function page(more: Partial<PageFacts> = {}): string {
  const pinned = publicKeyOf(KEY);
  const facts = { serial: 42, issued: ISSUED, expires: EXPIRES, pinned, config: pinned };
  return text(indexPage({ ...facts, nodes: [ROW], osUpdate: UPDATE, ...more }));
}

Deno.test("nodeRow() says name, tags, keys and last change", () => {
  assertEquals(ROW, {
    name: "alpha",
    link: "psyopsOS/nodes/alpha.json",
    notes: "In the cellar. …",
    tags: "lab, edge",
    key: RECIPIENTS[0],
    ssh: sshFingerprint(SSH_KEYS[0]),
    changed: "2026-11-20 08:15 UTC",
    serial: "serial 41",
  });
});

Deno.test("a long recipient is shown by kind and hash, and others can be told apart", () => {
  const long = ["q", "p"].map((end) => `age1pq1${"q".repeat(1900)}${end}`);
  const [a, b] = long.map(recipientText);
  assertMatch(a!, /^age1pq SHA256:[A-Za-z0-9+/]{43}$/);
  assert(a !== b);
});

Deno.test("releaseRows() shows the newest first, with its channels", () => {
  assertEquals(
    releaseRows(UPDATE).map(({ version, channels, files }) => [version, channels, files]),
    [
      ["1.1", "beta, edge", "boot slot 93.0 MiB"],
      ["1.0", "stable", "boot slot 93.0 MiB"],
    ],
  );
});

Deno.test("indexPage() says what the site holds without a script", () => {
  const bare = page({ notes: "Our fleet." }).replace(/<script>[^]*<\/script>/, "");
  for (
    const expected of [
      "Our fleet.",
      "alpha",
      "In the cellar.",
      "lab, edge",
      RECIPIENTS[0],
      sshFingerprint(SSH_KEYS[0]),
      "2026-11-20 08:15 UTC",
      "serial 41",
      "2026-11-25 20:00 UTC",
      "6.18.1-0-lts",
      'href="psyopsOS/os/1.1/x.slot.tar"',
      keyIdHex(publicKeyOf(KEY)),
    ]
  ) assertStringIncludes(bare, expected);
  assert(!/ (?:src|href)="(?:https?:)?\/\//.test(bare), "it links to elsewhere");
});

Deno.test("indexPage() allows this very script and style and nothing else", () => {
  for (const html of [page(), text(errorPage())]) {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!
      .replaceAll("&#39;", "'");
    assertStringIncludes(policy, "default-src 'none'");
    for (const [element, directive] of [["script", "script-src"], ["style", "style-src"]]) {
      const [, ...pieces] = html.split(`<${element}>`);
      assert(pieces.length <= 1);
      for (const piece of pieces) {
        const hash = encodeBase64(sha256(utf8(piece.split(`</${element}>`)[0]!)));
        assertStringIncludes(policy, `${directive} 'sha256-${hash}'`);
      }
    }
  }
  assert(!text(errorPage()).includes("<script"));
});

const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "</td></table></main><h1>owned",
  "</script><script>alert(1)//",
  "</style><!--",
  "&lt;script&gt;",
  "javascript:alert(1)",
  "${alert(1)} `\u0000\u001b[2J",
];

/** Everything that is markup: what is left when texts and values are taken out. */
function skeleton(html: string): string {
  return html.replaceAll(/="[^"]*"/g, '=""').replaceAll(/>[^<]*</g, "><");
}

/** The page with `given` in every place that someone can write to. */
function hostilePage(given: string): string {
  const row = Object.fromEntries(Object.keys(ROW).map((key) => [key, given])) as unknown as NodeRow;
  const [release] = UPDATE.releases;
  const file = { ...release!.files[0]!, path: given };
  return page({
    notes: given,
    issued: given,
    nodes: [row],
    osUpdate: {
      releases: [{ ...release!, version: given, kernel: given, built: given, files: [file] }],
      channels: { [given]: { versions: { x86_64: given } } },
    },
  });
}

Deno.test("hostile names and notes stay texts: the markup is that of harmless ones", () => {
  const expected = skeleton(hostilePage("harmless"));
  for (const given of HOSTILE) assertEquals(skeleton(hostilePage(given)), expected, given);
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (given) => {
      assertEquals(skeleton(hostilePage(given)), expected);
    }),
    { numRuns: 40 },
  );
});

/**
 * The sites that `deno task fuzz` mutates and how a node reads them. Made by the real build from fixed keys, read by the real
 * client and the document readers; only the encryption is left out, because what is inside is authenticated without it.
 *
 * @module
 */
import { type Bytes, concat, sha256Hex, utf8 } from "../../../lib/bytes.ts";
import {
  parseGlobalDocument,
  parseNodeDocument,
  parseTagNodes,
  SITE_PATHS,
} from "../../../lib/documents/site.ts";
import { readInstructions } from "../../../lib/documents/read_instructions.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { openSite } from "../../../lib/trust/client.ts";
import type { Role } from "../../../lib/trust/comment.ts";
import { expiryOf, type Root, rootPath } from "../../../lib/trust/freshness.ts";
import { mapRoles, type Signer, signerOf } from "../../../lib/trust/keyring.ts";
import { type PublicKey, publicKeyLine } from "../../../lib/trust/minisign.ts";
import { secretKey } from "../../../lib/trust/minisign_sign.ts";
import type { RootChain, RootFile } from "../../../lib/trust/root_sign.ts";
import { NO_STATE, type TrustState } from "../../../lib/trust/roots.ts";
import type { Fetch } from "../../../lib/trust/verified.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import type { Files, Pool } from "./site_mutations.ts";

/** Someone who reads the site, what may be done to it on the way, and what there is to be believed. */
export interface Scene {
  pool: Pool;
  /** Reads a site as a node does; gives all that it believes, as one comparable text. */
  read: (fetch: Fetch) => Promise<string>;
}

const NOW = new Date("2026-11-23T00:00:00Z");
const ISSUED = "2026-11-22T20:00:00Z";
const LONG_AGO = "2026-11-01T20:00:00Z";
const HOURS = 72;
const SERIAL = 42;
const NODE = "alpha";
const TAG = "lab";
const RECIPIENTS = [
  "age1c3zjjnuykdj37cckzw8a29k23fphdqwgr9w8h9furtwnacf473ystm8sut",
  "age1z8mdjt8zhy9fr42fxzet7xj60s37ay2fxdm9925wxdtekn0rg5ysqjvthu",
];

type Keys = Record<Role, Signer>;

/** The same key for the same name. */
function key(name: string): Signer {
  const id = utf8(name.padEnd(8, ".").slice(0, 8));
  return signerOf(
    secretKey(id, new Uint8Array(32).map((_, i) => name.charCodeAt(i % name.length) + i)),
  );
}

const FIRST: Keys = mapRoles((role) => key(`1${role}`));
/** What version 2 of the root lists: all keys are new but the release key. */
const SECOND: Keys = { ...mapRoles((role) => key(`2${role}`)), release: FIRST.release };
const STRANGER = mapRoles(() => key("stranger"));

function rootFile(version: number, keys: Keys, by: Signer): RootFile {
  const roles = mapRoles((role) => [publicKeyLine(keys[role].publicKey)]);
  const root: Root = { version, issued: LONG_AGO, roles };
  const data = canonicalJson(root);
  const facts = { type: "root" as const, path: rootPath(version), issued: LONG_AGO };
  return { root, data, signature: by.sign(data, facts) };
}

interface Spec {
  serial: number;
  issued?: string;
  /** What is in the fleet's files. */
  motd: string;
  keys: Keys;
  roots: readonly RootFile[];
}

async function build(spec: Spec): Promise<Files> {
  const { serial, issued = ISSUED, motd, keys, roots } = spec;
  const fleet = parseFleet(
    new Map([
      ["global.yaml", "config: {check: {everySeconds: 300}}\n"],
      [`tags/${TAG}.yaml`, `config: {files: {/etc/motd: {content: ${motd}}}}\n`],
      [
        `${NODE}.yaml`,
        `recipient: ${
          RECIPIENTS[0]
        }\ntags: [${TAG}]\nprivate: {scripts: {s: {run: echo ${motd}}}}\n`,
      ],
      ["beta.yaml", `recipient: ${RECIPIENTS[1]}\ntags: [${TAG}]\n`],
    ]),
  );
  const chain: RootChain = { files: roots, pinned: FIRST.root.publicKey };
  const { files } = await buildSite(fleet, {
    serial,
    issued,
    expires: expiryOf(issued, HOURS),
    roots: chain,
    sign: (role, data, type, path) => keys[role].sign(data, { type, path, serial, issued }),
    encrypt: (recipients, plaintext) =>
      Promise.resolve(concat([utf8(`${recipients.join()}\n`), plaintext])),
  });
  return files;
}

/** Two nodes: one that has accepted the current publication, and a new one that knows nothing but the pinned key. */
export async function fuzzScenes(): Promise<Scene[]> {
  const one = rootFile(1, FIRST, FIRST.root);
  const two = rootFile(2, SECOND, FIRST.root);
  const roots = [one, two];
  const current = await build({ serial: SERIAL, motd: "current", keys: SECOND, roots });
  const expired = [
    await build({ serial: 30, issued: LONG_AGO, motd: "first", keys: FIRST, roots: [one] }),
    await build({ serial: 40, issued: LONG_AGO, motd: "older", keys: SECOND, roots }),
  ];
  // Expired, but with a newer serial: a stolen timestamp key could extend it, so only the scene without one uses it.
  const withdrawn = await build({
    serial: 60,
    issued: LONG_AGO,
    motd: "withdrawn",
    keys: SECOND,
    roots,
  });
  const foreign = await build({
    serial: 50,
    motd: "foreign",
    keys: STRANGER,
    roots: [rootFile(1, STRANGER, STRANGER.root)],
  });
  // These would be believed by a node that has never seen the current ones.
  const superseded = [
    await build({ serial: 41, motd: "before", keys: SECOND, roots }),
    await build({ serial: 31, motd: "first", keys: FIRST, roots: [one] }),
    await build({
      serial: 50,
      motd: "forged",
      keys: STRANGER,
      roots: [one, rootFile(2, STRANGER, FIRST.root)],
    }),
  ];
  const strangers = [
    FIRST.root,
    FIRST.config,
    FIRST.timestamp,
    SECOND.root,
    SECOND.release,
    STRANGER.root,
  ];
  const pinned = FIRST.root.publicKey;
  const { state } = await openSite({
    pinned,
    state: NO_STATE,
    now: NOW,
    fetch: (path) => Promise.resolve(current.get(path)!),
  });
  return [
    {
      pool: {
        current,
        others: [...superseded, ...expired, foreign],
        timestamp: SECOND.timestamp,
        strangers,
      },
      read: (fetch) => readAsNode(fetch, pinned, state),
    },
    {
      pool: {
        current,
        others: [...expired, withdrawn, foreign],
        // A new node that is shown only the first root rightly believes the first timestamp key.
        strangers: strangers.filter((signer) => signer !== FIRST.timestamp),
      },
      read: (fetch) => readAsNode(fetch, pinned, NO_STATE),
    },
  ];
}

/** Opens a site, reads all about one node, and tells what was believed. */
async function readAsNode(
  fetch: (path: string, maxBytes: number) => Promise<Bytes>,
  pinned: PublicKey,
  state: TrustState,
): Promise<string> {
  const view = await openSite({ pinned, state, now: NOW, fetch });
  const believed: unknown[] = [view.state, view.expired, view.timestamp.bins];
  const decrypt = (bytes: Bytes) => Promise.resolve(withoutRecipient(bytes));
  believed.push(await readInstructions(view, { name: NODE, decrypt }));
  // That is all a node reads; people and the page read more. Half of the cases leave it out: most of the time goes there.
  if (state !== NO_STATE) return tell(believed);
  const document = await view.get(SITE_PATHS.node(NODE), "node");
  believed.push(parseNodeDocument(document, NODE));
  believed.push(parseGlobalDocument(await view.get(SITE_PATHS.global, "global")));
  believed.push(parseTagNodes(await view.get(SITE_PATHS.tagNodes(TAG), "tag"), TAG));
  return tell(believed);
}

/** Whatever was believed in one line: a hash of all, and the beginning for people. */
function tell(believed: readonly unknown[]): string {
  return sha256Hex(canonicalJson(believed)) + JSON.stringify(believed).slice(0, 500);
}

function withoutRecipient(bytes: Bytes): Bytes {
  return bytes.slice(bytes.indexOf(10) + 1);
}

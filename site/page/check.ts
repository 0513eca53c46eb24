/**
 * What the page checks in the browser: the site, with the client that nodes use, and itself, against what the site says.
 * No document model here: what the page shows comes in as texts, findings go out as texts.
 *
 * @module
 */
import { type Bytes, equal } from "../../lib/bytes.ts";
import { OS_UPDATE_PATH, parseOsUpdate } from "../../lib/documents/os_update.ts";
import { parseGlobalDocument, parseNodeDocument, SITE_PATHS } from "../../lib/documents/site.ts";
import { errorText, RefusedError } from "../../lib/errors.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import { keyIdHex, type PublicKey } from "../../lib/trust/minisign.ts";
import type { TrustState } from "../../lib/trust/roots.ts";
import type { Fetch } from "../../lib/trust/verified.ts";
import { type NodeRow, nodeRow, type ReleaseRow, releaseRows, timeText } from "./rows.ts";

/** "open": could not be checked, or has not been yet. */
export type State = "holds" | "fails" | "open";

/** One thing that was checked. */
export interface Finding {
  check: "keys" | "timestamp" | "expiry" | "page" | "nodes" | "releases";
  state: State;
  text: string;
}

/** What the page says. */
export interface Shown {
  serial: number;
  /** Of the fleet as a whole. */
  notes: string;
  nodes: readonly NodeRow[];
  releases: readonly ReleaseRow[];
}

/** What {@linkcode checkPage} needs. */
export interface CheckOptions {
  /** The key that everything hangs on. */
  key: PublicKey;
  /** What this browser remembers of earlier visits. */
  state: TrustState;
  now: Date;
  fetch: Fetch;
  shown: Shown;
  /** Most nodes whose documents are fetched. */
  maxNodes: number;
  onNode: (name: string, state: State, text: string) => void;
}

/** What {@linkcode checkPage} found. */
export interface Checked {
  findings: Finding[];
  /** To be remembered; undefined when the site was refused. */
  state?: TrustState;
  /** The verified timestamp's facts. */
  current?: { serial: number; issued: string; expires: string };
}

/** Requests at a time. */
const AT_ONCE = 6;

/** Checks the site, then the page against it. Never throws for what it finds. */
export async function checkPage(options: CheckOptions): Promise<Checked> {
  const { key, now, shown } = options;
  const findings: Finding[] = [];
  const find = (check: Finding["check"], state: State, text: string) =>
    void findings.push({ check, state, text });

  let view: SiteView;
  try {
    view = await openSite({
      pinned: key,
      state: options.state,
      now,
      fetch: options.fetch,
      allowExpired: true,
    });
  } catch (error) {
    const atKeys = error instanceof RefusedError && error.document?.startsWith("psyopsOS/root");
    find(atKeys ? "keys" : "timestamp", stateOf(error), failure(error));
    return { findings };
  }
  const { serial, issued, expires } = view.timestamp;
  const rolled = view.root.version > 1 ? `, rolled to version ${view.root.version},` : "";
  find("keys", "holds", `The signing keys${rolled} come from key ${keyIdHex(key)}.`);
  find("timestamp", "holds", `Publication ${serial} of ${timeText(issued)} is signed.`);
  if (view.expired) {
    find("expiry", "fails", `It expired at ${timeText(expires)}: nodes refuse it.`);
  } else {
    find("expiry", "holds", `It is valid until ${timeText(expires)}.`);
  }
  findings.push(await checkHead(view, shown));
  findings.push(await checkNodes(view, options));
  const releases = await checkReleases(view, options);
  if (releases) findings.push(releases);
  return { findings, state: view.state, current: { serial, issued, expires } };
}

/** Whether the page is of the publication that is current, its notes included. */
async function checkHead(view: SiteView, shown: Shown): Promise<Finding> {
  const finding = (state: State, text: string): Finding => ({ check: "page", state, text });
  const { serial } = view.timestamp;
  if (shown.serial !== serial) {
    const how = shown.serial < serial ? "older: reload it" : "newer than what the site serves";
    return finding("fails", `This page is of publication ${shown.serial}, ${how}.`);
  }
  try {
    const { notes = "" } = parseGlobalDocument(await view.get(SITE_PATHS.global, "global"));
    if (shown.notes !== notes.trim()) {
      return finding("fails", "The notes at its top are not signed.");
    }
  } catch (error) {
    return finding(stateOf(error), failure(error));
  }
  return finding("holds", "This page is of that publication.");
}

async function checkNodes(view: SiteView, options: CheckOptions): Promise<Finding> {
  const { shown, maxNodes, onNode } = options;
  const finding = (state: State, text: string): Finding => ({ check: "nodes", state, text });
  const rows = new Set(shown.nodes.map(({ name }) => name));
  const total = shown.nodes.length;
  let signed: Set<string>;
  try {
    // All bins of a big fleet are megabytes: not without being asked.
    signed = total > maxNodes ? rows : new Set(await signedNames(view));
  } catch (error) {
    return finding(stateOf(error), failure(error));
  }
  let failed = 0;
  let unread = 0;
  let held = 0;
  const queue = shown.nodes.slice(0, maxNodes);
  const work = async () => {
    for (let row = queue.shift(); row; row = queue.shift()) {
      try {
        const different = differences(row, await signedRow(view, options.fetch, row.name));
        if (different.length === 0) {
          held++;
          onNode(row.name, "holds", "holds");
        } else {
          failed++;
          onNode(row.name, "fails", `not what is signed: ${different.join(", ")}`);
        }
      } catch (error) {
        if (stateOf(error) === "fails") failed++;
        else unread++;
        onNode(row.name, stateOf(error), failure(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  const missing = [...signed].filter((name) => !rows.has(name));
  const added = [...rows].filter((name) => !signed.has(name));
  const parts = [
    missing.length > 0 ? `${list(missing)} signed but not shown` : "",
    added.length > 0 ? `${list(added)} shown but not signed` : "",
    failed > 0 ? `${failed} of ${total} nodes not as signed` : "",
  ].filter(Boolean);
  if (parts.length > 0) return finding("fails", `The list of nodes is wrong: ${parts.join("; ")}.`);
  if (unread > 0) return finding("open", `${unread} of ${total} nodes could not be checked.`);
  if (held < total) {
    return finding("open", `${held} of ${total} nodes are as signed, the others are unchecked.`);
  }
  return finding("holds", `${countText(total, "node")} as signed.`);
}

/** Names of the nodes that have a signed document. */
async function signedNames(view: SiteView): Promise<string[]> {
  const [before = "", after = ""] = SITE_PATHS.node("*").split("*");
  return (await view.paths())
    .filter((path) => path.startsWith(before) && path.endsWith(after))
    .map((path) => path.slice(before.length, -after.length));
}

/** What a node's row must say. */
async function signedRow(view: SiteView, fetch: Fetch, name: string): Promise<NodeRow> {
  const path = SITE_PATHS.node(name);
  const { data, facts } = await view.getSigned(path, "node");
  const document = parseNodeDocument(data, name);
  await checkCopy(fetch, path, data);
  return nodeRow(document, facts);
}

/** Checks the copy for people, which the page links to: it must be the document that nodes read. */
async function checkCopy(fetch: Fetch, path: string, data: Bytes): Promise<void> {
  if (equal(await fetch(path, data.length), data)) return;
  throw new RefusedError("hash", `accept ${path}`, "it is not the signed document");
}

async function checkReleases(
  view: SiteView,
  { shown: { releases: shown }, fetch }: CheckOptions,
): Promise<Finding | undefined> {
  const finding = (state: State, text: string): Finding => ({ check: "releases", state, text });
  try {
    if (!await view.lists(OS_UPDATE_PATH)) {
      return shown.length === 0
        ? undefined
        : finding("fails", "The releases shown are not signed.");
    }
    const data = await view.get(OS_UPDATE_PATH, "os-update");
    const rows = releaseRows(parseOsUpdate(data));
    await checkCopy(fetch, OS_UPDATE_PATH, data);
    const wrong = Array.from({ length: Math.max(rows.length, shown.length) }, (_, i) => i)
      .filter((i) => !rows[i] || !shown[i] || differences(rows[i], shown[i]).length > 0);
    if (wrong.length > 0) {
      return finding("fails", "The list of releases is not what is signed.");
    }
    return finding("holds", `${countText(rows.length, "release")} as signed.`);
  } catch (error) {
    return finding(stateOf(error), failure(error));
  }
}

/** Names of the cells that differ. */
function differences<Row extends NodeRow | ReleaseRow>(shown: Row, signed: Row): string[] {
  return (Object.keys(signed) as (keyof Row & string)[])
    .filter((cell) => shown[cell] !== signed[cell]);
}

function stateOf(error: unknown): State {
  return error instanceof RefusedError ? "fails" : "open";
}

function failure(error: unknown): string {
  const check = error instanceof RefusedError ? ` (${error.check})` : "";
  return `${errorText(error)}${check}.`;
}

function countText(count: number, what: string): string {
  if (count === 0) return `No ${what} is there,`;
  return count === 1 ? `The one ${what} is` : `All ${count} ${what}s are`;
}

function list(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return names.slice(0, 3).join(", ") + more;
}

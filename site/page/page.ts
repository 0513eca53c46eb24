/**
 * The two pages of the site that are for people. `index.html` says what the site holds: it needs no script and no other
 * file, so it also reads from a disk and on a phone. With a script it checks itself and the site (site/page/check.ts).
 *
 * Only what is public goes in: what each node's signed document says anyway. The page is not signed, and it says so.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding/base64";
import { type Bytes, sha256, utf8 } from "../../lib/bytes.ts";
import { OS_UPDATE_PATH, type OsUpdate } from "../../lib/documents/os_update.ts";
import { ROOT_PATH, rootPath, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { keyIdHex, type PublicKey, publicKeyLine } from "../../lib/trust/minisign.ts";
import { SITE_PATHS } from "../../lib/documents/site.ts";
import { type Content, Html, markup } from "./html.ts";
import { fileText, type NodeRow, releaseRows, timeText } from "./rows.ts";
import SCRIPT from "./script.js" with { type: "text" };
import STYLE from "./style.css" with { type: "text" };

/** What {@linkcode indexPage} shows. */
export interface PageFacts {
  serial: number;
  /** UTC times to the second. */
  issued: string;
  expires: string;
  /** The key on the nodes' drives. */
  pinned: PublicKey;
  /** The key that signs documents now; as a rule the same. */
  config: PublicKey;
  notes?: string;
  nodes: readonly (NodeRow | Html)[];
  osUpdate?: OsUpdate;
}

/** `index.html`: the nodes, the releases, until when the site holds, and what of all this can be checked. */
export function indexPage(facts: PageFacts): Bytes {
  const { pinned, notes, nodes, osUpdate } = facts;
  const line = publicKeyLine(pinned);
  const body = markup`<header>
<h1>psyopsOS</h1>
<p class="notes">${(notes ?? "").trim()}</p>
</header>
<main data-serial="${facts.serial}" data-key="${line}">
${stateSection(facts)}
<section id="nodes">
<h2>Nodes <span class="count">${nodes.length}</span></h2>
<p id="filter" hidden><label>Show only <input type="search" placeholder="name or tag" autocomplete="off"></label></p>
${nodes.length === 0 ? markup`<p>None yet.</p>` : nodeTable(nodes)}
<p id="rest" hidden><button type="button">Check the other nodes too</button></p>
</section>
<section id="releases">
<h2>Releases <span class="count">${osUpdate?.releases.length ?? 0}</span></h2>
${osUpdate && osUpdate.releases.length > 0 ? releaseTable(osUpdate) : markup`<p>None.</p>`}
</section>
<section id="by-hand">
<h2>Check it yourself</h2>
<p>Whoever can change this page can change its checks and its key too. The key to trust is the one in
<code>minisign.pubkey</code> on a node's drive or in the keys folder: compare its id with the one above, or check with
its line instead of the page's own.</p>
<form id="key" hidden><label>Public key <input name="key" spellcheck="false" autocomplete="off" placeholder="RW…"></label>
<button>Check with this key</button></form>
<p>By hand, in a copy of the site, the keys first and then any document that they sign:</p>
<pre>minisign -V -P ${line} -m ${rootPath(1)}
minisign -V -P ${publicKeyLine(facts.config)} -m ${SITE_PATHS.global}</pre>
<p><a href="${ROOT_PATH}">root.json</a> says which keys sign what now. <a href="${TIMESTAMP_PATH}">timestamp.json</a> says
what is current and leads to the hash of every document; it carries its signatures inside, so that part is for nodes
and for the check above.${
    osUpdate &&
    markup` Releases are in <a href="${OS_UPDATE_PATH}">os-update.json</a>; each file has a <code>.minisig</code> beside it.`
  }</p>
</section>
</main>`;
  return document("psyopsOS", body, SCRIPT);
}

/** `error.html`: what servers show for a path that the site does not have. It may be shown at any depth. */
export function errorPage(): Bytes {
  return document(
    "Not found",
    markup`<header><h1>Not found</h1></header>
<main>
<p>This site has no such document. A node that was removed takes its documents along; names are in lower case.</p>
<p><a href="/">Start page</a></p>
</main>`,
  );
}

/** The text of a page whose publication expires at `after` now; the same where it says nothing of `before`. */
export function refreshPage(page: string, before: string, after: string): string {
  const place = (instant: string) => `<dd id="expires">${time(instant).text}`;
  return page.replace(place(before), () => place(after));
}

function stateSection({ serial, issued, expires, pinned }: PageFacts): Html {
  return markup`<section id="state">
<p id="verdict" class="open" role="status"><strong>Not checked.</strong> <span>This page is not signed, the documents
behind it are. With JavaScript it checks them here; without, <a href="#by-hand">minisign does</a>.</span></p>
<ul id="findings"></ul>
<p id="folder" hidden><label>The folder that this page is in: <input type="file" webkitdirectory></label></p>
<dl>
<div><dt>Publication</dt><dd id="current">${serial}, issued ${time(issued)}</dd></div>
<div><dt>Valid until</dt><dd id="expires">${
    time(expires)
  }<span class="aside">, unless it was refreshed after this page was made</span></dd></div>
<div><dt>Pinned key</dt><dd><code id="key-id">${keyIdHex(pinned)}</code></dd></div>
</dl>
</section>`;
}

function nodeTable(nodes: PageFacts["nodes"]): Html {
  return markup`<table>
${head("Node", "Tags", "Keys: age, SSH", "Last change", "Check")}
<tbody>
${nodes.map((row) => row instanceof Html ? row : nodeLine(row))}</tbody>
</table>`;
}

/** A node's line of the table. */
export function nodeLine({ name, link, notes, tags, key, ssh, changed, serial }: NodeRow): Html {
  const title = markup`<a href="${link}" data-cell="name">${name}</a>`;
  const changes =
    markup`<span data-cell="changed">${changed}</span><span class="aside" data-cell="serial">${serial}</span>`;
  const keys = markup`<code data-cell="key">${key}</code><code data-cell="ssh">${ssh}</code>`;
  return markup`<tr data-node="${name}"><th scope="row">${title}<span class="aside" data-cell="notes">${notes}</span></th>${[
    cell("Tags", markup`<span data-cell="tags">${tags}</span>`),
    cell("Keys", keys),
    cell("Changed", changes),
  ]}<td data-label="Check" class="check"></td></tr>
`;
}

function releaseTable(osUpdate: OsUpdate): Html {
  const rows = releaseRows(osUpdate);
  const files = osUpdate.releases.toReversed().map((release) => release.files);
  return markup`<table>
${head("Version", "For", "Channels", "Kernel", "Sources of", "Files")}
<tbody>
${
    rows.map(({ version, arch, channels, kernel, built }, i) =>
      markup`<tr data-release><th scope="row" data-cell="version">${version}</th>${[
        cell("For", markup`<span data-cell="arch">${arch}</span>`),
        cell("Channels", markup`<span data-cell="channels">${channels}</span>`),
        cell("Kernel", markup`<span data-cell="kernel">${kernel}</span>`),
        cell("Sources of", markup`<span data-cell="built">${built}</span>`),
        cell("Files", markup`<span data-cell="files">${fileLinks(files[i]!)}</span>`),
      ]}</tr>
`
    )
  }</tbody>
</table>`;
}

function fileLinks(files: OsUpdate["releases"][number]["files"]): Content {
  return files.map((file, i) =>
    markup`${i > 0 ? ", " : undefined}<a href="${file.path}">${fileText(file)}</a>`
  );
}

function head(...titles: string[]): Html {
  return markup`<thead><tr>${
    titles.map((title) => markup`<th scope="col">${title}</th>`)
  }</tr></thead>`;
}

/** A cell; on a narrow screen the label stands before it. */
function cell(label: string, content: Html): Html {
  return markup`<td data-label="${label}">${content}</td>`;
}

function time(instant: string): Html {
  return markup`<time datetime="${instant}">${timeText(instant)}</time>`;
}

/** A page that runs this very script and style and nothing else, and asks nobody but its own site. */
function document(title: string, body: Html, script?: string): Bytes {
  const policy = [
    "default-src 'none'",
    `style-src ${sourceHash(STYLE)}`,
    ...(script === undefined ? [] : [`script-src ${sourceHash(script)}`, "connect-src 'self'"]),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return utf8(
    markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${body}
${script === undefined ? undefined : markup`<script>${new Html(script)}</script>`}
</body>
</html>
`.text,
  );
}

/** How a content security policy names an inline text. */
function sourceHash(text: string): string {
  return `'sha256-${encodeBase64(sha256(utf8(text)))}'`;
}

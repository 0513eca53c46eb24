/**
 * The two pages of the site that are for people. No scripts, nothing from elsewhere; nothing here is signed, so nothing
 * here is to be relied on.
 *
 * @module
 */
import { type Bytes, utf8 } from "../lib/bytes.ts";
import { SITE_PATHS } from "./document.ts";
import type { Fleet } from "./fleet.ts";

/** When this publication was made and until when it holds. */
export interface PageFacts {
  serial: number;
  issued: string;
  expires: string;
}

/** `index.html`: which nodes there are, where their public documents are, how to check a signature. */
export function indexPage(fleet: Fleet, facts: PageFacts): Bytes {
  const rows = fleet.nodes.map((node) =>
    `<tr><td><a href="${SITE_PATHS.node(node.name)}">${escape(node.name)}</a></td>` +
    `<td>${escape(node.tags.join(", "))}</td></tr>`
  );
  return page(
    "psyopsOS",
    `<p>Signed instructions for a fleet of machines. Publication ${facts.serial}, issued
<time>${escape(facts.issued)}</time>, valid until <time>${escape(facts.expires)}</time>.</p>
<table>
<thead><tr><th>Node</th><th>Tags</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
<p>Each document has a <code>.minisig</code> beside it:
<code>minisign -V -p minisign.pubkey -m timestamp.json</code>. Begin with
<a href="${SITE_PATHS.timestamp}">timestamp.json</a> and <a href="${SITE_PATHS.root}">root.json</a>.</p>`,
  );
}

/** `error.html`: for servers that can show a page for what they don't have. */
export function errorPage(): Bytes {
  return page("Not found", `<p>There is no such document. <a href="/">Start page</a></p>`);
}

function page(title: string, body: string): Bytes {
  return utf8(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.25rem 1rem 0.25rem 0; }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
${body}
</body>
</html>
`);
}

function escape(given: string): string {
  return given.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

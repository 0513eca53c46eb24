/**
 * To whom the publication before had encrypted. A secret says inside where it belongs, but not for whom: whoever can change a
 * fleet's files could put another public key in the place of a node's, and read what is encrypted to it from then on. No check
 * can tell that from a node that was renewed, so the administrator is told of each.
 *
 * @module
 */
import { SITE_PATHS } from "../../lib/documents/site.ts";
import type { Host } from "../../lib/host.ts";
import { MAX_DOCUMENT_BYTES } from "../../lib/limits.ts";
import { TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";

/** A node whose instructions are for another key than those of the publication before. */
export interface OtherRecipient {
  node: string;
  /** Age recipients. */
  before: string;
  now: string;
}

/** What is new about the recipients of a publication. */
export interface RecipientNews {
  /** Whether there was a publication in the same place to compare with. */
  compared: boolean;
  /** Nodes that it did not have, in the fleet's order; all where there was none. */
  newNodes: string[];
  otherRecipients: OtherRecipient[];
}

/** Compares `nodes` with what the publication in `out` says of them. Must come before `out` is written to. */
export async function recipientNews(
  host: Host,
  out: string,
  nodes: Iterable<{ name: string; recipient: string }>,
): Promise<RecipientNews> {
  const compared = await host.stat(`${out}/${TIMESTAMP_PATH}`) !== undefined;
  const news: RecipientNews = { compared, newNodes: [], otherRecipients: [] };
  for (const { name, recipient } of nodes) {
    const before = compared ? await publishedRecipient(host, out, name) : undefined;
    if (before === undefined) news.newNodes.push(name);
    else if (before !== recipient) {
      news.otherRecipients.push({ node: name, before, now: recipient });
    }
  }
  return news;
}

/**
 * The recipient in a node's document in `out`; undefined where there is no such document. Nothing else of it is looked at: an
 * earlier version of psyopsOS may have written it. One that can't be read gives an empty text, which is no node's recipient.
 */
async function publishedRecipient(
  host: Host,
  out: string,
  name: string,
): Promise<string | undefined> {
  const path = `${out}/${SITE_PATHS.node(name)}`;
  const info = await host.stat(path);
  if (info?.kind !== "file") return undefined;
  if (info.size > MAX_DOCUMENT_BYTES) return "";
  try {
    const document: unknown = JSON.parse(await host.readTextFile(path));
    const { recipient } = (document ?? {}) as { recipient?: unknown };
    return typeof recipient === "string" ? recipient : "";
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return "";
  }
}

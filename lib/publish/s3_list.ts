/**
 * Listings of a bucket (ListObjectsV2), page by page.
 *
 * @module
 */
import type { Host } from "../host.ts";
import { childText, parseXml, type XmlElement, XmlError } from "./s3_xml.ts";
import type { S3Wire } from "./s3_wire.ts";

/** One object of a listing. */
export interface ListedObject {
  key: string;
  size: number;
  /** Its entity tag without quotes. */
  etag: string;
  /** How long it has been as it is, in milliseconds by the server's own clock; undefined when that can't be told. */
  ageMs?: number;
}

/** A page has a thousand keys of up to 1,024 bytes each, and facts beside each. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** More pages than any site has: two million objects. */
const MAX_PAGES = 2000;

/**
 * All objects whose keys begin with `prefix`, in the server's order. Keys are as the bucket has them: anybody's.
 *
 * @throws {Error} when a page is no listing, or the pages do not end; and what {@linkcode S3Wire.send} throws.
 */
export async function* listObjects(wire: S3Wire, prefix: string): AsyncIterable<ListedObject> {
  let token: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const { headers, body } = await wire.send({
      method: "GET",
      key: "",
      query: {
        "list-type": "2",
        prefix,
        ...(token === undefined ? {} : { "continuation-token": token }),
      },
      maxBytes: MAX_PAGE_BYTES,
    });
    const page = parsePage(body);
    for (const row of page.children) {
      if (row.name !== "Contents") continue;
      const key = childText(row, "Key") ?? "";
      const size = childText(row, "Size") ?? "";
      if (!/^\d{1,15}$/.test(size)) {
        throw new Error("an object in the server's listing has no size");
      }
      const etag = (childText(row, "ETag") ?? "").replaceAll('"', "");
      const ageMs = ageOf(childText(row, "LastModified"), headers, wire.host);
      if (key.startsWith(prefix)) yield { key, size: Number(size), etag, ageMs };
    }
    if (childText(page, "IsTruncated") !== "true") return;
    const next = childText(page, "NextContinuationToken");
    if (next === undefined || next === "" || next === token) break;
    token = next;
  }
  throw new Error("the server's listing does not end");
}

function parsePage(body: Uint8Array): XmlElement {
  let page: XmlElement;
  try {
    page = parseXml(new TextDecoder().decode(body));
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw new Error(`the server's listing can't be read: ${error.message}`, { cause: error });
  }
  if (page.name === "ListBucketResult") return page;
  throw new Error(`the server answered <${page.name}> where a listing was asked for`);
}

/**
 * How long ago `modified` was when an answer came, in milliseconds. By the server's clock where the answer tells it: this
 * machine's may differ by more than what is to be found out.
 */
export function ageOf(
  modified: string | null | undefined,
  headers: Headers,
  host: Pick<Host, "now">,
): number | undefined {
  const [then, date] = [modified, headers.get("date")].map((time) => Date.parse(time ?? ""));
  if (Number.isNaN(then!)) return undefined;
  return (Number.isNaN(date!) ? host.now().getTime() : date!) - then!;
}

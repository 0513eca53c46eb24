/**
 * What a plain web server answers for one file: entity tag, "not modified", one byte range. Pure.
 *
 * Supported of RFC 9110: GET and HEAD, If-None-Match with a list, If-Range with a tag, Range with one range of bytes.
 * Several ranges or another unit are answered with the whole file, as the RFC allows.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../bytes.ts";

/** The parts of a request that matter. */
export interface FileRequest {
  method: string;
  ifNoneMatch?: string;
  ifRange?: string;
  range?: string;
}

/** An answer; a HEAD's body is left out by whoever sends it. */
export interface FileAnswer {
  status: 200 | 206 | 304 | 404 | 405 | 416;
  headers: Record<string, string>;
  body: Bytes;
}

const NOTHING = new Uint8Array();

/** The strong entity tag of a content. */
export function entityTag(content: Uint8Array): string {
  return `"${sha256Hex(content).slice(0, 32)}"`;
}

/** Answers `request` for a file with the given content, undefined when there is none. */
export function answerFile(request: FileRequest, content: Bytes | undefined): FileAnswer {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, headers: { allow: "GET, HEAD" }, body: NOTHING };
  }
  if (content === undefined) return { status: 404, headers: {}, body: NOTHING };
  const etag = entityTag(content);
  const headers = { etag, "accept-ranges": "bytes", "cache-control": "no-cache" };
  const known = (request.ifNoneMatch ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return { status: 304, headers, body: NOTHING };
  const mayRange = request.ifRange === undefined || request.ifRange === etag;
  const range = mayRange ? readRange(request.range, content.length) : undefined;
  if (range === "outside") {
    return {
      status: 416,
      headers: { ...headers, "content-range": `bytes */${content.length}` },
      body: NOTHING,
    };
  }
  if (range === undefined) return { status: 200, headers, body: content };
  const [from, to] = range;
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${from}-${to}/${content.length}` },
    body: content.subarray(from, to + 1),
  };
}

/** First and last byte; undefined when the header is absent or of a form that is ignored. */
function readRange(
  header: string | undefined,
  size: number,
): [number, number] | "outside" | undefined {
  const match = header?.match(/^bytes=(\d*)-(\d*)$/);
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const length = Math.min(size, Number(match[2]));
    return length === 0 ? "outside" : [size - length, size - 1];
  }
  const from = Number(match[1]);
  const to = match[2] === "" ? size - 1 : Math.min(size - 1, Number(match[2]));
  if (from >= size) return "outside";
  return to < from ? undefined : [from, to];
}

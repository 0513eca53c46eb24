/**
 * Uploads in parts, for what is too big for one request. What fails leaves no parts behind, as far as the server can be reached.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, concat, utf8 } from "../bytes.ts";
import { inParallel } from "./pool.ts";
import { ServerError } from "./s3_errors.ts";
import type { S3Wire } from "./s3_wire.ts";
import { childText, parseXml, XmlError } from "./s3_xml.ts";
import type { Content } from "./target.ts";

/** Larger files are sent in parts of this size; S3 takes 10,000 of at least 5 MiB each. */
export const PART_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** How many parts are on their way, and so in memory, at a time. */
const PARALLEL_PARTS = 4;

/** Whether a file is sent in parts. */
export function isInParts({ size }: Content): boolean {
  return size >= PART_BYTES;
}

/**
 * The entity tag that servers give to `content` when it comes in our parts: the MD5 of the parts' MD5s and their number. It is the
 * plain MD5 when it comes in one.
 */
export async function entityTagOf(content: Content): Promise<string> {
  if (!isInParts(content)) {
    const hash = createHash("md5");
    for await (const chunk of content.chunks()) hash.update(chunk);
    return hash.digest("hex");
  }
  const digests: Uint8Array[] = [];
  for await (const part of partsOf(content)) digests.push(md5(part));
  return tagOfParts(digests);
}

/**
 * Uploads `content` to `key` in parts.
 *
 * @param isThere Whether the object is there already, whole: asked when the answer to the last request was lost.
 */
export async function uploadInParts(
  wire: S3Wire,
  key: string,
  content: Content,
  headers: Record<string, string>,
  isThere: (etag: string) => Promise<boolean>,
): Promise<void> {
  if (content.size > PART_BYTES * MAX_PARTS) {
    throw new Error(`a file may have at most ${PART_BYTES * MAX_PARTS} bytes`);
  }
  const begun = await wire.send({ method: "POST", key, query: { uploads: "" }, headers });
  const uploadId = idIn(begun.body);
  try {
    const parts = await sendParts(wire, key, uploadId, content);
    await complete(wire, key, uploadId, parts, isThere);
  } catch (error) {
    // Servers charge for parts that belong to nothing. What stands in the way of the upload may stand in the way of this, too.
    await wire.send({ method: "DELETE", key, query: { uploadId } }).catch(() => {});
    throw error;
  }
}

function idIn(body: Uint8Array): string {
  try {
    const id = childText(parseXml(new TextDecoder().decode(body)), "UploadId");
    if (id) return id;
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
  }
  throw new Error("the server gave no id for an upload in parts");
}

interface SentPart {
  etag: string;
  digest: Uint8Array;
}

async function sendParts(
  wire: S3Wire,
  key: string,
  uploadId: string,
  content: Content,
): Promise<SentPart[]> {
  const parts: SentPart[] = [];
  let number = 0;
  await inParallel(partsOf(content), PARALLEL_PARTS, async (payload) => {
    const partNumber = ++number;
    const { headers } = await wire.send({
      method: "PUT",
      key,
      query: { partNumber: String(partNumber), uploadId },
      payload,
    });
    const digest = md5(payload);
    const etag = headers.get("etag") ?? `"${digest.toString("hex")}"`;
    parts[partNumber - 1] = { etag, digest };
  });
  return parts;
}

async function complete(
  wire: S3Wire,
  key: string,
  uploadId: string,
  parts: readonly SentPart[],
  isThere: (etag: string) => Promise<boolean>,
): Promise<void> {
  const rows = parts.map(({ etag }, i) =>
    `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`
  );
  try {
    await wire.send({
      method: "POST",
      key,
      query: { uploadId },
      payload: utf8(
        `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
          rows.join("")
        }</CompleteMultipartUpload>`,
      ),
      mayFailLate: true,
    });
  } catch (error) {
    // An earlier try may have had its effect, and only its answer was lost.
    const gone = error instanceof ServerError && error.code === "NoSuchUpload";
    if (!gone || !await isThere(tagOfParts(parts.map(({ digest }) => digest)))) throw error;
  }
}

/** The content in parts of {@linkcode PART_BYTES}, the last one shorter. */
async function* partsOf(content: Content): AsyncIterable<Bytes> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of content.chunks()) {
    while (size + chunk.length >= PART_BYTES) {
      const head = chunk.subarray(0, PART_BYTES - size);
      yield concat([...waiting, head]);
      chunk = chunk.subarray(head.length);
      waiting = [];
      size = 0;
    }
    waiting.push(chunk);
    size += chunk.length;
  }
  if (size > 0) yield concat(waiting);
}

function tagOfParts(digests: readonly Uint8Array[]): string {
  return `${md5(concat(digests)).toString("hex")}-${digests.length}`;
}

function md5(bytes: Uint8Array) {
  return createHash("md5").update(bytes).digest();
}

function escape(given: string): string {
  return given.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

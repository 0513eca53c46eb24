/**
 * `/etc/psyopsos/image.json`: what an image says of itself to the node that runs it. The image engines write it, the agent
 * reads it. Keys that are not known are left out: the agent of another version may be in the image.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, utf8 } from "../bytes.ts";
import { anyText, architecture, openMapping, timeServers, wholeNumber } from "../schema/fields.ts";
import { readJson } from "../schema/read.ts";

/** Where it is in the image, without leading slash. */
export const IMAGE_FACTS_PATH = "etc/psyopsos/image.json";
/** Largest document that is read, in bytes. */
const MAX_BYTES = 64 * 1024;

const schema = openMapping({
  version: anyText,
  arch: v.optional(architecture),
  /** When the image was defined, in seconds since 1970; a node's clock is never before it. */
  epoch: wholeNumber(0, 2 ** 40),
  engine: v.optional(anyText),
  /** Kernel release, as `uname -r`; absent until the image's kernel is known. */
  kernel: v.optional(anyText),
  /** Time servers for machines without a clock; see the drive's own. */
  ntp: v.optional(timeServers),
});

/** The document. */
export type ImageFacts = v.InferOutput<typeof schema>;

/** The document's text. */
export function formatImageFacts(facts: ImageFacts): Bytes {
  const { version, arch, epoch, engine, kernel, ntp } = facts;
  return utf8(`${JSON.stringify({ version, arch, epoch, engine, kernel, ntp }, null, 2)}\n`);
}

/** Reads the document. @throws {UnreadableError} */
export function parseImageFacts(bytes: Uint8Array): ImageFacts {
  return readJson(schema, bytes, MAX_BYTES);
}

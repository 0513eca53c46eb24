/**
 * Reading what a server sends, never more of it than expected.
 *
 * @module
 */
import type { Bytes } from "./bytes.ts";

/** Room for the beginning of a body, in bytes. */
const FIRST_BYTES = 16 * 1024;

/**
 * The whole of `body` when it has at most `maxBytes`; undefined when there is more, of which nothing is kept and no more is read.
 *
 * @param onPart Told of each part as it comes, e.g. to see that something comes at all.
 */
export async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  onPart: () => void = () => {},
): Promise<Bytes | undefined> {
  let held = new Uint8Array(Math.min(FIRST_BYTES, maxBytes));
  let size = 0;
  for await (const part of body ?? []) {
    onPart();
    const end = size + part.length;
    // Leaving the loop cancels the stream.
    if (end > maxBytes) return undefined;
    if (end > held.length) {
      const more = new Uint8Array(Math.min(maxBytes, Math.max(end, 2 * held.length)));
      more.set(held.subarray(0, size));
      held = more;
    }
    // Copied: a part of one byte is as a rule a view of a buffer of 64 KiB, which would be kept with it.
    held.set(part, size);
    size = end;
  }
  // Without the room that was not needed.
  return held.length === size ? held : held.slice(0, size);
}

/**
 * Reading what a server sends, never more of it than expected.
 *
 * @module
 */
import { type Bytes, concat } from "./bytes.ts";

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
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    onPart();
    size += part.length;
    // Leaving the loop cancels the stream.
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return concat(parts);
}

/**
 * Pieces of a sparse image: what a layout writer gives instead of one large array, so that an image of
 * 512 MiB with 60 MB of content costs 60 MB.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

/** A piece of a sparse image; everything outside the pieces is zero. */
export interface Extent {
  /** In bytes from the start of the image. */
  offset: number;
  data: Uint8Array;
}

/** The extents moved `by` bytes. */
export function shifted(extents: readonly Extent[], by: number): Extent[] {
  return extents.map(({ offset, data }) => ({ offset: offset + by, data }));
}

/** The whole image of `size` bytes in memory; for small ones and for tests. */
export function flatten(size: number, extents: readonly Extent[]): Bytes {
  const out = new Uint8Array(size);
  for (const { offset, data } of extents) out.set(data, offset);
  return out;
}

import { utf8 } from "../../lib/bytes.ts";
import { TAR_BLOCK } from "../../lib/formats/tar.ts";

/** `archive` with bytes of the header at `offset` changed, from `at` on in it, and its checksum set right again. */
export function patchedTar(archive: Uint8Array, at: number, bytes: Uint8Array, offset = 0) {
  const out = new Uint8Array(archive);
  out.set(bytes, offset + at);
  out.fill(0x20, offset + 148, offset + 156);
  const sum = out.subarray(offset, offset + TAR_BLOCK).reduce((a, b) => a + b, 0);
  out.set(utf8(sum.toString(8).padStart(6, "0") + "\0"), offset + 148);
  return out;
}

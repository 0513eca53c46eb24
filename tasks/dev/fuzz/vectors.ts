/**
 * Files that real programs have made, as the tests keep them: samples that do not come from our own idea of a format.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import type { Bytes } from "../../../lib/bytes.ts";

const FOLDER = new URL("../../../tests/vectors/foreign/", import.meta.url);

/** The file `name` below `tests/vectors/foreign/`. */
export function vector(name: string): Bytes {
  return Deno.readFileSync(new URL(name, FOLDER));
}

/** The same, unpacked; by another reader than those that are tried. */
export function unpacked(name: string): Bytes {
  return new Uint8Array(gunzipSync(vector(`formats/${name}.gz`)));
}

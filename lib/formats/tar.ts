/**
 * Tar archives: POSIX ustar with pax extended headers, and GNU long names when reading.
 * Refused: sparse files, multi-volume parts, old compressions, anything malformed.
 * Spec: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header".
 *
 * @module
 */
export { TAR_BLOCK, type TarEntry, type TarKind } from "./tar_entry.ts";
export { firstTarPath } from "./tar_headers.ts";
export { readTar, type ReadTarOptions } from "./tar_read.ts";
export { writeTar, type WriteTarOptions } from "./tar_write.ts";
export { safePath } from "./safe_path.ts";

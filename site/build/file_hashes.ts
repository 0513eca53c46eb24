/**
 * Hashes of files that are too big to be read at every build, remembered by place, size and time of change. A file that
 * changed in the last seconds is read again next time: its time could be that of the next change too.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import type { Bytes } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";

/** What is known of a file. */
export interface FileHash {
  size: number;
  /** SHA-256 in hex. */
  sha256: string;
  /** BLAKE2b-512, what minisign signs. */
  digest: Bytes;
}

/** Times are kept in whole seconds; files younger than this many are not remembered. */
const SETTLED_SECONDS = 3;

const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const entrySchema = v.strictObject({
  size: v.number(),
  mtime: v.number(),
  sha256: hex(64),
  digest: hex(128),
});
type Entry = v.InferOutput<typeof entrySchema>;

/** The hashes; one file in a cache folder. */
export class FileHashes {
  readonly #used = new Map<string, Entry>();

  private constructor(
    readonly host: Host,
    readonly file: string,
    readonly known: ReadonlyMap<string, Entry>,
  ) {}

  /** Reads what is remembered in `dir`; what can't be read is forgotten. */
  static async load(host: Host, dir: string): Promise<FileHashes> {
    const file = `${dir}/hashes.json`;
    let known: Record<string, Entry> = {};
    try {
      const schema = v.record(v.string(), entrySchema);
      if (await host.stat(file)) known = v.parse(schema, JSON.parse(await host.readTextFile(file)));
    } catch {
      known = {};
    }
    return new FileHashes(host, file, new Map(Object.entries(known)));
  }

  /** Size and hashes of the file at `path`. */
  async of(path: string): Promise<FileHash> {
    const info = await this.host.stat(path);
    if (info?.kind !== "file") throw new UserError(`read ${path}`, "it is no file");
    const known = this.known.get(path);
    if (known && known.size === info.size && known.mtime === info.mtime) {
      this.#used.set(path, known);
      return { size: known.size, sha256: known.sha256, digest: decodeHex(known.digest) };
    }
    const facts = await hashFile(this.host, path);
    if (this.host.now().getTime() / 1000 - info.mtime >= SETTLED_SECONDS) {
      const { size, sha256, digest } = facts;
      this.#used.set(path, { size, mtime: info.mtime, sha256, digest: encodeHex(digest) });
    }
    return facts;
  }

  /** Remembers what was asked for since it was loaded. */
  async store(): Promise<void> {
    if (this.#used.size === 0) return;
    await this.host.mkdir(this.file.slice(0, this.file.lastIndexOf("/")), { mode: 0o700 });
    await this.host.writeFile(this.file, canonicalJson(Object.fromEntries(this.#used)));
  }
}

/** Reads a file once for its size and both hashes, in constant memory. */
export async function hashFile(host: Host, path: string): Promise<FileHash> {
  const sha256 = createHash("sha256");
  const blake = createHash("blake2b512");
  let size = 0;
  for await (const piece of host.readChunks(path)) {
    sha256.update(piece);
    blake.update(piece);
    size += piece.length;
  }
  return { size, sha256: sha256.digest("hex"), digest: new Uint8Array(blake.digest()) };
}

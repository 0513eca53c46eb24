/**
 * Where a site can be published: the few operations that uploading needs, so that its order can be tested without a
 * network.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

/** Facts that go with a file's content. */
export interface FileFacts {
  contentType: string;
  cacheControl: string;
  /** SHA-256 of the content, hex. */
  sha256: string;
  /** Free words that {@linkcode Target.stat} gives back, where the target can keep them. */
  mark?: string;
}

/** A file's content: in memory, or read piece by piece. */
export interface Content {
  size: number;
  read(): Promise<Bytes>;
  chunks(): AsyncIterable<Bytes>;
}

/** What a target knows of a file. */
export interface RemoteFile {
  size: number;
  /** Only where the target keeps it. */
  sha256?: string;
  mark?: string;
}

/** One file of a listing. */
export interface ListedFile {
  path: string;
  size: number;
  /** MD5 of the content in hex; undefined when the target gives another tag. */
  md5?: string;
}

/** What must hold for a put: the file still has this tag, or (`tag` undefined) there is none yet. */
export interface PutCondition {
  tag: string | undefined;
}

/** A place to publish to. Failures are {@linkcode UserError}s of one line. */
export interface Target {
  /** As people name it, e.g. "s3://fleet/site". */
  readonly name: string;
  /** Whether {@linkcode FileFacts.mark} is kept. */
  readonly keepsMarks: boolean;
  /** Content and tag of a file; undefined when there is none. */
  get(path: string, maxBytes: number): Promise<{ bytes: Bytes; tag: string } | undefined>;
  /** What is known of a file without reading it; undefined when there is none. */
  stat(path: string): Promise<RemoteFile | undefined>;
  /** Everything below a prefix, in any order. */
  list(prefix: string): AsyncIterable<ListedFile>;
  /** Puts a file so that readers see the old or the new content. */
  put(path: string, content: Content, facts: FileFacts, condition?: PutCondition): Promise<void>;
  remove(path: string): Promise<void>;
}

/** Content that is in memory. */
export function inMemory(bytes: Bytes): Content {
  return {
    size: bytes.length,
    read: () => Promise.resolve(bytes),
    async *chunks() {
      yield bytes;
    },
  };
}

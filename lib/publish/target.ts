/**
 * Where a site can be published: the few operations that uploading needs, so that its order can be tested without a
 * network.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, equal } from "../bytes.ts";
import { UserError } from "../errors.ts";

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

/** A file that was read. */
export interface ReadFile {
  bytes: Bytes;
  /** The target's own word for this very content; undefined when it has none that can be relied on. */
  tag?: string;
}

/** What a target knows of a file. */
export interface RemoteFile {
  size: number;
  /** What was said of it when it was put, only where the target keeps it; its content may have been changed since. */
  sha256?: string;
  mark?: string;
  /** As {@linkcode ListedFile.ageMs}. */
  ageMs?: number;
  /** As {@linkcode ListedFile.tag}. */
  tag?: string;
}

/** One file of a listing. */
export interface ListedFile {
  path: string;
  size: number;
  /** How long it has been as it is, in milliseconds by the target's own clock; undefined when that can't be told. */
  ageMs?: number;
  /** The target's own word for its content, for {@linkcode Target.holds}. */
  tag?: string;
}

/** What {@linkcode Target.holds} may believe. */
export type Belief =
  /** What was said of the file when it was put: nobody but us puts anything. */
  | "facts"
  /** What the target itself has found out of the content, else the content. */
  | "content";

/** What must hold for a put: the file is still what was read before, or (undefined) there is still none. */
export interface PutCondition {
  before: ReadFile | undefined;
}

/** A file that is longer than it may be. */
export class LongFileError extends UserError {
  constructor(target: string, readonly path: string, maxBytes: number, options: ErrorOptions = {}) {
    super(`publish to ${target}`, `its ${path} is longer than ${maxBytes} bytes`, options);
    this.name = "LongFileError";
  }
}

/** A place to publish to. Failures are {@linkcode UserError}s of one line. */
export interface Target {
  /** As people name it, e.g. "s3://fleet/site". */
  readonly name: string;
  /** Whether {@linkcode FileFacts.mark} is kept. */
  readonly keepsMarks: boolean;
  /** What could not be done as it should be and was done otherwise, a line each. */
  readonly remarks: ReadonlySet<string>;
  /** Content and tag of a file; undefined when there is none. @throws {LongFileError} */
  get(path: string, maxBytes: number): Promise<ReadFile | undefined>;
  /** What is known of a file without reading it; undefined when there is none. */
  stat(path: string): Promise<RemoteFile | undefined>;
  /** Everything whose path begins with `prefix`, in any order. Paths are as they are there: anybody's. */
  list(prefix: string): AsyncIterable<ListedFile>;
  /** Whether a file of a listing has this content. */
  holds(file: ListedFile, content: Content, belief: Belief): Promise<boolean>;
  /** Puts a file so that readers see the old or the new content. */
  put(path: string, content: Content, facts: FileFacts, condition?: PutCondition): Promise<void>;
  /** Lets a file be read by those that the target was opened for, where it keeps such a thing for each file. */
  allow(path: string): Promise<void>;
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

/** SHA-256 of a content. */
export async function digestOf(chunks: AsyncIterable<Bytes>): Promise<Buffer> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

/** Whether two contents are the same; undefined is that of no file. */
export function sameContent(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a && b ? equal(a, b) : a === b;
}

/** Refuses a put whose condition does not hold; `now` is the file's content. @throws {UserError} */
export function checkCondition(
  target: string,
  now: Bytes | undefined,
  { before }: PutCondition,
): void {
  if (sameContent(now, before?.bytes)) return;
  throw new UserError(`publish to ${target}`, "somebody else published at the same time");
}

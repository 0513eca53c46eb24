/**
 * Reads files that accounts may own, or whose path they may own a part of: within a bound, never waiting, never through a
 * link of theirs.
 *
 * @module
 */
import type { Bytes } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host, RegularFile } from "../../lib/host.ts";
import { findWay, type WayOptions } from "./way.ts";

/** Longest file of the system that is read whole (databases of accounts, key files, time zones), in bytes. */
const MAX_SYSTEM_FILE_BYTES = 4 * 1024 * 1024;

/**
 * What is at `path`, and its content where that is a regular file of at most `maxBytes`; undefined where nothing is.
 *
 * @throws {UserError} where the path leads through a link that is not root's.
 */
export async function readFacts(
  host: Host,
  path: string,
  maxBytes: number,
  options: WayOptions = {},
): Promise<RegularFile | undefined> {
  const way = await findWay(host, path, { doing: `read ${path}`, ...options });
  return await host.readRegular(way, maxBytes);
}

/** Content of a file of the system; undefined where there is none, or something else, or something far too long. */
export async function readIfFile(
  host: Host,
  path: string,
  options?: WayOptions,
): Promise<Bytes | undefined> {
  return (await readFacts(host, path, MAX_SYSTEM_FILE_BYTES, options))?.data;
}

/** Text of a file of the system, as {@linkcode readIfFile}. Bytes that are no UTF-8 become replacement characters. */
export async function readTextIfFile(host: Host, path: string): Promise<string | undefined> {
  const data = await readIfFile(host, path);
  return data && new TextDecoder().decode(data);
}

/** Text of a file that every system has. @throws {UserError} where {@linkcode readTextIfFile} gives none. */
export async function readSystemText(host: Host, path: string): Promise<string> {
  const text = await readTextIfFile(host, path);
  if (text !== undefined) return text;
  throw new UserError(`read ${path}`, "it is missing, no ordinary file, or far too long");
}

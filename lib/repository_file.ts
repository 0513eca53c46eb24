/**
 * Files of a checkout. Whoever can write to the repository chooses what is in their place: a pipe that nobody writes to, a link to
 * a device without end, a file of any length.
 *
 * @module
 */
import { type Bytes, text } from "./bytes.ts";
import { UserError } from "./errors.ts";
import type { Host } from "./host.ts";

/**
 * Content of an ordinary file, or of the one that a link leads to.
 *
 * @throws {UserError} when there is none, when it is something else, or longer than `maxBytes`.
 */
export async function readRepositoryFile(
  host: Host,
  path: string,
  maxBytes: number,
): Promise<Bytes> {
  const fail = (state: string, cause?: unknown) => new UserError(`read ${path}`, state, { cause });
  try {
    const there = await host.stat(path);
    const real = there?.kind === "symlink" ? await host.realPath(path) : path;
    const info = real === undefined ? undefined : await host.stat(real);
    if (!info) throw fail("it is missing");
    if (info.kind !== "file") throw fail("it is no ordinary file");
    if (info.size > maxBytes) throw fail(`it is longer than ${maxBytes} bytes`);
    return await host.readFile(real!);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw fail("it is no readable file", error);
  }
}

/** The same as text in UTF-8. @throws {UserError} as {@linkcode readRepositoryFile}, and when it is no such text. */
export async function readRepositoryText(
  host: Host,
  path: string,
  maxBytes: number,
): Promise<string> {
  const data = await readRepositoryFile(host, path, maxBytes);
  try {
    return text(data);
  } catch (error) {
    throw new UserError(`read ${path}`, "it is no text in UTF-8", { cause: error });
  }
}

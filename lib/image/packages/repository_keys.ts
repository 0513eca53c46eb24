/**
 * Public keys of package repositories. Those that `overlay/image.yaml` pins by SHA-256 are not part of
 * this project: each is fetched once, compared with its pin and kept in the cache. A file of that name in
 * `overlay/root/etc/apk/keys` comes first, so that a build needs no network for it; files there are also
 * trusted for repositories that a command names itself.
 *
 * @module
 */
import { readRepositoryText } from "../../repository_file.ts";
import { openRepositories, type Repository, type RepositoryOptions } from "../../apk/repository.ts";
import { get, UnreachableError } from "../../apk/repository_http.ts";
import { type Bytes, sha256Hex, text } from "../../bytes.ts";
import { errorText, RefusedError, UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";

/** A key as `image.yaml` names it. */
export interface KeyPin {
  /** File name, as signatures of the repository give it. */
  name: string;
  /** Hex SHA-256 of the file. */
  sha256: string;
}

/** Where one's own copies lie, in the project. */
export const OVERLAY_KEYS = "overlay/root/etc/apk/keys";
/** Where Alpine publishes its keys. */
export const KEY_SERVER = "https://alpinelinux.org/keys";
/** Largest key file, in bytes. */
export const MAX_KEY_FILE = 16 * 1024;

/** Options of {@linkcode pinnedKeys}. */
export interface KeyOptions {
  /** Folder of the project. */
  root: string;
  /** Keeps fetched keys, in `keys/`. */
  cacheDir: string;
  /** How long the server may be silent, in milliseconds. */
  silenceMs?: number;
  /** Told in one line what is fetched. */
  onStage?: (line: string) => void;
}

/**
 * The pinned keys, PEM by file name.
 * @throws {UnreachableError} when one is in neither place and can't be fetched; {@link RefusedError} when
 * one is not what the pin says.
 */
export async function pinnedKeys(
  host: Host,
  pins: readonly KeyPin[],
  options: KeyOptions,
): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  const seen = new Map<string, string>();
  for (const pin of pins) {
    const before = seen.get(pin.name);
    if (before === pin.sha256) continue;
    if (before !== undefined) {
      throw new UserError(
        `use the repository key ${pin.name}`,
        "overlay/image.yaml pins it twice, differently",
      );
    }
    seen.set(pin.name, pin.sha256);
    keys.set(pin.name, text(await pinnedKey(host, pin, options)));
  }
  return keys;
}

/** Every key of the overlay, PEM by file name. */
export async function overlayKeys(host: Host, root: string): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const name of await host.readDir(`${root}/${OVERLAY_KEYS}`)) {
    if (!name.endsWith(".pub")) continue;
    const path = `${root}/${OVERLAY_KEYS}/${name}`;
    keys.set(name, await readRepositoryText(host, path, MAX_KEY_FILE));
  }
  return keys;
}

/**
 * Opens repositories that a command names itself: signed by a key of the overlay or, where those do not
 * do, by a pinned one (e.g. another mirror of Alpine). Pinned keys are only fetched then.
 */
export async function openGiven(
  host: Host,
  locations: readonly string[],
  pins: readonly KeyPin[],
  options: KeyOptions & Omit<RepositoryOptions, "keys" | "cacheDir">,
): Promise<{ repositories: Repository[]; keys: Map<string, string> }> {
  const own = await overlayKeys(host, options.root);
  const { arch, note, silenceMs } = options;
  const common = { arch, note, silenceMs, cacheDir: `${options.cacheDir}/apk-cache` };
  try {
    const repositories = await openRepositories(host, locations, { ...common, keys: own });
    return { repositories, keys: own };
  } catch (error) {
    if (!(error instanceof RefusedError && error.check === "key")) throw error;
    let keys: Map<string, string>;
    try {
      keys = new Map([...own, ...await pinnedKeys(host, pins, options)]);
    } catch (other) {
      // Report that the key of this repository is missing, not that Alpine's keys can't be fetched.
      throw other instanceof UnreachableError ? error : other;
    }
    const repositories = await openRepositories(host, locations, { ...common, keys });
    return { repositories, keys };
  }
}

async function pinnedKey(host: Host, pin: KeyPin, options: KeyOptions): Promise<Bytes> {
  const { name, sha256 } = pin;
  const own = `${options.root}/${OVERLAY_KEYS}/${name}`;
  if (await host.stat(own)) {
    return checked(await readKey(host, own), pin, `${OVERLAY_KEYS}/${name}`);
  }
  const kept = `${options.cacheDir}/keys/${name}`;
  const there = await host.stat(kept);
  if (there && there.size <= MAX_KEY_FILE) {
    const bytes = await host.readFile(kept);
    // A damaged copy, or one from before the pin changed, is fetched again.
    if (sha256Hex(bytes) === sha256) return bytes;
  }
  const url = `${KEY_SERVER}/${name}`;
  options.onStage?.(`fetching the repository key ${name}`);
  const bytes = checked(await fetchKey(host, url, options.silenceMs), pin, url);
  try {
    await host.mkdir(`${options.cacheDir}/keys`);
    await host.writeFile(kept, bytes);
  } catch (cause) {
    throw new UserError(`keep the repository key ${kept}`, errorText(cause), { cause });
  }
  return bytes;
}

async function fetchKey(host: Host, url: string, silenceMs: number | undefined): Promise<Bytes> {
  try {
    const limits = { maxBytes: MAX_KEY_FILE, ...(silenceMs === undefined ? {} : { silenceMs }) };
    return (await get(host, url, limits)).body;
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    const hint = `or put the file into ${OVERLAY_KEYS}/ yourself: only its SHA-256 counts`;
    const options = { cause, hint };
    const { doing, state } = cause;
    throw cause instanceof UnreachableError
      ? new UnreachableError(doing, state, options)
      : new UserError(doing, state, options);
  }
}

async function readKey(host: Host, path: string): Promise<Bytes> {
  const info = await host.stat(path);
  if (info?.kind !== "file" || info.size > MAX_KEY_FILE) {
    throw new UserError(
      `read the repository key ${path}`,
      `no file of up to ${MAX_KEY_FILE} bytes`,
    );
  }
  return await host.readFile(path);
}

function checked(bytes: Bytes, { name, sha256 }: KeyPin, from: string): Bytes {
  const found = sha256Hex(bytes);
  if (found === sha256) return bytes;
  throw new RefusedError(
    "hash",
    `trust the repository key ${from}`,
    `its SHA-256 is ${found}, overlay/image.yaml pins ${sha256}`,
    {
      document: name,
      hint: "ask Alpine's announcements whether the key has changed before you change the pin",
    },
  );
}

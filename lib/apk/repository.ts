/**
 * Package repositories (apk format v2): `<location>/<arch>/APKINDEX.tar.gz` and the packages beside it,
 * on a web server or in a plain folder. All that comes out of here has been verified: the index by its
 * signature, packages by the index.
 *
 * With a cache folder, an index is asked for conditionally and packages are fetched once. When the
 * mirror does not answer, the cached index serves and that is said once per mirror. A mirror that
 * answers with something untrusted is refused, never papered over from the cache.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import {
  type IndexFile,
  type IndexRecord,
  MAX_INDEX_BYTES,
  openIndex,
  packageFileName,
} from "./index.ts";
import { MAX_PACKAGE_BYTES, type OpenPackage, openPackage } from "./package.ts";
import { RepositoryCache } from "./repository_cache.ts";
import { get, shownUrl, UnreachableError } from "./repository_http.ts";
import type { KeyFiles } from "./signature.ts";
import type { RepositoryIndex } from "./solver.ts";

export { UnreachableError } from "./repository_http.ts";

/** Options of {@linkcode openRepositories}. */
export interface RepositoryOptions {
  /** Architecture as Alpine calls it, e.g. "x86_64". */
  arch: string;
  /** Who may sign the index. */
  keys: KeyFiles;
  /** Where downloads are kept; without it nothing is, and nothing can be done offline. */
  cacheDir?: string;
  /** How long a mirror may be silent before it counts as dead, in milliseconds, default 30,000. */
  silenceMs?: number;
  /** Told in one line when the cache has to serve for a mirror that does not answer. */
  note?: (line: string) => void;
}

/** A repository whose index has been verified. */
export interface Repository extends RepositoryIndex {
  index: IndexFile;
  /** When the index was fetched, if the mirror does not answer and the cached one serves. */
  offlineSince?: string;
  /** Fetches, verifies and reads a package of this repository. */
  open(record: IndexRecord, options?: { sha256?: string }): Promise<OpenPackage>;
}

/** Options of {@linkcode openPackages}. */
export interface OpenPackagesOptions {
  /** Hex SHA-256 each file must have, by package name, from a lock. */
  sha256?: ReadonlyMap<string, string>;
  /** How many are fetched at a time, default 4. */
  parallel?: number;
  /** Called after each package. */
  progress?: (done: number, total: number) => void;
}

/** Mirrors that were found dead, by origin, so that each is waited for and spoken of once. */
type DeadMirrors = Map<string, string>;

/** Opens one repository: a URL (http, https) or the path of a folder. */
export async function openRepository(
  host: Host,
  location: string,
  options: RepositoryOptions,
): Promise<Repository> {
  return await openOne(host, location, options, new Map());
}

/** Opens several; the first has precedence when packages are chosen. */
export async function openRepositories(
  host: Host,
  locations: readonly string[],
  options: RepositoryOptions,
): Promise<Repository[]> {
  const dead: DeadMirrors = new Map();
  const repositories: Repository[] = [];
  for (const location of locations) {
    repositories.push(await openOne(host, location, options, dead));
  }
  return repositories;
}

/** Opens packages out of the repositories that their records came from; the order is kept. */
export async function openPackages(
  repositories: readonly Repository[],
  records: readonly IndexRecord[],
  options: OpenPackagesOptions = {},
): Promise<OpenPackage[]> {
  const home = new Map(repositories.flatMap((one) => one.records.map((r) => [r, one] as const)));
  const packages = new Array<OpenPackage>(records.length);
  let next = 0, done = 0;
  const work = async () => {
    while (next < records.length) {
      const turn = next++;
      const record = records[turn]!;
      const repository = home.get(record);
      if (!repository) {
        throw new UserError(`open ${packageFileName(record)}`, "no given repository has it");
      }
      const sha256 = options.sha256?.get(record.name);
      packages[turn] = await repository.open(record, sha256 === undefined ? {} : { sha256 });
      options.progress?.(++done, records.length);
    }
  };
  await Promise.all(Array.from({ length: options.parallel ?? 4 }, work));
  return packages;
}

async function openOne(
  host: Host,
  location: string,
  options: RepositoryOptions,
  dead: DeadMirrors,
): Promise<Repository> {
  const base = location.replace(/\/+$/, "");
  const name = shownUrl(base);
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(base);
  if (isUrl && (!/^https?:/i.test(base) || !URL.canParse(base))) {
    throw new UserError(`open the package repository ${name}`, "it is no http or https URL");
  }
  const source = isUrl ? new Mirror(host, base, options, dead) : new Folder(host, base);
  const { index, offlineSince } = await source.index(options.arch, options.keys);
  const fileOf = (record: IndexRecord) => {
    const folder = record.arch === "noarch" ? options.arch : record.arch;
    return `${folder}/${packageFileName(record)}`;
  };
  const repository: Repository = {
    name,
    index,
    records: index.records,
    open: (record, { sha256 } = {}) => source.open(record, fileOf(record), sha256),
  };
  if (offlineSince !== undefined) repository.offlineSince = offlineSince;
  return repository;
}

interface FoundIndex {
  index: IndexFile;
  offlineSince?: string;
}

/** A repository in a folder, e.g. on a mounted medium. */
class Folder {
  constructor(readonly host: Host, readonly base: string) {}

  async index(arch: string, keys: KeyFiles): Promise<FoundIndex> {
    const path = `${this.base}/${arch}/APKINDEX.tar.gz`;
    return { index: openIndex(await this.#read(path, MAX_INDEX_BYTES), keys, path) };
  }

  async open(record: IndexRecord, file: string, sha256?: string): Promise<OpenPackage> {
    const bytes = await this.#read(`${this.base}/${file}`, MAX_PACKAGE_BYTES);
    return openPackage(bytes, record, sha256 === undefined ? {} : { sha256 });
  }

  async #read(path: string, maxBytes: number): Promise<Bytes> {
    const info = await this.host.stat(path);
    if (!info) {
      throw new UserError(`open the package repository ${this.base}`, `there is no ${path}`);
    }
    if (info.size > maxBytes) {
      throw new UserError(`read ${path}`, `it has more than ${maxBytes} bytes`);
    }
    return await this.host.readFile(path);
  }
}

/** A repository on a web server. */
class Mirror {
  readonly #cache?: RepositoryCache;
  readonly #origin: string;

  constructor(
    readonly host: Host,
    readonly base: string,
    readonly options: RepositoryOptions,
    readonly dead: DeadMirrors,
  ) {
    this.#origin = new URL(base).origin;
    if (options.cacheDir !== undefined) this.#cache = new RepositoryCache(host, options.cacheDir);
  }

  async index(arch: string, keys: KeyFiles): Promise<FoundIndex> {
    const url = `${this.base}/${arch}/APKINDEX.tar.gz`;
    const what = shownUrl(url);
    const cached = await this.#cache?.index(what);
    const headers: Record<string, string> = {};
    if (cached?.etag !== undefined) headers["If-None-Match"] = cached.etag;
    else if (cached?.lastModified !== undefined) headers["If-Modified-Since"] = cached.lastModified;
    try {
      const answer = await this.#get(url, { headers, maxBytes: MAX_INDEX_BYTES });
      if (answer.status === 304) {
        if (!cached) throw new UserError(`fetch ${what}`, "the server answers 304 unasked");
        return { index: openIndex(cached.bytes, keys, what) };
      }
      // Verified before it is kept: what is refused must not become the cached copy.
      const index = openIndex(answer.body, keys, what);
      const etag = answer.headers.get("ETag") ?? undefined;
      const lastModified = answer.headers.get("Last-Modified") ?? undefined;
      await this.#cache?.keepIndex(what, answer.body, {
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { lastModified }),
      });
      return { index };
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (!cached) throw error;
      const index = openIndex(cached.bytes, keys, what);
      this.#say(error, cached.fetched);
      return { index, offlineSince: cached.fetched };
    }
  }

  async open(record: IndexRecord, file: string, sha256?: string): Promise<OpenPackage> {
    const options = sha256 === undefined ? {} : { sha256 };
    const cached = await this.#cache?.package(record);
    if (cached) {
      try {
        return openPackage(cached, record, options);
      } catch (error) {
        // A damaged copy is fetched again; if the mirror's is no better, that is what is told.
        if (!(error instanceof RefusedError)) throw error;
      }
    }
    const url = `${this.base}/${file}`;
    const { body } = await this.#get(url, { maxBytes: record.size, tries: 3 });
    const opened = openPackage(body, record, options);
    await this.#cache?.keepPackage(record, body);
    return opened;
  }

  async #get(url: string, options: Parameters<typeof get>[2]) {
    const reason = this.dead.get(this.#origin);
    if (reason !== undefined) {
      throw new UnreachableError(`fetch ${shownUrl(url)}`, `${reason}, and it is not cached`);
    }
    const { silenceMs } = this.options;
    return await get(this.host, url, silenceMs === undefined ? options : { ...options, silenceMs });
  }

  #say(error: UnreachableError, fetched: string): void {
    if (this.dead.has(this.#origin)) return;
    this.dead.set(this.#origin, "the mirror does not answer");
    this.options.note?.(
      `${error.message}; going on with what is cached from ${fetched.slice(0, 10)}`,
    );
  }
}

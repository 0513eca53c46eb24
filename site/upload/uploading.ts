/**
 * Putting files of a local site to a target, each checked before it leaves, and seeing afterwards that they are there.
 *
 * @module
 */
import type { Bytes } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import { inParallel } from "../../lib/publish/pool.ts";
import { inMemory, type PutCondition, type Target } from "../../lib/publish/target.ts";
import { TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import type { LocalSite } from "./local_site.ts";
import { absent, listStored } from "./stored.ts";
import { cacheControlOf, contentTypeOf, LAST_PATH } from "./upload_plan.ts";

/** What is put in a way of its own. */
export interface Special {
  /** The timestamp as it was verified, and what must be in its place until then; undefined is anything. */
  stamp: Bytes;
  condition: PutCondition | undefined;
  /** The mark of the page that goes last. */
  mark: string;
}

/** One publishing. */
export class Uploading {
  constructor(
    readonly local: LocalSite,
    readonly target: Target,
    readonly parallel: number,
    readonly special: Special,
  ) {}

  /** Does something with each of `items`, a few at a time. */
  each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
    return inParallel(items, this.parallel, work);
  }

  /** Puts files. */
  put(paths: Iterable<string>): Promise<void> {
    return this.each(paths, async (path) => {
      const { stamp, condition, mark } = this.special;
      const isStamp = path === TIMESTAMP_PATH;
      const content = isStamp ? inMemory(stamp) : await this.local.content(path);
      const facts = {
        contentType: contentTypeOf(path),
        cacheControl: cacheControlOf(path),
        sha256: await this.local.checkedHash(path, content),
        mark: path === LAST_PATH ? mark : undefined,
      };
      await this.target.put(path, content, facts, isStamp ? condition : undefined);
    });
  }

  /**
   * Sees that everything the timestamp leads to is there, now that nodes read it: somebody else's prune may have taken what was put
   * or found a moment before. What is missing is put anew, once.
   *
   * @param stored Sizes by path.
   */
  async complete(stored: ReadonlyMap<string, number>): Promise<void> {
    const missing = await this.#missing(absent(stored, await listStored(this.target)), stored);
    await this.put(missing);
    const [still] = await this.#missing(missing, stored);
    if (still === undefined) return;
    throw new UserError(
      `publish to ${this.target.name}`,
      `${still} is gone again after it was put: somebody removes files there`,
      { hint: "nodes keep what they have; the same command puts what is missing" },
    );
  }

  /** Those that are not there when they are asked for by name: a listing may lag behind. */
  async #missing(
    paths: readonly string[],
    sizes: ReadonlyMap<string, number>,
  ): Promise<string[]> {
    const missing: string[] = [];
    await this.each(paths, async (path) => {
      if ((await this.target.stat(path))?.size !== sizes.get(path)) missing.push(path);
    });
    return missing;
  }
}

/**
 * Keeps on the drive what was accepted, and brings it back: the guard against older serials, and the last good documents.
 *
 * @module
 */
import type { Bytes } from "../../lib/bytes.ts";
import { reasonOf } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { openSite } from "../../lib/trust/client.ts";
import type { TrustState } from "../../lib/trust/roots.ts";
import { whileWritable } from "../identity/drive.ts";
import type { Identity } from "../identity/read.ts";
import { AgentError, isFull } from "../report/problem.ts";
import { STATE_DIR } from "../system/paths.ts";
import { type Publication, readPublication } from "./read.ts";
import {
  dropState,
  goodFetch,
  loadState,
  sameGood,
  saveState,
  stateForGood,
  type Stored,
} from "./record.ts";

export class Keeper {
  #stored: Stored;
  #trust: TrustState;
  /** Whether the drive holds what was accepted last. */
  #kept: boolean;
  /** What is left after {@linkcode Keeper.drop}, while the drive has not taken it. */
  #owed?: TrustState;
  /**
   * What to say when the drive had lost what was accepted before, since nothing guarded the next publication against being
   * an older one then. Undefined when all is well, as with a new drive.
   */
  readonly loss?: string;

  private constructor(readonly host: Host, readonly identity: Identity, stored: Stored) {
    this.#stored = stored;
    this.#trust = stored.trust;
    this.#kept = stored.sequence > 0;
    if (stored.remains) this.loss = lossOf(stored.remains);
  }

  /** Reads the record of the mounted drive. */
  static async open(host: Host, identity: Identity): Promise<Keeper> {
    return new Keeper(host, identity, await loadState(host, STATE_DIR));
  }

  /**
   * Takes what another agent of this node has kept since; gives whether there was something. What was accepted is then what
   * that agent accepted.
   */
  async refresh(): Promise<boolean> {
    const found = await loadState(this.host, STATE_DIR);
    if (found.sequence <= this.#stored.sequence) return false;
    this.#stored = found;
    this.#trust = found.trust;
    this.#kept = true;
    this.#owed = undefined;
    return true;
  }

  /** What the next publication is compared with; known in memory even when the drive can't be written. */
  get trust(): TrustState {
    return this.#trust;
  }

  /** What guards against older serials at the next boot. */
  get guard(): "drive" | "image" {
    return this.#kept ? "drive" : "image";
  }

  /** Whether there are last good documents. */
  get hasGood(): boolean {
    return this.#stored.good !== undefined;
  }

  /**
   * Keeps an accepted publication. Writes nothing when the drive has it already.
   *
   * @throws {AgentError} "state" when the drive can't take it; it is remembered in memory all the same.
   */
  async keep(publication: Publication): Promise<void> {
    const { state, files } = publication.view;
    this.#trust = state;
    this.#owed = undefined;
    await this.#keeping(async () => {
      if (await this.#hasAlready(state, files)) return;
      await this.#write(() => saveState(this.host, STATE_DIR, this.#stored, state, files));
    });
  }

  /**
   * Lets go of everything that was accepted before, the last good documents included: the root chain has dropped a key that
   * may have vouched for it. `left` is what still binds; without it, what could not be written before is tried again.
   *
   * @throws {AgentError} "state" when the drive can't take it; it is remembered in memory all the same.
   */
  async drop(left = this.#owed): Promise<void> {
    if (left === undefined) return;
    this.#trust = left;
    this.#owed = left;
    this.#stored = { ...this.#stored, trust: left, good: undefined };
    await this.#keeping(() =>
      this.#write(() => dropState(this.host, STATE_DIR, this.#stored, left))
    );
    this.#owed = undefined;
  }

  async #write(save: () => Promise<Stored>): Promise<void> {
    this.#kept = false;
    this.#stored = await whileWritable(this.host, this.identity.name, save);
    this.#kept = true;
  }

  async #keeping(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const doing = "keep the accepted serial on the drive";
      // A full drive must not be told as a full RAM, which its cause would be taken for.
      if (isFull(error)) throw new AgentError("state", doing, "it is full");
      throw new AgentError("state", doing, reasonOf(error), { cause: error });
    }
  }

  /**
   * The last good documents, verified anew; they may have expired.
   *
   * @throws {RefusedError} when they don't hold any more, {@link AgentError} when they can't be read.
   */
  async lastGood(): Promise<Publication> {
    const { good } = this.#stored;
    if (good === undefined) throw new AgentError("state", "use last good documents", "none");
    const view = await openSite({
      pinned: this.identity.pinned,
      state: stateForGood(this.#stored),
      now: this.host.now(),
      fetch: goodFetch(this.host, `${STATE_DIR}/${good}`),
      allowExpired: true,
    });
    return await readPublication(view, this.identity);
  }

  async #hasAlready(state: TrustState, files: ReadonlyMap<string, Bytes>): Promise<boolean> {
    const { trust, good } = this.#stored;
    if (good === undefined || trust.serial !== state.serial || trust.issued !== state.issued) {
      return false;
    }
    if (trust.rootVersion !== state.rootVersion || trust.rootDigest !== state.rootDigest) {
      return false;
    }
    return await sameGood(this.host, `${STATE_DIR}/${good}`, files);
  }
}

function lossOf(remains: readonly string[]): string {
  return `Cannot tell which serial was accepted before: no record in state/ of the identity drive is whole (there are ` +
    `${remains.join(", ")}). The first publication since counted whatever its serial was`;
}

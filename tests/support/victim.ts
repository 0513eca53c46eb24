/**
 * A node that an attack is played against: it remembers what it accepted, as the agent does, and reads of each site what the
 * agent reads and the documents for people besides.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { type Bytes, text } from "../../lib/bytes.ts";
import { RefusedError } from "../../lib/errors.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import type { PublicKey } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { NO_STATE, type TrustState } from "../../lib/trust/roots.ts";
import type { Fetch } from "../../lib/trust/verified.ts";
import { AGE_PATH, fetchFrom, MAIN, NODE_PATH, signedSite, type SiteSpec } from "./signed_site.ts";

/** When attacks happen, unless a test says otherwise: four hours after publications are issued. */
export const NOW = new Date("2026-11-23T00:00:00Z");

/** A publication that says `word` in everything it holds. */
export function publication(serial: number, word: string, spec: SiteSpec = {}): Map<string, Bytes> {
  return signedSite({
    serial,
    documents: { [NODE_PATH]: { type: "node", text: JSON.stringify({ word }) + "\n" } },
    hashed: { [AGE_PATH]: `age ${word}` },
    ...spec,
  });
}

/** What was read of a publication. */
export interface Believed {
  document: string;
  instructions: string;
  view: SiteView;
}

/** The node. */
export class Victim {
  state: TrustState = NO_STATE;
  pinned: PublicKey = publicKeyOf(MAIN);
  now = NOW;

  /** Reads a site as it is given, and remembers it when all of it holds. */
  async read(site: ReadonlyMap<string, Bytes> | Fetch): Promise<Believed> {
    const fetch = typeof site === "function" ? site : fetchFrom(site);
    const { pinned, state, now } = this;
    const view = await openSite({ pinned, state, now, fetch });
    const instructions = text(await view.getHashed(AGE_PATH));
    const document = text(await view.get(NODE_PATH, "node"));
    this.state = view.state;
    return { document, instructions, view };
  }

  /** Fails unless the site is believed and says `word`. */
  async believes(site: ReadonlyMap<string, Bytes>, word: string): Promise<Believed> {
    const believed = await this.read(site);
    const { document, instructions } = believed;
    assertEquals([document, instructions], [`{"word":"${word}"}\n`, `age ${word}`]);
    return believed;
  }

  /** Fails unless the site is refused by this check, and nothing is remembered of it. */
  async refuses(site: ReadonlyMap<string, Bytes> | Fetch, check: string): Promise<RefusedError> {
    const before = this.state;
    const error = await assertRejects(() => this.read(site), RefusedError);
    assertEquals(error.check, check, error.message);
    assertEquals(this.state, before);
    return error;
  }
}

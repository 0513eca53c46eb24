/**
 * A node's seed: what its machine-id and the like are derived from. It stands encrypted in the node's file and on each of its
 * identity drives, so that a new drive changes none of them.
 *
 * @module
 */
import { decodeHex, encodeHex } from "@std/encoding/hex";
import type { Bytes } from "../bytes.ts";

const SEED_BYTES = 32;
const SEED = /^[0-9a-f]{64}$/;

/** A new seed, as it is written: 32 random bytes in hex. */
export function generateSeed(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(SEED_BYTES)));
}

/** The bytes of a seed as it is written. @throws when it is none; the message does not quote it. */
export function parseSeed(given: string): Bytes {
  const text = given.trim();
  if (!SEED.test(text)) throw new Error(`it is no seed of ${SEED_BYTES} bytes in hex`);
  return decodeHex(text) as Bytes;
}

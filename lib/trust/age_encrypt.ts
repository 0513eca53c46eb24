/**
 * Encryption for the site build, which encrypts for thousands of nodes: the fast way where it does, else the package's.
 * Not part of the agent.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import { encryptTo } from "./age.ts";
import { encryptNative, nativeRecipient } from "./age_native.ts";

/** The same as {@linkcode encryptTo}, several times as fast for short texts and X25519 recipients. */
export async function encryptQuickly(
  recipients: readonly string[],
  plaintext: Uint8Array,
): Promise<Bytes> {
  const keys = recipients.map(nativeRecipient);
  const quick = keys.every((key) => key !== undefined) ? encryptNative(keys, plaintext) : undefined;
  return quick ?? await encryptTo(recipients, plaintext);
}

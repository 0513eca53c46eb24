/**
 * New age identities. Apart from age.ts because the agent never makes keys.
 *
 * @module
 */
import { generateX25519Identity, identityToRecipient } from "age-encryption";

/** A secret key and its public half. */
export interface IdentityPair {
  /** "AGE-SECRET-KEY-1…"; secret. */
  readonly identity: string;
  /** "age1…" */
  readonly recipient: string;
}

/** A new X25519 identity: the kind that every age program reads. */
export async function generateIdentity(): Promise<IdentityPair> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The text of an identity file as `age-keygen` writes it; store it readable by its owner only. */
export function formatIdentityFile(pair: IdentityPair): string {
  return `# public key: ${pair.recipient}\n${pair.identity}\n`;
}

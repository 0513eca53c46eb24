/**
 * New age identities. Apart from age.ts because the agent never makes keys.
 *
 * @module
 */
import {
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";

/** A secret key and its public half. */
export interface IdentityPair {
  /** "AGE-SECRET-KEY-1…" or "AGE-SECRET-KEY-PQ-1…"; secret. */
  readonly identity: string;
  /** "age1…" or "age1pq1…" */
  readonly recipient: string;
}

/** Options of {@linkcode generateIdentity}. */
export interface IdentityKind {
  /** A hybrid of ML-KEM-768 and X25519: what is recorded today stays secret when X25519 is broken. Default X25519 alone. */
  postQuantum?: boolean;
}

/** A new identity. The X25519 kind is the one that every age program reads. */
export async function generateIdentity(kind: IdentityKind = {}): Promise<IdentityPair> {
  const identity = await (kind.postQuantum ? generateHybridIdentity() : generateX25519Identity());
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The public half of an identity. */
export async function identityRecipient(identity: string): Promise<string> {
  return await identityToRecipient(identity);
}

/** The text of an identity file as `age-keygen` writes it; store it readable by its owner only. */
export function formatIdentityFile(pair: IdentityPair): string {
  return `# public key: ${pair.recipient}\n${pair.identity}\n`;
}

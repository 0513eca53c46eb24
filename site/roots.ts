/**
 * The chain of root.json versions: which keys may sign what. A new version is made only when the keys have changed, and
 * is signed by a root key of the version before, so that nodes can follow from the key on their drive to the newest.
 *
 * @module
 */
import { sha256Hex } from "../lib/bytes.ts";
import { UserError } from "../lib/errors.ts";
import { formatComment, type Role, ROLES } from "../lib/trust/comment.ts";
import { canonicalJson, type Root, rootPath } from "../lib/trust/freshness.ts";
import { parsePublicKey, publicKeyLine } from "../lib/trust/minisign.ts";
import type { BuildOptions, SignedRoot } from "./build.ts";

/** What {@linkcode extendRoots} needs beside the chain. */
export interface RootOptions {
  /** Public key lines by role, as they shall be. */
  roles: Record<Role, string[]>;
  /** UTC time to the second. */
  issued: string;
  sign: BuildOptions["sign"];
  /** Public key line of the key that signs for the root role now. */
  signer: string;
}

/** The chain, with one more version when `roles` differ from its newest. */
export async function extendRoots(
  roots: readonly SignedRoot[],
  options: RootOptions,
): Promise<SignedRoot[]> {
  const newest = roots.at(-1)?.root;
  if (newest && ROLES.every((role) => sameKeys(newest.roles[role], options.roles[role]))) {
    return [...roots];
  }
  const signers = newest?.roles.root ?? options.roles.root;
  if (!signers.map(plain).includes(plain(options.signer))) {
    throw new UserError(
      `Cannot change the site's keys: root version ${(newest?.version ?? 0) + 1} must be signed ` +
        `by a root key of version ${newest?.version}`,
    );
  }
  const root: Root = {
    version: (newest?.version ?? 0) + 1,
    issued: options.issued,
    roles: options.roles,
  };
  const json = canonicalJson(root);
  const path = rootPath(root.version);
  const comment = formatComment({
    type: "root",
    path,
    issued: options.issued,
    sha256: sha256Hex(json),
  });
  return [...roots, { root, json, minisig: await options.sign("root", json, comment) }];
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.map(plain).sort().join() === b.map(plain).sort().join();
}

function plain(line: string): string {
  return publicKeyLine(parsePublicKey(line));
}

/**
 * Replaces one role's key: a new key pair, and the next version of the root document, signed by the root key of the version
 * before, that lists it instead of the old one. Nodes follow at their next look at the site; the old key then signs nothing.
 *
 * Needs the root key (`minisign.seckey`) and never the key that is replaced, so a lost or stolen one is replaced in the same
 * way. When a config key is dropped, nodes also forget the highest serial they accepted: its thief may have set it so high
 * that no honest publication would ever get there.
 *
 * Done in steps that can be cut anywhere: the new pair is written to `next/`, then the root document, then the old pair goes
 * to `retired/` and the new one takes its place. A second run finishes a first one.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Role, ROLES } from "./comment.ts";
import { type Keyring, loadKeyring, MAIN_KEY, mapRoles, type Signer } from "./keyring.ts";
import {
  formatPublicKey,
  keyIdHex,
  parsePublicKey,
  type PublicKey,
  publicKeyLine,
} from "./minisign.ts";
import { formatSecretKey, generateKey, type KdfCost, publicKeyOf } from "./minisign_sign.ts";
import { once } from "./passphrase.ts";
import { loadRoots, rollRoots } from "./root_sign.ts";

/** Options of {@linkcode rotateKey}. */
export interface RotateOptions {
  issued: string;
  /** Asked when a key of the folder is encrypted: for the root key, and for the new key. */
  passphrase: () => Promise<string>;
  /** Signs the root document instead of the folder's root key. */
  signer?: Signer;
  /** Cost of the passphrase; default as the C program. */
  cost?: KdfCost;
}

/** What {@linkcode rotateKey} did. */
export interface Rotated {
  /** Version of the root document that lists the new key. */
  version: number;
  /** Roles that the new key has. */
  roles: Role[];
  before: PublicKey;
  after: PublicKey;
  /** Where the old pair is now; undefined when it still has other roles. */
  retired?: string;
}

/** Replaces the key of `role`. Rotating the root replaces the key of every role that has none of its own. */
export async function rotateKey(
  host: Host,
  dir: string,
  role: Role,
  options: RotateOptions,
): Promise<Rotated> {
  const name = role === "root" ? MAIN_KEY : role;
  const chain = await loadRoots(host, dir);
  const newest = chain?.files.at(-1)?.root;
  if (!newest) {
    throw new UserError(`rotate the ${role} key`, `there is no root document in ${dir} yet`, {
      hint: "deno task site makes the first one",
    });
  }
  const next = `${dir}/next/${name}`;
  const pending = await readPending(host, next);
  const line = pending && publicKeyLine(pending);
  if (pending && line && newest.roles[role].includes(line)) {
    const { version } = newest;
    const before = parsePublicKey(chain.files.at(-2)!.root.roles[role][0]!);
    const roles = ROLES.filter((one) => newest.roles[one].includes(line));
    return { version, roles, before, after: pending, retired: await takePlace(host, dir, name) };
  }
  const passphrase = once(options.passphrase);
  const keyring = await loadKeyring(host, dir, { passphrase });
  const roles = ROLES.filter((one) => one === role || (role === "root" && usesMain(keyring, one)));
  const signer = options.signer ?? await keyring.signer("root");
  const secret = generateKey();
  const after = publicKeyOf(secret);
  const text = await formatSecretKey(secret, {
    passphrase: keyring.encrypted ? await passphrase() : undefined,
    cost: options.cost,
  });
  await host.mkdir(`${dir}/next`, { mode: 0o700 });
  await host.writeFile(`${next}.seckey`, text, { mode: 0o600 });
  await host.writeFile(`${next}.pubkey`, formatPublicKey(after));
  const publicKeys = mapRoles((one) => roles.includes(one) ? after : keyring.publicKeys[one]);
  const { version } = await rollRoots(host, { ...keyring, publicKeys }, {
    issued: options.issued,
    signer,
  });
  const retired = await takePlace(host, dir, name);
  return { version, roles, before: keyring.publicKeys[role], after, retired };
}

function usesMain(keyring: Keyring, role: Role): boolean {
  return keyring.keyFiles[role] === MAIN_KEY;
}

async function readPending(host: Host, path: string): Promise<PublicKey | undefined> {
  if (!await host.stat(`${path}.pubkey`)) return undefined;
  return parsePublicKey(await host.readTextFile(`${path}.pubkey`));
}

/** Moves the pair in use to `retired/`, then the next one to its place. */
async function takePlace(host: Host, dir: string, name: string): Promise<string | undefined> {
  let retired: string | undefined;
  if (await host.stat(`${dir}/${name}.pubkey`)) {
    const old = parsePublicKey(await host.readTextFile(`${dir}/${name}.pubkey`));
    const listed = parsePublicKey(await host.readTextFile(`${dir}/next/${name}.pubkey`));
    if (publicKeyLine(old) !== publicKeyLine(listed)) {
      retired = `${dir}/retired/${name}-${keyIdHex(old)}`;
      await host.mkdir(`${dir}/retired`, { mode: 0o700 });
      for (const end of ["seckey", "pubkey"]) {
        const from = `${dir}/${name}.${end}`;
        if (await host.stat(from)) await host.rename(from, `${retired}.${end}`);
      }
    }
  }
  // The public half last: while it is in next/ there is something to finish.
  for (const end of ["seckey", "pubkey"]) {
    const from = `${dir}/next/${name}.${end}`;
    if (await host.stat(from)) await host.rename(from, `${dir}/${name}.${end}`);
  }
  await host.remove(`${dir}/next`);
  return retired;
}

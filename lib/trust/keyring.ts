/**
 * The admin's keys folder: `minisign.pubkey` and `minisign.seckey` sign everything; `config.*`, `timestamp.*` and
 * `release.*`, where they exist, take over these roles. `root/<n>.json` with `.minisig` is the chain of root documents (root_sign.ts).
 *
 * Secret keys are decrypted when first needed. Refused: secret key files that others may read, key files whose halves
 * don't belong together.
 *
 * @module
 */
import { readRepositoryText } from "../repository_file.ts";
import { dirname, resolve } from "node:path";
import { sha256Hex } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { FileInfo, Host } from "../host.ts";
import { type DocumentType, type Facts, formatComment, type Role, ROLES } from "./comment.ts";
import { keyIdHex, parsePublicKey, type PublicKey, publicKeyLine } from "./minisign.ts";
import {
  isEncrypted,
  parseSecretKey,
  publicKeyOf,
  type SecretKey,
  sign,
  signDigest,
} from "./minisign_sign.ts";
import { findPassphrase, once } from "./passphrase.ts";

/** Name of the key pair that signs everything that has no key of its own. */
export const MAIN_KEY = "minisign";
/** Roles that may have a key pair of their own, under this file name. */
export const OWN_KEYS = ["config", "timestamp", "release"] as const satisfies Role[];

/** Links that are followed to a secret key file. */
const MAX_LINKS = 8;

/** Signs with one role's key. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The `.minisig` text for `data`, bound to these facts. */
  sign(data: Uint8Array, facts: Omit<Facts, "sha256">): string;
  /** The `.minisig` text for `data` with any trusted comment. */
  signWithComment(data: Uint8Array, trustedComment: string): string;
  /** The same for data of which only the prehash is at hand. */
  signDigestWithComment(digest: Uint8Array, trustedComment: string): string;
}

/** Signs one publication of a site. */
export type SignDocument = (
  role: Role,
  data: Uint8Array,
  type: DocumentType,
  path: string,
) => string;

/** The keys in a folder. */
export interface Keyring {
  readonly dir: string;
  /** Public keys by role. */
  readonly publicKeys: Readonly<Record<Role, PublicKey>>;
  /** Name of each role's key files, without the ending. */
  readonly keyFiles: Readonly<Record<Role, string>>;
  /** Whether any secret key needs the passphrase. */
  readonly encrypted: boolean;
  /** Decrypts the role's key at the first call. */
  signer(role: Role): Promise<Signer>;
  /** A function that signs documents of one publication; decrypts all keys now. */
  signSite(publication: { serial: number; issued: string }): Promise<SignDocument>;
}

/** Options of {@linkcode loadKeyring}. */
export interface KeyringOptions {
  /** Asked at most once; default: {@linkcode findPassphrase} without a prompt. */
  passphrase?: () => Promise<string>;
}

interface KeyPair {
  readonly publicKey: PublicKey;
  readonly secretText?: string;
}

/**
 * Reads the keys in `dir`.
 *
 * @throws {UserError} when there are none, or a file is malformed or readable by others.
 */
export async function loadKeyring(
  host: Host,
  dir: string,
  options: KeyringOptions = {},
): Promise<Keyring> {
  const main = await loadPair(host, dir, MAIN_KEY);
  if (!main) {
    throw new UserError("open the keys", `there is no ${dir}/${MAIN_KEY}.pubkey`, {
      hint: "deno task keys init makes them",
    });
  }
  const pairs = { root: main, config: main, release: main, timestamp: main };
  const keyFiles = { root: MAIN_KEY, config: MAIN_KEY, release: MAIN_KEY, timestamp: MAIN_KEY };
  for (const role of OWN_KEYS) {
    const own = await loadPair(host, dir, role);
    if (!own) continue;
    pairs[role] = own;
    keyFiles[role] = role;
  }
  const passphrase = once(
    options.passphrase ?? (() => findPassphrase(host, { prompt: () => null })),
  );
  const unlocked = new Map<KeyPair, Promise<SecretKey>>();
  const unlock = (role: Role): Promise<SecretKey> => {
    const pair = pairs[role];
    const path = `${dir}/${keyFiles[role]}.seckey`;
    let secret = unlocked.get(pair);
    if (!secret) unlocked.set(pair, secret = decrypt(pair, path, passphrase));
    return secret;
  };
  const keyring: Keyring = {
    dir,
    publicKeys: mapRoles((role) => pairs[role].publicKey),
    keyFiles,
    encrypted: ROLES.some((role) => {
      const { secretText } = pairs[role];
      return secretText !== undefined && isEncrypted(secretText);
    }),
    signer: async (role) => signerOf(await unlock(role)),
    signSite: async ({ serial, issued }) => {
      const signers = new Map<Role, Signer>();
      for (const role of ROLES) signers.set(role, await keyring.signer(role));
      return (role, data, type, path) =>
        signers.get(role)!.sign(data, { type, path, serial, issued });
    },
  };
  return keyring;
}

/**
 * The signer of one role, when only that role's key is at hand, e.g. the timestamp key on a machine that refreshes a site.
 *
 * @throws {UserError} when the folder has no key for the role.
 */
export async function loadSigner(
  host: Host,
  dir: string,
  role: Role,
  options: KeyringOptions = {},
): Promise<Signer> {
  const own = OWN_KEYS.find((name) => name === role);
  for (const name of [...own ? [own] : [], MAIN_KEY]) {
    const pair = await loadPair(host, dir, name);
    if (!pair) continue;
    const passphrase = options.passphrase ??
      (() => findPassphrase(host, { prompt: () => null }));
    return signerOf(await decrypt(pair, `${dir}/${name}.seckey`, passphrase));
  }
  throw new UserError(`sign as ${role}`, `there is no key for it in ${dir}`, {
    hint: "deno task keys init makes keys",
  });
}

/** A signer with a decrypted key. */
export function signerOf(secret: SecretKey): Signer {
  const signWithComment = (data: Uint8Array, trustedComment: string) =>
    sign(data, secret, { trustedComment });
  return {
    publicKey: publicKeyOf(secret),
    signWithComment,
    signDigestWithComment: (digest, trustedComment) =>
      signDigest(digest, secret, { trustedComment }),
    sign: (data, facts) =>
      signWithComment(data, formatComment({ ...facts, sha256: sha256Hex(data) })),
  };
}

/** A record with a value for each role. */
export function mapRoles<T>(value: (role: Role) => T): Record<Role, T> {
  return {
    root: value("root"),
    config: value("config"),
    release: value("release"),
    timestamp: value("timestamp"),
  };
}

/** Longest file of a public key that is read, in bytes. */
const MAX_KEY_BYTES = 16 * 1024;

/** The text of a secret key file that only its owner can read. @throws {UserError} when others can, or it is missing. */
export async function readSecretKeyFile(host: Host, path: string): Promise<string> {
  const info = await statTarget(host, path);
  if (!info) throw new UserError("sign", `there is no ${path}`);
  if ((info.mode & 0o077) !== 0) {
    throw new UserError(
      `use ${path}`,
      `others may read it (mode ${info.mode.toString(8).padStart(4, "0")})`,
      { hint: `chmod 600 ${path}` },
    );
  }
  return await host.readTextFile(path);
}

/** Facts of what a chain of links ends at. */
async function statTarget(host: Host, path: string): Promise<FileInfo | undefined> {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const info = await host.stat(at);
    if (info?.kind !== "symlink") return info;
    at = resolve(dirname(at), await host.readLink(at));
  }
  return undefined;
}

async function loadPair(host: Host, dir: string, name: string): Promise<KeyPair | undefined> {
  const path = `${dir}/${name}`;
  if (!await host.stat(`${path}.pubkey`)) return undefined;
  const publicKey = await inFile(
    `${path}.pubkey`,
    async () => parsePublicKey(await readRepositoryText(host, `${path}.pubkey`, MAX_KEY_BYTES)),
  );
  if (!await host.stat(`${path}.seckey`)) return { publicKey };
  const secretText = await readSecretKeyFile(host, `${path}.seckey`);
  await inFile(`${path}.seckey`, () => Promise.resolve(isEncrypted(secretText)));
  return { publicKey, secretText };
}

async function decrypt(
  pair: KeyPair,
  path: string,
  passphrase: () => Promise<string>,
): Promise<SecretKey> {
  const { secretText, publicKey } = pair;
  if (secretText === undefined) throw new UserError("sign", `there is no ${path}`);
  // What goes wrong with the passphrase names its own source.
  const given = isEncrypted(secretText) ? await passphrase() : undefined;
  const secret = await inFile(path, () => Promise.resolve(parseSecretKey(secretText, given)));
  if (publicKeyLine(publicKeyOf(secret)) !== publicKeyLine(publicKey)) {
    const ids = `${keyIdHex(secret)} and ${keyIdHex(publicKey)}`;
    throw new UserError(`use ${path}`, `it and the .pubkey beside it are two keys (${ids})`);
  }
  return secret;
}

/** Adds the file's name to what `body` throws. */
async function inFile<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const doing = error.doing.includes(path) ? error.doing : `${error.doing} ${path}`;
    throw new UserError(doing, error.state, {
      cause: error,
      exitCode: error.exitCode,
      hint: error.hint,
    });
  }
}

/**
 * The chain of root documents in the keys folder, `root/<n>.json` with `.minisig`: made once, kept for good, copied to the
 * site as they are. Version 1 is signed by the key that nodes pin; version N+1 by a root key of version N.
 *
 * A site publishes every `root/<n>.json` and the newest as root.json too, with the same signature (it is for the path
 * `psyopsOS/root/<n>.json`).
 *
 * @module
 */
import { MAX_DOCUMENT_BYTES } from "../limits.ts";
import { readRepositoryFile, readRepositoryText } from "../repository_file.ts";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { canonicalJson } from "../json.ts";
import { parseComment, ROLES } from "./comment.ts";
import {
  keysOf,
  MAX_ROOT_VERSION,
  parseRoot,
  type Root,
  ROOT_PATH,
  rootDigest,
  rootPath,
} from "./freshness.ts";
import {
  type Keyring,
  loadKeyring,
  MAIN_KEY,
  mapRoles,
  type OWN_KEYS,
  type Signer,
  signerOf,
} from "./keyring.ts";
import {
  formatPublicKey,
  keyIdHex,
  MAX_SIGNATURE_BYTES,
  type PublicKey,
  publicKeyLine,
  verify,
} from "./minisign.ts";
import { formatSecretKey, generateKey, type KdfCost, publicKeyOf } from "./minisign_sign.ts";

/** One version of the root document as it is published. */
export interface RootFile {
  readonly root: Root;
  readonly data: Bytes;
  /** The `.minisig` text. */
  readonly signature: string;
}

/** The chain, oldest first, with the key that a new node pins. */
export interface RootChain {
  readonly files: readonly RootFile[];
  readonly pinned: PublicKey;
}

/** What a chain puts on the site: every version, and the newest as root.json; each with its `.minisig`. */
export function publishedRoots(chain: RootChain): Map<string, Bytes> {
  const out = new Map<string, Bytes>();
  const add = (path: string, file: RootFile) => {
    out.set(path, file.data);
    out.set(`${path}.minisig`, new TextEncoder().encode(file.signature));
  };
  for (const file of chain.files) add(rootPath(file.root.version), file);
  add(ROOT_PATH, chain.files[chain.files.length - 1]!);
  return out;
}

/**
 * The keys folder's chain, checked; version 1 is made and stored when there is none yet.
 *
 * @throws {UserError} when the chain does not hold, or its newest version does not list the keyring's keys.
 */
export async function ensureRoots(
  host: Host,
  keyring: Keyring,
  options: { issued: string },
): Promise<RootChain> {
  let chain = await loadRoots(host, keyring.dir);
  if (!chain) {
    const signer = await keyring.signer("root");
    await storeRoot(host, keyring, rootOf(keyring, 1, options.issued), signer);
    chain = (await loadRoots(host, keyring.dir))!;
  }
  const { root } = chain.files[chain.files.length - 1]!;
  for (const role of ROLES) {
    const line = publicKeyLine(keyring.publicKeys[role]);
    if (root.roles[role].includes(line)) continue;
    const file = `${keyring.dir}/${keyring.keyFiles[role]}.pubkey`;
    throw new UserError(
      `sign as ${role}`,
      `${file} is not in root version ${root.version}, nodes would refuse it`,
      { hint: "deno task keys rotate makes the next version with the keys that are there now" },
    );
  }
  return chain;
}

/**
 * Makes the next root version, listing the keys that are in the folder now, signed by `signer` (default: the folder's own
 * root key), which must be a root key of the version before.
 */
export async function rollRoots(
  host: Host,
  keyring: Keyring,
  options: { issued: string; signer?: Signer },
): Promise<Root> {
  const chain = await loadRoots(host, keyring.dir);
  const signer = options.signer ?? await keyring.signer("root");
  const before = chain?.files[chain.files.length - 1]?.root;
  const line = publicKeyLine(signer.publicKey);
  if (before && !before.roles.root.includes(line)) {
    throw new UserError(
      "rotate the keys",
      `key ${keyIdHex(signer.publicKey)} is no root key of version ${before.version}`,
      { hint: "sign with the old secret key: deno task keys rotate --with FILE" },
    );
  }
  const version = (before?.version ?? 0) + 1;
  if (version > MAX_ROOT_VERSION) {
    throw new UserError("rotate the keys", `version ${MAX_ROOT_VERSION} is the last`);
  }
  const next = rootOf(keyring, version, options.issued);
  if (before && rootDigest({ ...next, version: before.version }) === rootDigest(before)) {
    throw new UserError(
      "rotate the keys",
      `version ${before.version} lists just the keys that are there`,
    );
  }
  await storeRoot(host, keyring, next, signer);
  return next;
}

/** Options of {@linkcode initKeys}. */
export interface InitOptions {
  issued: string;
  /** Encrypts the secret keys; without it they are in the clear. A function is called once keys may be made. */
  passphrase?: string | (() => Promise<string>);
  /** Cost of the passphrase; default as the C program. */
  cost?: KdfCost;
  /** Roles that get a key pair of their own. */
  own?: readonly (typeof OWN_KEYS[number])[];
}

/**
 * Makes the key pairs and root version 1 in `dir` (mode 0700) and opens them.
 *
 * @throws {UserError} when there are keys already: they are never overwritten.
 */
export async function initKeys(host: Host, dir: string, options: InitOptions): Promise<Keyring> {
  const names = [MAIN_KEY, ...options.own ?? []];
  const taken = ["root", ...names.flatMap((name) => [`${name}.seckey`, `${name}.pubkey`])];
  for (const path of taken) {
    if (await host.stat(`${dir}/${path}`)) {
      throw new UserError("make keys", `${dir}/${path} exists already`, {
        hint: "nodes trust these keys; move the folder away if none does",
      });
    }
  }
  const { cost } = options;
  const passphrase = typeof options.passphrase === "function"
    ? await options.passphrase()
    : options.passphrase;
  await host.mkdir(dir, { mode: 0o700 });
  const main = generateKey();
  for (const name of names) {
    const key = name === MAIN_KEY ? main : generateKey();
    const text = await formatSecretKey(key, { passphrase, cost });
    await host.writeFile(`${dir}/${name}.seckey`, text, { mode: 0o600 });
    await host.writeFile(`${dir}/${name}.pubkey`, formatPublicKey(publicKeyOf(key)));
  }
  const keyring = await loadKeyring(host, dir, {
    passphrase: passphrase === undefined ? undefined : () => Promise.resolve(passphrase),
  });
  // With the key in memory: an encrypted one need not be decrypted again for this.
  await storeRoot(host, keyring, rootOf(keyring, 1, options.issued), signerOf(main));
  return keyring;
}

/** The chain in the folder, each version verified with the one before; undefined when there is none. */
export async function loadRoots(host: Host, dir: string): Promise<RootChain | undefined> {
  const files: RootFile[] = [];
  let pinned: PublicKey | undefined;
  for (let version = 1; version <= MAX_ROOT_VERSION; version++) {
    const path = `${dir}/root/${version}.json`;
    if (!await host.stat(path)) break;
    const data = await readRepositoryFile(host, path, MAX_DOCUMENT_BYTES);
    const signature = await readRepositoryText(host, `${path}.minisig`, MAX_SIGNATURE_BYTES);
    const root = parseRoot(data, path);
    const before = files[files.length - 1]?.root ?? root;
    const { trustedComment, key } = verify(data, signature, keysOf(before, "root"), path);
    const facts = parseComment(trustedComment);
    if (root.version !== version || facts.type !== "root" || facts.path !== rootPath(version)) {
      throw new UserError(`use ${path}`, `it is not version ${version} of the root document`);
    }
    files.push({ root, data, signature });
    pinned ??= key;
  }
  return pinned && { files, pinned };
}

function rootOf(keyring: Keyring, version: number, issued: string): Root {
  return { version, issued, roles: mapRoles((role) => [publicKeyLine(keyring.publicKeys[role])]) };
}

async function storeRoot(host: Host, keyring: Keyring, root: Root, signer: Signer): Promise<void> {
  const { version, issued } = root;
  const data = canonicalJson(root);
  const signature = signer.sign(data, { type: "root", path: rootPath(version), issued });
  const path = `${keyring.dir}/root/${version}.json`;
  await host.mkdir(`${keyring.dir}/root`);
  // The signature first: a document counts as there only once it is signed.
  await host.writeFile(`${path}.minisig`, signature);
  await host.writeFile(path, data);
}

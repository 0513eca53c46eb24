/**
 * The key that signs the index on the medium and the archive of kernel modules, as abuild-keygen makes it:
 * RSA, PEM, the public half beside it under the name that signatures give.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { sha256Hex, utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";

/** A key that is ready for mkimage.sh. */
export interface AbuildKey {
  /** File name of the private key; the public one's has ".pub" behind it. */
  name: string;
  /** PEM. */
  privateKey: string;
  publicKey: string;
  /** Where it lies. */
  path: string;
}

/** Least and usual size, as Alpine's own. */
const RSA_BITS = 4096;
const MIN_BITS = 2048;

/** Reads the one key of a folder, or makes it. @throws {UserError} when there are several or it is none. */
export async function abuildKey(host: Host, folder: string, bits = RSA_BITS): Promise<AbuildKey> {
  const names = (await host.readDir(folder)).filter((name) => name.endsWith(".rsa"));
  if (names.length > 1) {
    throw new UserError("choose a key", `${folder} has ${names.join(" and ")}`, {
      hint: "leave the one that signs images",
    });
  }
  const [name = await makeKey(host, folder, bits)] = names;
  const path = `${folder}/${name}`;
  const privateKey = await host.readTextFile(path);
  let publicKey: string;
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType !== "rsa") throw new Error("no RSA key");
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_BITS) throw new Error("too short");
    publicKey = String(createPublicKey(key).export({ type: "spki", format: "pem" }));
  } catch (cause) {
    // Not what the parser says: it may quote the file.
    throw new UserError(
      `use the key ${path}`,
      `it is no RSA private key of at least ${MIN_BITS} bits without passphrase`,
      { cause },
    );
  }
  return { name, privateKey, publicKey, path };
}

async function makeKey(host: Host, folder: string, bits: number): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const pem = String(publicKey.export({ type: "spki", format: "pem" }));
  // Named after itself: two keys of one name would pass for each other on a node.
  const name = `psyopsos-${sha256Hex(utf8(pem)).slice(0, 8)}.rsa`;
  await host.mkdir(folder, { mode: 0o700 });
  await host.writeFile(`${folder}/${name}.pub`, pem);
  const secret = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  await host.writeFile(`${folder}/${name}`, secret, { mode: 0o600 });
  return name;
}

/**
 * The key that signs the lab repository.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { ApkSigningKey } from "../apk/build.ts";
import { sha256Hex, utf8 } from "../bytes.ts";
import type { Host } from "../host.ts";

const RSA_BITS = 2048;

/** The repository's own key: made once per cache, worthless elsewhere. */
export async function signingKey(host: Host, cacheDir: string): Promise<ApkSigningKey> {
  const path = `${cacheDir}/signing.rsa`;
  if (!await host.stat(path)) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: RSA_BITS });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    await host.writeFile(path, pem, { mode: 0o600 });
  }
  const privateKey = await host.readTextFile(path);
  const id = sha256Hex(utf8(publicPem(privateKey))).slice(0, 8);
  return { name: `psyopsos-lab-${id}.rsa.pub`, privateKey };
}

/** The public half as apk wants it, PEM. */
export function publicPem(privateKey: string): string {
  const key = createPublicKey(createPrivateKey(privateKey));
  return String(key.export({ type: "spki", format: "pem" }));
}

/**
 * Signatures beside the files of a release, by the release role's key. The trusted comment names the place
 * that the file will have on a site, so that `deno task site` and nodes take the signature as it is.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { MANIFEST } from "../../documents/manifest.ts";
import { RELEASES_PATH } from "../../documents/os_update.ts";
import { UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { formatInstant } from "../../instant.ts";
import { formatComment } from "../../trust/comment.ts";
import type { Signer } from "../../trust/keyring.ts";
import { prehashChunks } from "../../trust/minisign.ts";
import { DISK_IMAGE } from "./release_forms.ts";

/** What is signed: what travels on its own. A slot's files are in its tar, and in slot.json with their hashes. */
const SIGNED = /^[\w.-]+\.(?:slot\.tar|iso|cdx\.json)$/;

/**
 * Signs a release's files.
 * @returns the names of the files that now have a `.minisig` beside them, sorted.
 */
export async function signRelease(
  host: Host,
  dir: string,
  version: string,
  signer: Signer,
): Promise<string[]> {
  const names = (await host.readDir(dir)).filter((name) =>
    SIGNED.test(name) || name === DISK_IMAGE || name === MANIFEST
  );
  if (!names.includes(MANIFEST)) {
    throw new UserError(`sign the release ${dir}`, `there is no ${MANIFEST}`);
  }
  const issued = formatInstant(host.now());
  for (const name of names) {
    const hash = createHash("sha256");
    const digest = await prehashChunks(tee(host.readChunks(`${dir}/${name}`), hash));
    const comment = formatComment({
      type: "release",
      path: `${RELEASES_PATH}/${version}/${name}`,
      issued,
      sha256: hash.digest("hex"),
    });
    await host.writeFile(
      `${dir}/${name}.minisig`,
      signer.signDigestWithComment(digest, comment),
    );
  }
  return names;
}

async function* tee(chunks: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

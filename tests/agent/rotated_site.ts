/** Sites whose keys change from one publication to the next. */
import type { Bytes } from "../../lib/bytes.ts";
import { canonicalJson } from "../../lib/json.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import type { Role } from "../../lib/trust/comment.ts";
import { expiryOf, type Root, rootPath } from "../../lib/trust/freshness.ts";
import { mapRoles, type Signer, signerOf } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import type { RootFile } from "../../lib/trust/root_sign.ts";
import { buildSite } from "../../site/build/build.ts";
import { parseFleet } from "../../site/fleet/fleet.ts";
import { buildOptions, ISSUED, KEY } from "../site/support.ts";
import { testKey } from "../support/signed_site.ts";
import { ALPHA } from "./world.ts";

/** Who signs what. */
export type Keys = Record<Role, Signer>;

const PINNED = signerOf(KEY);
/** One key for all. */
export const OLD: Keys = mapRoles(() => PINNED);

function rootFile(version: number, keys: Keys): RootFile {
  const roles = mapRoles((role) => [publicKeyLine(keys[role].publicKey)]);
  const root: Root = { version, issued: ISSUED, roles };
  const data = canonicalJson(root);
  const facts = { type: "root" as const, path: rootPath(version), issued: ISSUED };
  return { root, data, signature: PINNED.sign(data, facts) };
}

/** What is published, and when. */
export interface Publication {
  serial: number;
  motd: string;
  issued: string;
}

/** A site that says `motd`, signed by the keys of the last of `versions`, with a root document for each. */
export async function siteOf(
  { serial, motd, issued }: Publication,
  ...versions: Keys[]
): Promise<Map<string, Bytes>> {
  const keys = versions.at(-1)!;
  const fleet = parseFleet(new Map([["alpha.yaml", ALPHA.replace("hello\\n", `${motd}\\n`)]]));
  const { files } = await buildSite(fleet, {
    ...buildOptions(serial),
    issued,
    expires: expiryOf(issued, 72),
    roots: { files: versions.map((one, i) => rootFile(i + 1, one)), pinned: PINNED.publicKey },
    sign: (role, data, type, path) => keys[role].sign(data, { type, path, serial, issued }),
    encrypt: encryptTo,
  });
  return files;
}

/** The same but for the config key. */
export const ROTATED: Keys = { ...OLD, config: signerOf(testKey("new")) };

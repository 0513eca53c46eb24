/**
 * The public face of psyopsOS: what other programs need to read, check or build a fleet's site.
 *
 * A site is plain files that any web server can hand out. Every document is signed; a node's instructions are encrypted to
 * that node alone. To read one, pin a public key and open the site with it:
 *
 * ```ts ignore
 * import { NO_STATE, openSite, parseNodeDocument, parsePublicKey, SITE_PATHS } from "@psyopsos/psyopsos";
 *
 * const view = await openSite({
 *   pinned: parsePublicKey(await Deno.readTextFile("minisign.pubkey")),
 *   state: NO_STATE,
 *   now: new Date(),
 *   fetch: async (path) => (await fetch(`https://example.org/${path}`)).bytes(),
 * });
 * const path = SITE_PATHS.node("millennium");
 * console.log(parseNodeDocument(await view.get(path, "node"), "millennium").tags);
 * ```
 *
 * The command line is not here: `deno task` lists it.
 *
 * @module
 */
export { RefusedError, UserError } from "./lib/errors.ts";
export { DenoHost } from "./lib/deno_host.ts";
export type { Host } from "./lib/host.ts";
export type { Bytes } from "./lib/bytes.ts";

export { openSite } from "./lib/trust/client.ts";
export type { OpenOptions, SiteView } from "./lib/trust/client.ts";
export { NO_STATE } from "./lib/trust/roots.ts";
export type { TrustState } from "./lib/trust/roots.ts";
export type { Fetch } from "./lib/trust/verified.ts";
export { formatPublicKey, parsePublicKey, verify } from "./lib/trust/minisign.ts";
export type { PublicKey } from "./lib/trust/minisign.ts";
export { decryptWith, encryptTo } from "./lib/trust/age.ts";
export { loadKeyring } from "./lib/trust/keyring.ts";
export type { Keyring } from "./lib/trust/keyring.ts";

export {
  parseEnvelope,
  parseGlobalDocument,
  parseInstructions,
  parseNodeDocument,
  parsePostbootIndex,
  parseTagNodes,
  SITE_PATHS,
} from "./lib/documents/site.ts";
export type {
  Envelope,
  GlobalDocument,
  Instructions,
  NodeDocument,
  PostbootIndex,
} from "./lib/documents/site.ts";
export { KEYS } from "./lib/config/mod.ts";
export type { KeyName, NodeConfig } from "./lib/config/mod.ts";
export { loadFleet, parseFleet } from "./site/fleet/fleet.ts";
export type { Fleet, FleetNode } from "./site/fleet/assemble.ts";
export { buildSite } from "./site/build/build.ts";
export type { BuildOptions, BuiltSite } from "./site/build/build.ts";
export { makeSite } from "./site/build/make_site.ts";
export type { MadeSite, MakeSiteOptions } from "./site/build/make_site.ts";
export { newNode } from "./site/nodes/new_node.ts";
export type { NewNode, NewNodeOptions } from "./site/nodes/new_node.ts";

/**
 * Who this node is: the files on the identity drive, read strictly. No message holds any of their content.
 *
 * | File | Holds |
 * |---|---|
 * | `nodename` | the node's name |
 * | `age.key` | its age identity; only this decrypts its instructions |
 * | `minisign.pubkey` | the key that version 1 of the site's root.json is signed with |
 * | `site` | base URLs of the site, one a line, in order of preference; `#` starts a comment |
 * | `ssh_host_ed25519_key` | SSH host key (optional) |
 * | `network.json` | a static address instead of DHCP (optional) |
 *
 * @module
 */
import * as v from "valibot";
import { text } from "../../lib/bytes.ts";
import { errorText } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { parseIdentityFile } from "../../lib/trust/age.ts";
import { parsePublicKey, type PublicKey } from "../../lib/trust/minisign.ts";
import { nodeNameSchema } from "../../lib/documents/site.ts";
import { IDENTITY_DIR } from "../system/paths.ts";
import { AgentError } from "../report/problem.ts";

/** Largest file that is read from the drive, in bytes. */
const MAX_FILE_BYTES = 16 * 1024;
/** Most base URLs of a site. */
const MAX_SITES = 16;

const cidr = v.pipe(v.string(), v.regex(/^[0-9a-fA-F:.]{2,45}\/\d{1,3}$/));
const ip = v.pipe(v.string(), v.regex(/^[0-9a-fA-F:.]{2,45}$/));
const interfaceName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,14}$/));
const staticNetworkSchema = v.strictObject({
  interface: v.optional(interfaceName),
  address: cidr,
  gateway: v.optional(ip),
  dns: v.optional(v.union([ip, v.pipe(v.array(ip), v.maxLength(8))])),
});

/** A fixed address; without `interface` it goes to the first one. */
export type StaticNetwork = v.InferOutput<typeof staticNetworkSchema>;

/** What the drive says. */
export interface Identity {
  name: string;
  /** age secret keys, in memory only. */
  ageKeys: string[];
  pinned: PublicKey;
  /** Base URLs, each with a slash at its end. */
  sites: string[];
  /** Text of the OpenSSH private key file. */
  sshHostKey?: string;
  /** Its public line. */
  sshHostPublicKey?: string;
  network?: StaticNetwork;
}

/**
 * Reads the files of the mounted drive.
 *
 * @throws {AgentError} "identity", naming the file.
 */
export async function readIdentity(host: Host, dir = IDENTITY_DIR): Promise<Identity> {
  const name = await readWith(host, dir, "nodename", parseNodeName);
  const ageKeys = await readWith(host, dir, "age.key", parseIdentityFile);
  const pinned = await readWith(host, dir, "minisign.pubkey", parsePublicKey);
  const sites = await readWith(host, dir, "site", parseSites);
  const sshHostKey = await readWith(host, dir, "ssh_host_ed25519_key", parseHostKey, true);
  const sshHostPublicKey = await readWith(
    host,
    dir,
    "ssh_host_ed25519_key.pub",
    (given) => given.trim(),
    true,
  );
  const network = await readWith(host, dir, "network.json", parseStaticNetwork, true);
  return {
    name: name!,
    ageKeys: ageKeys!,
    pinned: pinned!,
    sites: sites!,
    sshHostKey,
    sshHostPublicKey,
    network,
  };
}

/** The name in the text of `nodename`. @throws when it is none. */
export function parseNodeName(given: string): string {
  const result = v.safeParse(nodeNameSchema, given.trim());
  if (!result.success) throw new Error("it holds no node name");
  return result.output;
}

/** The base URLs in the text of `site`, each with a slash at its end. @throws when there is none or one is no URL. */
export function parseSites(given: string): string[] {
  const sites: string[] = [];
  for (const [i, raw] of given.split("\n").entries()) {
    const line = raw.replace(/(^|\s)#.*$/, "").trim();
    if (line === "") continue;
    const usable = /^https?:\/\//.test(line) && URL.canParse(line) && !/[?#]/.test(line);
    if (!usable) throw new Error(`line ${i + 1} is no http:// or https:// base URL`);
    sites.push(line.endsWith("/") ? line : `${line}/`);
  }
  if (sites.length === 0) throw new Error("it holds no URL");
  if (sites.length > MAX_SITES) throw new Error(`it holds more than ${MAX_SITES} URLs`);
  return sites;
}

/** The facts in the text of `network.json`. @throws when it is anything else. */
export function parseStaticNetwork(given: string): StaticNetwork {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    throw new Error("it is not JSON");
  }
  const result = v.safeParse(staticNetworkSchema, value);
  if (result.success) return result.output;
  throw new Error(`${v.getDotPath(result.issues[0]) ?? "it"} is not as expected`);
}

function parseHostKey(given: string): string {
  if (!given.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----\n")) {
    throw new Error("it is no OpenSSH private key file");
  }
  return given.endsWith("\n") ? given : `${given}\n`;
}

async function readWith<T>(
  host: Host,
  dir: string,
  name: string,
  parse: (given: string) => T,
  optional = false,
): Promise<T | undefined> {
  const path = `${dir}/${name}`;
  const fail = (state: string) =>
    new AgentError("identity", `Cannot read ${name} on the identity drive: ${state}`);
  const info = await host.stat(path);
  if (!info) {
    if (optional) return undefined;
    throw fail("it is missing");
  }
  if (info.kind !== "file") throw fail("it is no file");
  if (info.size === 0) throw fail("it is empty");
  if (info.size > MAX_FILE_BYTES) throw fail(`it is longer than ${MAX_FILE_BYTES} bytes`);
  let given: string;
  try {
    given = text(await host.readFile(path));
  } catch (error) {
    throw fail(error instanceof TypeError ? "it is no text in UTF-8" : errorText(error));
  }
  try {
    return parse(given);
  } catch (error) {
    // The parsers name the rule and the line, never the content.
    throw fail(errorText(error).replace(/^Cannot [^:]*: /, ""));
  }
}

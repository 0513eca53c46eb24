/**
 * The identity drive: a small file system that says who a node is. `deno task node` writes it and the agent reads it, both by
 * this file, so that no drive is made which its node would refuse.
 *
 * | File | Holds |
 * |---|---|
 * | `nodename` | the node's name |
 * | `age.key` | its age identity; only this decrypts its instructions |
 * | `minisign.pubkey` | the key that version 1 of the site's root.json is signed with |
 * | `site` | base URLs of the site, one a line, in order of preference; `#` starts a comment |
 * | `ssh_host_ed25519_key`, `.pub` | SSH host key (optional) |
 * | `seed` | what machine-id and the like are derived from, in hex (optional; default the age identity) |
 * | `network.json` | a static address instead of DHCP (optional) |
 * | `ntp` | time servers, one a line, for a machine without a clock (optional; default those of its image) |
 *
 * No message holds any of their content.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, text, utf8 } from "../bytes.ts";
import { reasonOf } from "../errors.ts";
import { cidr, interfaceName, ipAddress, mapping, timeServers } from "../schema/fields.ts";
import { ipFamily } from "../schema/ip.ts";
import { readJson } from "../schema/read.ts";
import { parseIdentityFile } from "../trust/age.ts";
import { parsePublicKey, type PublicKey } from "../trust/minisign.ts";
import { isNodeName } from "./names.ts";
import { parseSeed } from "./seed.ts";

/** Label of its file system, by which a node finds it. */
export const DRIVE_LABEL = "psyops-secret";
/** File with the node's name. */
export const NAME_FILE = "nodename";
/** Directory on the drive where the node keeps what it must not forget. */
export const STATE_DIRECTORY = "state";
/** Largest file that is read from the drive, in bytes. */
export const MAX_DRIVE_FILE_BYTES = 16 * 1024;
/** Most base URLs of a site. */
export const MAX_SITES = 16;
/** Most DNS servers. */
export const MAX_DNS = 8;

const networkSchema = v.pipe(
  mapping({
    /** Default: the first interface with a link. */
    interface: v.optional(interfaceName),
    /** Address with prefix length, e.g. "192.0.2.10/24". */
    address: cidr,
    gateway: v.optional(ipAddress),
    dns: v.optional(v.union([
      ipAddress,
      v.pipe(
        v.array(ipAddress, "must be a list of IP addresses"),
        v.maxLength(MAX_DNS, `must have at most ${MAX_DNS} entries`),
      ),
    ], `must be an IP address or a list of at most ${MAX_DNS}`)),
  }),
  v.forward(
    v.partialCheck(
      [["address"], ["gateway"]],
      ({ address, gateway }) =>
        gateway === undefined || ipFamily(gateway) === ipFamily(address.split("/")[0]!),
      "must be of the same family as the address",
    ),
    ["gateway"],
  ),
);

/** A fixed address; without `interface` it goes to the first one that has a link. */
export type StaticNetwork = v.InferOutput<typeof networkSchema>;

/** The name in the text of `nodename`. @throws when it is none. */
export function parseNodeName(given: string): string {
  const name = given.trim();
  if (!isNodeName(name)) throw new Error("it holds no node name");
  return name;
}

/** `given` as a base URL of a site, with a slash at its end; undefined when it is none. */
export function siteUrl(given: string): string | undefined {
  const base = given.endsWith("/") ? given : `${given}/`;
  // A parser drops some control characters and blanks, and the rest would be another URL than what was given.
  const isUsable = /^https?:\/\/[^?#\s\p{Cc}]+$/u.test(base) && URL.canParse(base);
  return isUsable ? base : undefined;
}

/** The base URLs in the text of `site`, each with a slash at its end. @throws when there is none or one is no URL. */
export function parseSites(given: string): string[] {
  const sites: string[] = [];
  for (const [i, raw] of given.split("\n").entries()) {
    const line = raw.replace(/(^|\s)#.*$/, "").trim();
    if (line === "") continue;
    const base = siteUrl(line);
    if (base === undefined) throw new Error(`line ${i + 1} is no http:// or https:// base URL`);
    sites.push(base);
  }
  if (sites.length === 0) throw new Error("it holds no URL");
  if (sites.length > MAX_SITES) throw new Error(`it holds more than ${MAX_SITES} URLs`);
  return sites;
}

/** The time servers in the text of `ntp`: names or addresses, one a line. @throws when there is none or one is wrong. */
function parseTimeServers(given: string): string[] {
  const lines = given.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim());
  return v.parse(timeServers, lines.filter((line) => line !== ""));
}

/** The facts in the text of `network.json`. @throws when it is anything else. */
export function parseStaticNetwork(given: string): StaticNetwork {
  return readJson(networkSchema, utf8(given), MAX_DRIVE_FILE_BYTES);
}

function parseHostKey(given: string): string {
  if (!given.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----\n")) {
    throw new Error("it is no OpenSSH private key file");
  }
  return given.endsWith("\n") ? given : `${given}\n`;
}

/** What the drive says. */
export interface DriveIdentity {
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
  /** What the node's ids are derived from; secret. */
  seed?: Bytes;
  network?: StaticNetwork;
  /** Who is asked for the time where the machine has no clock; default who the image names. */
  timeServers?: string[];
}

/** How the files of a drive are read. */
interface FileKind<Value> {
  parse: (given: string) => Value;
  /** Readable by root only. */
  secret?: boolean;
  optional?: boolean;
}

/** The file of each part of an identity. */
const FILES: { readonly [Part in keyof Required<DriveIdentity>]: [string, FileKind<unknown>] } = {
  name: [NAME_FILE, { parse: parseNodeName }],
  ageKeys: ["age.key", { parse: (given) => [...parseIdentityFile(given).keys], secret: true }],
  pinned: ["minisign.pubkey", { parse: parsePublicKey }],
  sites: ["site", { parse: parseSites }],
  sshHostKey: ["ssh_host_ed25519_key", { parse: parseHostKey, secret: true, optional: true }],
  sshHostPublicKey: [
    "ssh_host_ed25519_key.pub",
    { parse: (given) => given.trim(), optional: true },
  ],
  seed: ["seed", { parse: parseSeed, secret: true, optional: true }],
  network: ["network.json", { parse: parseStaticNetwork, optional: true }],
  timeServers: ["ntp", { parse: parseTimeServers, optional: true }],
};

/** A file of a drive that can't be used. */
export class DriveError extends Error {
  constructor(readonly file: string, readonly state: string, options?: ErrorOptions) {
    super(`${file}: ${state}`, options);
    this.name = "DriveError";
  }
}

/**
 * Reads a drive's files; `read` gives the content of one, undefined where there is none.
 *
 * @throws {DriveError}
 */
export async function parseDrive(
  read: (name: string) => Promise<Uint8Array | undefined>,
): Promise<DriveIdentity> {
  const found: Record<string, unknown> = {};
  for (const [part, [name, { parse, optional }]] of Object.entries(FILES)) {
    const data = await read(name);
    if (data !== undefined) found[part] = parseFile(name, data, parse);
    else if (!optional) throw new DriveError(name, "it is missing");
  }
  return found as unknown as DriveIdentity;
}

function parseFile<Value>(name: string, data: Uint8Array, parse: (given: string) => Value): Value {
  const fail = (state: string, cause?: unknown) => new DriveError(name, state, { cause });
  if (data.length === 0) throw fail("it is empty");
  if (data.length > MAX_DRIVE_FILE_BYTES) {
    throw fail(`it is longer than ${MAX_DRIVE_FILE_BYTES} bytes`);
  }
  let given: string;
  try {
    given = text(data);
  } catch (error) {
    throw fail("it is no text in UTF-8", error);
  }
  try {
    return parse(given);
  } catch (error) {
    // The parsers name the rule and the line, never the content.
    throw fail(reasonOf(error), error);
  }
}

/** One file of the drive. */
export interface DriveFile {
  data: Bytes;
  mode: number;
}

/** What a new drive is made of: texts as they go into its files. */
export interface DriveTexts {
  name: string;
  /** Text of an age identity file; secret. */
  ageIdentity: string;
  /** Text of the minisign public key file that the node pins. */
  minisignKey: string;
  /** Text of the private SSH host key file; secret. */
  sshHostKey: string;
  /** Public line of the SSH host key. */
  sshHostKeyPublic: string;
  /** Base URLs of the site, tried in this order. */
  sites: readonly string[];
  /** As {@linkcode generateSeed} gives it; secret. */
  seed?: string;
  network?: StaticNetwork;
  /** Time servers; without them those of the image. */
  timeServers?: readonly string[];
}

/**
 * The files of a drive by name.
 *
 * @throws {DriveError} when the node would refuse one of them.
 */
export function driveFiles(texts: DriveTexts): Map<string, DriveFile> {
  const { name, sites, seed, network, timeServers } = texts;
  const note = "# Where this node finds its site: base URLs, tried in this order.";
  const parts: { [Part in keyof DriveIdentity]?: string | undefined } = {
    name: `${name}\n`,
    ageKeys: texts.ageIdentity,
    pinned: texts.minisignKey,
    sites: [note, ...sites, ""].join("\n"),
    sshHostKey: texts.sshHostKey,
    sshHostPublicKey: `${texts.sshHostKeyPublic}\n`,
    seed: seed && `${seed}\n`,
    network: network && `${JSON.stringify(network, null, 2)}\n`,
    timeServers: timeServers && [...timeServers, ""].join("\n"),
  };
  const files = new Map<string, DriveFile>();
  for (const [part, [file, { parse, secret }]] of Object.entries(FILES)) {
    const content = parts[part as keyof DriveIdentity];
    if (content === undefined) continue;
    const data = utf8(content);
    parseFile(file, data, parse);
    files.set(file, { data, mode: secret ? 0o600 : 0o644 });
  }
  return files;
}

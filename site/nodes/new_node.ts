/**
 * Makes a node: keys, the image of its identity drive, and its file in the fleet with the public halves. The private
 * halves are on the drive only.
 *
 * @module
 */
import {
  DriveError,
  type DriveFile,
  driveFiles,
  type DriveTexts,
  siteUrl,
  type StaticNetwork,
} from "../../lib/documents/drive.ts";
import { isNodeName, RESERVED_NAMES, TAG_NAME } from "../../lib/documents/names.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { makeIdentityDrive } from "../../lib/identity/make_drive.ts";
import {
  formatSshPrivateKey,
  generateSshKey,
  sshFingerprint,
  sshPublicLine,
} from "../../lib/identity/ssh_key.ts";
import { formatInstant } from "../../lib/instant.ts";
import { nearest } from "../../lib/nearest.ts";
import { formatIdentityFile, generateIdentity } from "../../lib/trust/age_keygen.ts";
import { formatPublicKey, parsePublicKey, type PublicKey } from "../../lib/trust/minisign.ts";
import { readRepositoryText } from "../../lib/repository_file.ts";
import { loadRoots } from "../../lib/trust/root_sign.ts";
import { writeEditorSchemas } from "../fleet/editor_schema.ts";
import { schemaLine } from "../fleet/schema_line.ts";
import { MAX_YAML_LENGTH, parseYaml } from "../fleet/yaml_file.ts";
import { plainText } from "../fleet/yaml_text.ts";
import { namedAdmins } from "../secrets/secret_files.ts";
import { newSeed, seedLines } from "./node_seed.ts";

/** What {@linkcode makeIdentity} needs. */
export interface IdentityOptions {
  name: string;
  /** Base URLs of the site, at least one. */
  sites: readonly string[];
  /** Directory with the site's public key. */
  keys: string;
  /** The image file to make. */
  out: string;
  network?: StaticNetwork;
  /** Time servers for a machine without a clock; default those of its image. */
  timeServers?: readonly string[];
  /** What its ids are derived from; secret. */
  seed?: string;
  /** An age key that also withstands quantum computers; its recipient is 1959 characters long. */
  postQuantum?: boolean;
}

/** The public halves of what is on a new drive. */
export interface MadeIdentity {
  recipient: string;
  sshHostKey: string;
  /** `SHA256:…` of the SSH host key. */
  sshFingerprint: string;
  /** When the drive was made, in UTC. */
  created: string;
}

/** What {@linkcode newNode} needs. */
export interface NewNodeOptions extends Omit<IdentityOptions, "seed"> {
  tags?: readonly string[];
  /** Directory of the fleet's YAML files. */
  nodes: string;
}

/** What was made. */
export interface NewNode extends MadeIdentity {
  name: string;
  /** Path of the drive's image. */
  drive: string;
  /** Path of the node's file. */
  file: string;
  /** Whether that holds the node's seed. Without administrators it is on the drive alone, and a new drive brings another one. */
  keepsSeed: boolean;
}

/**
 * Makes a node.
 *
 * @throws {UserError} when the name is not valid or in use, a tag is unknown, a URL is none, or the image can't be made.
 */
export async function newNode(host: Host, options: NewNodeOptions): Promise<NewNode> {
  const { name, nodes, out } = options;
  const fail = failure(name);
  if (!isNodeName(name)) {
    throw fail(
      `its name must be 1 to 63 lower-case letters, digits and inner hyphens, not ${
        RESERVED_NAMES.join(" or ")
      }`,
    );
  }
  const file = `${nodes}/${name}.yaml`;
  if (await host.stat(file)) throw fail(`${file} exists`, "deno task node renew gives it new keys");
  if (await host.stat(out)) throw fail(`${out} exists`, "its keys would be lost; move it away");
  const tags = [...options.tags ?? []];
  await checkTags(host, nodes, tags, fail);
  const { seed, armored } = await newSeed(name, await adminsIn(host, nodes));
  const made = await makeIdentity(host, { ...options, seed });
  try {
    await writeEditorSchemas(host, nodes);
    await host.writeFile(file, nodeFile(name, made, tags, armored));
  } catch (error) {
    // Without its file nobody knows the drive's keys.
    await host.remove(out);
    throw error;
  }
  return { name, drive: out, file, keepsSeed: armored !== undefined, ...made };
}

/** The administrators of the fleet in `nodes`, which may have no file yet. */
async function adminsIn(host: Host, nodes: string): Promise<string[]> {
  const file = `${nodes}/global.yaml`;
  if (!await host.stat(file)) return [];
  const parsed = parseYaml(file, await readRepositoryText(host, file, MAX_YAML_LENGTH));
  return Array.isArray(parsed) ? [] : namedAdmins({ files: new Map([["global.yaml", parsed]]) });
}

/**
 * Makes new keys and the image of a drive with their private halves. What is at `out` is replaced.
 *
 * @throws {UserError} when a URL or the network is none, or the image can't be made.
 */
export async function makeIdentity(host: Host, options: IdentityOptions): Promise<MadeIdentity> {
  const { name, out } = options;
  const fail = failure(name);
  const sites = options.sites.map((site) => baseUrl(site, fail));
  if (sites.length === 0) throw fail("it needs the URL of its site");
  const pinned = await pinnedKey(host, options.keys);

  const age = await generateIdentity({ postQuantum: options.postQuantum });
  const ssh = generateSshKey();
  const sshHostKey = sshPublicLine(ssh, name);
  const files = filesOf({
    name,
    ageIdentity: formatIdentityFile(age),
    minisignKey: formatPublicKey(pinned),
    sshHostKey: formatSshPrivateKey(ssh, name),
    sshHostKeyPublic: sshHostKey,
    sites,
    seed: options.seed,
    network: options.network,
    timeServers: options.timeServers,
  }, fail);
  await host.mkdir(parentOf(out));
  await makeIdentityDrive(host, { path: out, files });
  const created = formatInstant(host.now());
  return { recipient: age.recipient, sshHostKey, sshFingerprint: sshFingerprint(ssh), created };
}

/** The files of the drive, refused here where the node would refuse them. */
function filesOf(texts: DriveTexts, fail: Fail): Map<string, DriveFile> {
  try {
    return driveFiles(texts);
  } catch (error) {
    if (!(error instanceof DriveError)) throw error;
    throw fail(`it could not read ${error.file} on its drive: ${error.state}`);
  }
}

type Fail = (state: string, hint?: string) => UserError;

function failure(name: string): Fail {
  return (state, hint) => new UserError(`make node ${name}`, state, { hint });
}

/** The text of a new node's file. A tag may be called `2024` or `no`, which YAML would take for something else. */
function nodeFile(
  name: string,
  made: MadeIdentity,
  tags: readonly string[],
  seed: string | undefined,
): string {
  return schemaLine(`${name}.yaml`) + [
    `# Node ${name}. The private halves of these keys are on its identity drive only.`,
    ...identityValues(made).map(([key, value]) => `${key}: ${plainText(value)}`),
    ...seed === undefined ? [] : seedLines(seed),
    `tags: [${tags.map(plainText).join(", ")}]`,
    "",
    "# config is readable by everyone, private leaves this machine only encrypted to the node.",
    "config: {}",
    "",
  ].join("\n");
}

/** What a node's file says of its drive. */
export function identityValues(made: MadeIdentity): [key: string, value: string][] {
  const { recipient, sshHostKey, created } = made;
  return Object.entries({ recipient, sshHostKey, created });
}

/** The key that new nodes pin: the one that signed root version 1. */
async function pinnedKey(host: Host, keys: string): Promise<PublicKey> {
  const chain = await loadRoots(host, keys);
  if (chain) return chain.pinned;
  const path = `${keys}/minisign.pubkey`;
  if (!await host.stat(path)) {
    throw new UserError("make a node", `there is no ${path}`, {
      hint: "deno task keys init makes the keys of the site",
    });
  }
  return parsePublicKey(await host.readTextFile(path));
}

async function checkTags(
  host: Host,
  nodes: string,
  tags: readonly string[],
  fail: Fail,
): Promise<void> {
  const known = (await host.readDir(`${nodes}/tags`))
    .flatMap((name) => name.endsWith(".yaml") ? [name.slice(0, -".yaml".length)] : []);
  for (const tag of tags) {
    if (TAG_NAME.test(tag) && known.includes(tag)) continue;
    const near = nearest(tag, known);
    throw fail(
      `unknown tag ${tag}${near ? `, did you mean ${near}?` : ""}`,
      `a tag is a file in ${nodes}/tags; an empty one will do`,
    );
  }
  if (new Set(tags).size < tags.length) throw fail("a tag is given twice");
}

function baseUrl(given: string, fail: Fail): string {
  const base = siteUrl(given);
  if (base === undefined) throw fail("its site must be an http:// or https:// URL without ? and #");
  const { username, password } = new URL(base);
  if (username !== "" || password !== "") throw fail("its site's URL must hold no password");
  return base;
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
}

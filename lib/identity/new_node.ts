/**
 * Makes a node: keys, the image of its identity drive, and its file in the fleet with the public halves. The private
 * halves are on the drive only.
 *
 * @module
 */
import { closest } from "../cli/closest.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { formatIdentityFile, generateIdentity } from "../trust/age_keygen.ts";
import { formatPublicKey, parsePublicKey, type PublicKey } from "../trust/minisign.ts";
import { loadRoots } from "../trust/root_sign.ts";
import { driveFiles, makeIdentityDrive, type StaticNetwork } from "./drive.ts";
import { isNodeName, TAG_NAME } from "./names.ts";
import { checkNetwork } from "./network.ts";
import { formatSshPrivateKey, generateSshKey, sshFingerprint, sshPublicLine } from "./ssh_key.ts";

/** What {@linkcode newNode} needs. */
export interface NewNodeOptions {
  name: string;
  /** Base URLs of the site, at least one. */
  sites: readonly string[];
  tags?: readonly string[];
  /** Directory of the fleet's YAML files. */
  nodes: string;
  /** Directory with the site's public key. */
  keys: string;
  /** The image file to make. */
  out: string;
  network?: StaticNetwork;
}

/** What was made. */
export interface NewNode {
  name: string;
  /** Path of the drive's image. */
  drive: string;
  /** Path of the node's file. */
  file: string;
  recipient: string;
  sshHostKey: string;
  /** `SHA256:…` of the SSH host key. */
  sshFingerprint: string;
}

/**
 * Makes a node.
 *
 * @throws {UserError} when the name is not valid or in use, a tag is unknown, a URL is none, or the image can't be made.
 */
export async function newNode(host: Host, options: NewNodeOptions): Promise<NewNode> {
  const { name, nodes, out } = options;
  const fail = (state: string, hint?: string) =>
    new UserError(`Cannot make node ${name}: ${state}`, { hint });
  if (!isNodeName(name)) {
    throw fail(
      "its name must be 1 to 63 lower-case letters, digits and inner hyphens, not global or localhost",
    );
  }
  const file = `${nodes}/${name}.yaml`;
  if (await host.stat(file)) throw fail(`${file} exists`, "remove it to give the name anew");
  if (await host.stat(out)) throw fail(`${out} exists`, "its keys would be lost; move it away");
  const sites = options.sites.map((site) => baseUrl(site, fail));
  if (sites.length === 0) throw fail("it needs the URL of its site");
  const tags = [...options.tags ?? []];
  await checkTags(host, nodes, tags, fail);
  if (options.network) checkNetwork(options.network);
  const pinned = await pinnedKey(host, options.keys);

  const age = await generateIdentity();
  const ssh = generateSshKey();
  const sshHostKey = sshPublicLine(ssh, name);
  const files = driveFiles({
    name,
    ageIdentity: formatIdentityFile(age),
    minisignKey: formatPublicKey(pinned),
    sshHostKey: formatSshPrivateKey(ssh, name),
    sshHostKeyPublic: sshHostKey,
    sites,
    network: options.network,
  });
  await host.mkdir(parentOf(out));
  await makeIdentityDrive(host, { path: out, files });
  try {
    await host.mkdir(nodes);
    await host.writeFile(file, nodeFile(name, age.recipient, sshHostKey, tags));
  } catch (error) {
    // Without its file nobody knows the drive's keys.
    await host.remove(out);
    throw error;
  }
  const { recipient } = age;
  return { name, drive: out, file, recipient, sshHostKey, sshFingerprint: sshFingerprint(ssh) };
}

/** The text of a new node's file. Its values need no quotes: keys, names and tags hold plain characters only. */
function nodeFile(
  name: string,
  recipient: string,
  sshHostKey: string,
  tags: readonly string[],
): string {
  return [
    `# Node ${name}. The private halves of these keys are on its identity drive only.`,
    `recipient: ${recipient}`,
    `sshHostKey: ${sshHostKey}`,
    `tags: [${tags.join(", ")}]`,
    "",
    "# config is readable by everyone, private leaves this machine only encrypted to the node.",
    "config: {}",
    "",
  ].join("\n");
}

/** The key that new nodes pin: the one that signed root version 1. */
async function pinnedKey(host: Host, keys: string): Promise<PublicKey> {
  const chain = await loadRoots(host, keys);
  if (chain) return chain.pinned;
  const path = `${keys}/minisign.pubkey`;
  if (!await host.stat(path)) {
    throw new UserError(`Cannot make a node: there is no ${path}`, {
      hint: "deno task keys init makes the keys of the site",
    });
  }
  return parsePublicKey(await host.readTextFile(path));
}

async function checkTags(
  host: Host,
  nodes: string,
  tags: readonly string[],
  fail: (state: string, hint?: string) => UserError,
): Promise<void> {
  const known = (await host.readDir(`${nodes}/tags`))
    .flatMap((name) => name.endsWith(".yaml") ? [name.slice(0, -".yaml".length)] : []);
  for (const tag of tags) {
    if (TAG_NAME.test(tag) && known.includes(tag)) continue;
    const near = closest(tag, known);
    throw fail(
      `unknown tag ${tag}${near ? `, did you mean ${near}?` : ""}`,
      `a tag is a file in ${nodes}/tags; an empty one will do`,
    );
  }
  if (new Set(tags).size < tags.length) throw fail("a tag is given twice");
}

function baseUrl(given: string, fail: (state: string) => UserError): string {
  const parsed = URL.canParse(given) ? new URL(given) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || /[?#\s]/.test(given)) {
    throw fail("its site must be an http:// or https:// URL without ? and #");
  }
  if (parsed.username || parsed.password) throw fail("its site's URL must hold no password");
  return parsed.href.endsWith("/") ? parsed.href : `${parsed.href}/`;
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
}

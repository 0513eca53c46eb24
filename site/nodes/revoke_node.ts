/**
 * Takes a node out of the fleet, or gives it a new identity. Its documents are then missing from the next publication, and
 * what is encrypted from then on is not for its old key.
 *
 * @module
 */
import { isMap, isScalar } from "yaml";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { isPostQuantum } from "../../lib/trust/age_value.ts";
import { assembleFleet, type FleetFiles, parseFiles } from "../fleet/assemble.ts";
import { readFleetFiles } from "../fleet/fleet.ts";
import { saidBy } from "../fleet/sealed.ts";
import { putArmored } from "../fleet/yaml_edit.ts";
import { type ParsedYaml, parseYaml } from "../fleet/yaml_file.ts";
import { applied, plainText, type Splice } from "../fleet/yaml_text.ts";
import { type Exposed, exposedTo, findNode } from "../secrets/exposure.ts";
import { type ExposedVolume, exposedVolumes } from "../secrets/exposed_volumes.ts";
import { type Rekeyed, rekeySecrets } from "../secrets/rekey.ts";
import { namedAdmins, openSecrets } from "../secrets/secret_files.ts";
import {
  type IdentityOptions,
  identityValues,
  type MadeIdentity,
  makeIdentity,
} from "./new_node.ts";
import { newSeed, readSeed, SEED_FIELD, seedLines } from "./node_seed.ts";

/** How everything is encrypted anew. */
export interface Rotation {
  identities: IdentityFile;
  /** The recipients of `identities`. */
  own: readonly string[];
}

/** What {@linkcode revokeNode} needs. */
export interface RevokeOptions {
  name: string;
  /** Directory of the fleet's YAML files. */
  nodes: string;
  /** Directory of the build cache. */
  cache: string;
  /** Also encrypt anew: all secrets in the files, and with the next build each node's instructions. */
  rotate?: Rotation;
}

/** What was done. */
export interface Revoked {
  name: string;
  /** The node's file. */
  file: string;
  /** The recipient that is no more. */
  recipient: string;
  /** What the node could read and other nodes can, too. */
  shared: Exposed[];
  /** Volumes that its old key leads to. */
  volumes: ExposedVolume[];
  rekeyed?: Rekeyed;
}

/**
 * Removes the node's file and its entry in the build cache.
 *
 * @throws {UserError} when there is no such node, its key is an administrator's, or the rest would be no fleet.
 */
export async function revokeNode(host: Host, options: RevokeOptions): Promise<Revoked> {
  const { name, nodes, cache } = options;
  const { shared, volumes, recipient } = await inspect(host, options, "revoke");
  const file = `${nodes}/${name}.yaml`;
  const rest = await readFleetFiles(host, nodes);
  rest.delete(`${name}.yaml`);
  try {
    assembleFleet(parseFiles(rest, nodes), { survey: true });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`revoke node ${name}`, `without it, ${error.message}`, {
      cause: error,
    });
  }
  await host.remove(file);
  await host.remove(`${cache}/${name}.json`);
  const rekeyed = await rotate(host, options);
  await proveGone(host, nodes, recipient);
  return { name, file, recipient, shared, volumes, rekeyed };
}

/** What {@linkcode renewNode} needs. */
export interface RenewOptions extends RevokeOptions, Omit<IdentityOptions, "seed"> {
  /** The administrator's age identity, which decrypts the node's seed; undefined gives it another seed. */
  seedIdentities?: () => Promise<IdentityFile>;
}

/** What was done. */
export interface Renewed
  extends MadeIdentity, Pick<Revoked, "name" | "file" | "shared" | "volumes" | "rekeyed"> {
  /** Path of the new drive's image. */
  drive: string;
  /** The recipient that is no more. */
  revoked: string;
  /** Whether machine-id and the like stay as they were: the new drive has the seed of the one before. */
  keptSeed: boolean;
}

/**
 * Makes a new drive for a node and puts its public halves into the node's file; comments and the order of keys there stay.
 * The image takes its place last: until then the old one is untouched.
 *
 * @throws {UserError} as {@linkcode revokeNode}, and when the drive can't be made.
 */
export async function renewNode(host: Host, options: RenewOptions): Promise<Renewed> {
  const { name, nodes, cache, out } = options;
  const { files, recipient, ...exposed } = await inspect(host, options, "renew");
  const known = options.seedIdentities && await readSeed(files, name, options.seedIdentities);
  const { seed, armored } = known === undefined
    ? await newSeed(name, namedAdmins(files))
    : { seed: known, armored: undefined };
  // A node is not made weaker because nobody repeated an option.
  const postQuantum = options.postQuantum || isPostQuantum(recipient);
  const file = `${nodes}/${name}.yaml`;
  const source = await host.readTextFile(file);
  const aside = `${out}.new`;
  try {
    const made = await makeIdentity(host, { ...options, seed, postQuantum, out: aside });
    await host.writeFile(file, withIdentity(file, source, made, armored));
    await host.rename(aside, out);
    await host.remove(`${cache}/${name}.json`);
    const rekeyed = await rotate(host, options);
    await proveGone(host, nodes, recipient);
    const keptSeed = known !== undefined;
    return { ...made, name, file, drive: out, revoked: recipient, keptSeed, ...exposed, rekeyed };
  } finally {
    await host.remove(aside);
  }
}

async function inspect(
  host: Host,
  { name, nodes }: RevokeOptions,
  verb: string,
): Promise<Pick<Revoked, "shared" | "volumes" | "recipient"> & { files: FleetFiles }> {
  const secrets = await openSecrets(host, nodes);
  const node = findNode(secrets, name);
  if (secrets.fleet.admins.includes(node.recipient)) {
    throw new UserError(`${verb} node ${name}`, "its age key is also one of the admins", {
      hint: `take it out of ${nodes}/global.yaml, then run deno task secret rekey`,
    });
  }
  return {
    shared: exposedTo(secrets, node),
    volumes: exposedVolumes(secrets, node),
    recipient: node.recipient,
    files: secrets.files,
  };
}

async function rotate(host: Host, options: RevokeOptions): Promise<Rekeyed | undefined> {
  const { rotate: rotation, nodes, cache } = options;
  if (!rotation) return undefined;
  const secrets = await openSecrets(host, nodes);
  const any = [...secrets.files.files.values()].some((file) => file.sealed.length > 0);
  const rekeyed = any ? await rekeySecrets(host, secrets, { ...rotation, all: true }) : undefined;
  for (const { name } of secrets.fleet.nodes) await host.remove(`${cache}/${name}.json`);
  return rekeyed;
}

/** @throws {UserError} when a file still names the recipient. */
async function proveGone(host: Host, nodes: string, recipient: string): Promise<void> {
  for (const [path, content] of await readFleetFiles(host, nodes)) {
    const at = content.indexOf(recipient);
    if (at < 0) continue;
    const line = content.slice(0, at).split("\n").length;
    throw new UserError(
      "prove that the old key is gone",
      `${nodes}/${path}:${line} still names it`,
    );
  }
}

/**
 * The node's file with other keys, and with the encrypted `seed` where there is a new one. Only the text of the values changes,
 * a key that was missing is put below the first.
 */
function withIdentity(
  file: string,
  source: string,
  made: MadeIdentity,
  seed: string | undefined,
): string {
  const fail = () =>
    new UserError(`edit ${file}`, "its keys are not laid out one a line", {
      hint: "write recipient, sshHostKey and created on lines of their own",
    });
  // The fleet was read, so this is YAML.
  const before = parseYaml(file, source) as ParsedYaml;
  const { contents } = before.document;
  if (!isMap(contents)) throw new TypeError("a node's file is a mapping");
  let after = 0;
  const splices: Splice[] = [];
  const missing: string[] = [];
  for (const [key, value] of identityValues(made)) {
    const node: unknown = contents.get(key, true);
    if (isScalar(node) && node.range) {
      const [start, end] = node.range;
      splices.push({ start, end, text: plainText(value) });
      if (key === "recipient") after = source.indexOf("\n", end) + 1 || source.length;
    } else missing.push(`${key}: ${plainText(value)}\n`);
  }
  if (seed !== undefined) {
    const known = before.sealed.some(({ path }) => path[0] === SEED_FIELD);
    if (known) return withIdentity(file, putArmored(before, [SEED_FIELD], seed), made, undefined);
    missing.push(...seedLines(seed).map((line) => `${line}\n`));
  }
  const gap = after > 0 && source[after - 1] !== "\n" ? "\n" : "";
  if (missing.length > 0) splices.push({ start: after, end: after, text: gap + missing.join("") });
  const edited = applied(source, splices);
  const again = parseYaml(file, edited);
  if (Array.isArray(again)) throw fail();
  const expected = {
    ...saidBy(before.value),
    ...Object.fromEntries(identityValues(made)),
    ...seed !== undefined && { [SEED_FIELD]: { age: seed } },
  };
  if (JSON.stringify(sorted(saidBy(again.value))) !== JSON.stringify(sorted(expected))) {
    throw fail();
  }
  return edited;
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
}

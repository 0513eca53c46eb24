/**
 * What the agent has made of the network in this boot, so that it can be undone when it is no longer wanted. It is written
 * before anything is made: an agent that is killed in between has forgotten nothing. What others have made is not in it, and is
 * left alone.
 *
 * @module
 */
import * as v from "valibot";
import { equal } from "../../lib/bytes.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { readRecord, writeRecord } from "../system/account_files.ts";
import { NETWORK_FILE } from "../system/paths.ts";

const kindSchema = v.variant("is", [
  v.object({ is: v.literal("vlan"), link: v.string(), id: v.number() }),
  v.object({ is: v.literal("bridge"), stp: v.boolean() }),
  v.object({ is: v.literal("bond"), options: v.record(v.string(), v.string()) }),
]);
/** A link that is made of others, not a card. */
export type MadeKind = v.InferOutput<typeof kindSchema>;

const schema = v.object({
  /** Whether the configuration's network is in force; without it the node is at its first contact. */
  inForce: v.boolean(),
  /** Names of the interfaces that the configuration has and that are there. */
  interfaces: v.optional(v.array(v.string()), []),
  /** Links by their names. */
  links: v.record(v.string(), kindSchema),
  /** Addresses by the names of their links. */
  addresses: v.record(v.string(), v.array(v.string())),
  /** Cards that were given a name, and what they were called before. */
  names: v.record(v.string(), v.string()),
  /** What the largest packet of links was before another one was wanted, by their indices. */
  mtus: v.optional(v.record(v.string(), v.number()), {}),
  /** Cards that were brought up. */
  up: v.array(v.string()),
  /** Whether what is on the drive, and then DHCP, has come to help. */
  help: v.optional(v.picklist(["drive", "dhcp"])),
});

/** The record. */
export type MadeNetwork = v.InferOutput<typeof schema>;

/** Reads the record of this boot. */
export async function readMadeNetwork(host: Host): Promise<MadeNetwork> {
  return await readRecord(host, NETWORK_FILE, schema) ??
    { inForce: false, interfaces: [], links: {}, addresses: {}, names: {}, mtus: {}, up: [] };
}

/** Writes it. */
export async function writeMadeNetwork(host: Host, made: MadeNetwork): Promise<void> {
  await writeRecord(host, NETWORK_FILE, made);
}

/** Changes it, where `change` makes a difference. */
export async function changeMadeNetwork(
  host: Host,
  change: (made: MadeNetwork) => void,
): Promise<void> {
  const made = await readMadeNetwork(host);
  const before = canonicalJson(made);
  change(made);
  if (!equal(canonicalJson(made), before)) await writeMadeNetwork(host, made);
}

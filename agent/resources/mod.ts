/**
 * What acts on each key of the configuration. The order is that of the table of keys: later ones need what earlier ones make
 * (files belong to users, scripts find their files).
 *
 * @module
 */
import {
  APPLIED_NAMES,
  type AppliedName,
  type KeyName,
  type Observed,
} from "../../lib/config/mod.ts";
import type { Host } from "../../lib/host.ts";
import { directories } from "./directories.ts";
import { dns } from "./dns.ts";
import { doas } from "./doas.ts";
import { files } from "./files.ts";
import { firewall, keptFirewall } from "./firewall.ts";
import { gone } from "./gone.ts";
import { groups } from "./groups.ts";
import { leftovers } from "./leftovers.ts";
import { links } from "./links.ts";
import { hostname } from "./hostname.ts";
import { hosts } from "./hosts.ts";
import { kernel } from "./kernel.ts";
import { keptKernel, keptWanted } from "./kernel_kept.ts";
import { network } from "./network.ts";
import { ntp } from "./ntp.ts";
import { ownIds } from "./own_ids.ts";
import { type Applier, applier, type Apply, bind, type Target } from "./resource.ts";
import { scripts } from "./scripts.ts";
import { ssh } from "./ssh.ts";
import { storage } from "./storage.ts";
import { timezone } from "./timezone.ts";
import { users } from "./users.ts";

/** How each key is applied; "course": the agent's course reads it. A key without an entry does not compile. */
const APPLIERS = {
  kernel: applier("kernel", kernel),
  hostname: applier("hostname", hostname),
  network: applier("network", network),
  dns: applier("dns", dns),
  hosts: applier("hosts", hosts),
  timezone: applier("timezone", timezone),
  storage: applier("storage", storage),
  ntp: applier("ntp", ntp),
  groups: applier("groups", groups),
  users: applier("users", users),
  doas: applier("doas", doas),
  ssh: applier("ssh", ssh),
  firewall: applier("firewall", firewall),
  directories: applier("directories", directories),
  files: applier("files", files),
  links: applier("links", links),
  scripts: applier("scripts", scripts),
  report: "course",
  check: "course",
} satisfies { [Name in KeyName]: Name extends AppliedName ? Applier<Name> : "course" };

/** Resources that belong to no key alone, by the key after which they are applied. */
const BESIDE: { readonly [Name in AppliedName]?: Apply } = {
  kernel: bind(keptWanted, keptKernel),
  // What lies on a volume that has just been mounted was out of reach before.
  storage: gone,
};

/** Before everything else: what is started later may read them once. */
const IDS: Apply = bind(({ identity }) => identity, ownIds);

/** What a configuration is applied with, in order. */
export const RESOURCES: readonly Apply[] = [
  leftovers,
  gone,
  IDS,
  ...APPLIED_NAMES.flatMap((name) => {
    const beside = BESIDE[name];
    return [APPLIERS[name].apply, ...beside ? [beside] : []];
  }),
];

/** Which of them apply which key; what depends on the drive alone is none's. */
export const KEY_OF: ReadonlyMap<Apply, AppliedName> = new Map(
  APPLIED_NAMES.map((name) => [APPLIERS[name].apply, name]),
);

/** What is done as soon as the node knows who it is, before it has any configuration. */
export const EARLY: readonly Apply[] = [IDS, APPLIERS.hostname.apply];

/** What was confirmed in an earlier boot, before the first interface goes up. Each knows whether it was done in this boot. */
export const BEFORE_NETWORK: readonly Apply[] = [bind(({ trials }) => trials, keptFirewall)];

/** What the node really is, read back from the system. */
export async function observe(host: Host, target: Target): Promise<Observed> {
  const observed: Record<string, unknown> = {};
  for (const name of APPLIED_NAMES) observed[name] = await APPLIERS[name].observe(host, target);
  return observed as Observed;
}

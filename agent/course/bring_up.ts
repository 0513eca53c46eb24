/**
 * The node's way to its site: the network that was confirmed last, before any link goes up; without one, the first contact.
 *
 * @module
 */
import type { NodeConfig } from "../../lib/config/mod.ts";
import { parseKeptNetwork } from "../../lib/config/network.ts";
import { reasonOf } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { Identity } from "../identity/read.ts";
import { type Address, ensureNetwork, settledAddresses } from "../network/address.ts";
import { readClients } from "../network/dhcp.ts";
import { findNetwork, makeNetwork } from "../network/apply.ts";
import { comeToHelp } from "../network/help.ts";
import { readMadeNetwork } from "../network/made.ts";
import { AgentError } from "../report/problem.ts";
import type { Reporter } from "../report/reporter.ts";
import { dhcpIdentity } from "../resources/dhcp_identity.ts";
import type { Trials } from "../trial/trial.ts";

/** What it takes. */
export interface WayParts {
  identity: Identity;
  /** What counts now. */
  config: NodeConfig;
  trials: Trials;
  reporter: Reporter;
}

/**
 * Makes sure that there is an address.
 *
 * @throws {AgentError} "network" saying what is missing.
 */
export async function bringUp(host: Host, parts: WayParts): Promise<Address[]> {
  const { identity, config, reporter } = parts;
  const { hostname } = dhcpIdentity(identity, config);
  if (!(await readMadeNetwork(host)).inForce) await useKept(host, parts);
  const help = await comeToHelp(host, identity.network, hostname);
  if (help === undefined) delete reporter.status.fallback;
  else {
    reporter.status.fallback = help;
    reporter.aside("fallback", "degraded", { check: "network", reason: help });
  }
  const { inForce, interfaces, help: added } = await readMadeNetwork(host);
  if (!inForce) return await ensureNetwork(host, identity.network, hostname);
  const all = await settledAddresses(host);
  const found = all.filter(([name]) =>
    added !== undefined ? name !== "lo" : interfaces.includes(name)
  )
    .map(([name, address]): Address => ({ interface: name, address, via: "other" }));
  if (found.length > 0) return found;
  throw new AgentError("network", "get a network address", await whyNone(host, interfaces));
}

/** Why no interface has an address, in words. */
async function whyNone(host: Host, interfaces: readonly string[]): Promise<string> {
  const asking = new Set((await readClients(host)).map((client) => client.interface));
  const [asked, others] = [true, false].map((asks) =>
    interfaces.filter((name) => asking.has(name) === asks).join(", ")
  );
  const said = [
    ...asked ? [`no DHCP answer on ${asked}`] : [],
    ...others ? [`no address on ${others}`] : [],
  ];
  return said.join("; ") || "no address on any interface";
}

/** Puts the network of the drive in force, as far as its cards are there. */
async function useKept(
  host: Host,
  { identity, config, trials, reporter }: WayParts,
): Promise<void> {
  const kept = await trials.confirmed("network");
  if (!kept || kept.text === "") return;
  const topic = "kept network";
  const complain = (reason: string) =>
    reporter.aside(topic, "degraded", { check: "network", reason });
  const doing = "Cannot use the network that was confirmed last";
  try {
    const wanted = parseKeptNetwork(kept.text);
    const dhcp = dhcpIdentity(identity, config);
    const { aim, missing } = await findNetwork(host, wanted.interfaces ?? [], dhcp);
    if (missing.size > 0) complain(`${doing} as a whole: ${[...missing.values()].join("; ")}`);
    else reporter.clearAside(topic);
    // A node none of whose cards is known is at its first contact again.
    if (wanted.interfaces && !aim.interfaces.some((one) => one.kind.is === "card")) return;
    await makeNetwork(host, wanted, dhcp);
  } catch (error) {
    complain(`${doing}: ${reasonOf(error)}`);
  }
}

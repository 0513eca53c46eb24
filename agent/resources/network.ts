/**
 * The network, DNS included, since servers that do not answer cut a node off as well. A change is tried, and what was confirmed
 * is kept for the next boot, which begins with it (agent/network/bring_up.ts).
 *
 * @module
 */
import { isLeftToFiles } from "../../lib/config/mod.ts";
import {
  interfaceFacts,
  type WantedInterface,
  type WantedNetwork,
} from "../../lib/config/network.ts";
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { findNetwork, type Found, lacking, makeNetwork } from "../network/apply.ts";
import { ensureNetwork } from "../network/address.ts";
import type { DhcpIdentity } from "../network/dhcp.ts";
import { readMadeNetwork } from "../network/made.ts";
import { planNetwork } from "../network/plan.ts";
import { fixedText, readResolver, type ResolverState } from "../network/resolver.ts";
import { readBefore, revertScript } from "../network/revert.ts";
import { type LinkState, readLinks } from "../network/state.ts";
import type { StaticNetwork } from "../../lib/documents/drive.ts";
import { AgentError } from "../report/problem.ts";
import { mustHold } from "../trial/trial.ts";
import { dhcpIdentity } from "./dhcp_identity.ts";
import type { KeyResource, Step, Target } from "./resource.ts";

interface Actual {
  /** Undefined where neither anything is wanted nor anything was made. */
  found: Found | undefined;
  resolver: ResolverState | undefined;
  dhcp: DhcpIdentity;
  /** Of the drive, for the first contact. */
  drive: StaticNetwork | undefined;
  /** Digest of what was confirmed last. */
  confirmed: string | undefined;
}

type Change =
  & Step
  & (
    | { readonly what: "make"; readonly wanted: WantedNetwork; readonly actual: Actual }
    | { readonly what: "forget" }
    | { readonly what: "refuse"; readonly state: string }
  );

const DOING = "change the network";

export const network: KeyResource<"network", Actual, Change> = {
  async read(host, wanted, target) {
    const { config, identity, trials } = target;
    const dhcp = dhcpIdentity(identity, config);
    const made = await readMadeNetwork(host);
    const confirmed = (await trials.confirmed("network"))?.digest;
    const isAny = wanted.text !== "" || made.inForce;
    const hasLinks = wanted.interfaces !== undefined || made.inForce;
    return {
      found: hasLinks ? await findNetwork(host, wanted.interfaces ?? [], dhcp) : undefined,
      resolver: isAny && !isLeftToFiles("dns", config) ? await readResolver(host) : undefined,
      dhcp,
      drive: identity.network,
      confirmed,
    };
  },

  plan(wanted, actual) {
    const { found, resolver, confirmed } = actual;
    if (!found && !resolver) {
      return confirmed === undefined
        ? []
        : [{ what: "forget", text: "let go of the network on the drive" }];
    }
    const isConfirmed = confirmed === digestOf(wanted);
    const { interfaces = [] } = wanted;
    const missing = found ? interfaces.flatMap((one) => missed(one, found)) : [];
    // A network that has not held yet is taken whole or not at all.
    if (missing.length > 0 && !isConfirmed) {
      return [{
        what: "refuse",
        state: `${missing.join("; ")}; what was before stays`,
        text: DOING,
      }];
    }
    const changes = found ? planNetwork(found.aim, found.state, found.made) : [];
    const isResolved = !resolver ||
      (resolver.isWritten && resolver.fixed === fixedText(wanted.dns));
    const isOver = found !== undefined && found.made.inForce !== (wanted.interfaces !== undefined);
    const lacks = found && changes.length === 0 ? lacking(interfaces, found) : missing;
    const steps: Change[] = [];
    if (!isConfirmed || changes.length > 0 || !isResolved || isOver) {
      steps.push({ what: "make", wanted, actual, text: textOf(changes.map(({ link }) => link)) });
    }
    for (const state of lacks) steps.push({ what: "refuse", state, text: "use the whole network" });
    return steps;
  },

  async apply(step, host, target) {
    switch (step.what) {
      case "refuse":
        throw new UserError(step.text, step.state);
      case "forget":
        return await target.trials.forget("network");
      case "make":
        return await tryNetwork(step.wanted, step.actual, host, target);
    }
  },

  async observe(host, { interfaces }) {
    if (!interfaces) return {};
    const links = new Map((await readLinks(host)).map((link) => [link.name, link]));
    return Object.fromEntries(interfaces.flatMap((one) => {
      const link = links.get(one.name);
      return link ? [[one.name, observed(one, link)]] : [];
    }));
  },
};

/** SHA-256 of all that is wanted. */
export function digestOf({ text }: WantedNetwork): string {
  return sha256Hex(utf8(text));
}

/** Why an interface can't be made that the node does not do without. */
function missed({ name, optional }: WantedInterface, { missing }: Found): string[] {
  const why = missing.get(name);
  return why === undefined || optional ? [] : [why];
}

function textOf(links: readonly string[]): string {
  const names = [...new Set(links)];
  return names.length === 0 ? "confirm the network" : `${DOING} of ${names.join(", ")}`;
}

async function tryNetwork(
  wanted: WantedNetwork,
  { found, dhcp, drive }: Actual,
  host: Host,
  { trials }: Target,
): Promise<void> {
  const before = found ?? await findNetwork(host, [], dhcp);
  const outcome = await trials.attempt({
    subject: "network",
    digest: digestOf(wanted),
    text: wanted.text,
    seconds: wanted.trialSeconds,
    revert: revertScript(before, await readBefore(host)),
    async apply() {
      await makeNetwork(host, wanted, dhcp);
      // Without a network of its own a node is at its first contact again.
      if (!wanted.interfaces && before.made.inForce) {
        try {
          await ensureNetwork(host, drive, dhcp.hostname);
        } catch (error) {
          // An address may come later; whether the site answers decides.
          if (!(error instanceof AgentError)) throw error;
        }
      }
    },
    check: async () => {
      const now = await findNetwork(host, wanted.interfaces ?? [], dhcp);
      return lacking(wanted.interfaces ?? [], now).find((why) => why.includes("another machine"));
    },
  });
  mustHold(outcome, DOING);
  if (wanted.text === "") await trials.forget("network");
}

function observed(
  wanted: WantedInterface,
  { kind, info, parent, master, mtu, addresses }: LinkState,
) {
  const facts: Record<string, string> = {
    kind: kind !== undefined && ["vlan", "bridge", "bond"].includes(kind) ? kind : "card",
    ...kind === "vlan" && { vlan: `${info["id"]} of ${parent}` },
    ...kind === "bond" && { mode: `${info["mode"]}` },
    ...master !== undefined && { master },
    mtu: `${mtu}`,
  };
  const told = Object.keys(interfaceFacts(wanted));
  return {
    facts: Object.fromEntries(Object.entries(facts).filter(([key]) => told.includes(key))),
    addresses: addresses.filter(({ isGlobal }) => isGlobal).map(({ cidr }) => cidr),
  };
}

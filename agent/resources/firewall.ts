/**
 * The firewall: one table of nftables, replaced as a whole in one transaction, so that there is no moment without it and no
 * half of it. Whatever other tables there are (kube-proxy's, a container engine's), they are neither read nor written.
 *
 * A new table is tried (agent/trial/trial.ts). The one that was confirmed lies on the identity drive, and is loaded before the
 * first interface goes up.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import { complaintOf, firstLine } from "../../lib/complaint.ts";
import {
  type DesiredFirewall,
  FIREWALL_TABLE,
  firewallDigest,
  firewallText,
} from "../../lib/config/firewall.ts";
import { DIFFERS, toldOf } from "../../lib/config/key.ts";
import { UserError } from "../../lib/errors.ts";
import { type Host, NO_PROGRAM } from "../../lib/host.ts";
import { readRecord, writeRecord } from "../system/account_files.ts";
import { FIREWALL_FILE } from "../system/paths.ts";
import { outputOf, run } from "../system/programs.ts";
import { type Confirmed, mustHold, type Trials } from "../trial/trial.ts";
import { listeningPorts } from "./sshd.ts";
import type { KeyResource, Resource, Step } from "./resource.ts";

const DOING = "put the firewall in force";
const FORGIVING = "forget that another firewall was refused";
/** Where nft is told to read from its standard input. */
const STDIN = "-";
/** nft's words for: whatever the table holds, there is nothing left of it. */
const EMPTY = `add table ${FIREWALL_TABLE}\ndelete table ${FIREWALL_TABLE}\n`;
/** Ends what the shell passes on; nft prints no such line. */
const END = "END-OF-PSYOPSOS-TABLE";

/** What this boot has loaded last. */
const recordSchema = v.object({
  /** SHA-256 of the text. */
  digest: v.string(),
  /** SHA-256 of what nft showed then; "" while that is not known. */
  listing: v.string(),
});
type Loaded = v.InferOutput<typeof recordSchema>;

/** The table as it is. */
interface Table {
  /** Undefined where this boot has loaded none. */
  loaded: Loaded | undefined;
  /** SHA-256 of what nft shows; undefined where there is no table. */
  listing: string | undefined;
}

interface Actual extends Table {
  confirmed: Confirmed | undefined;
  /** Digest of the table that was tried last and did not hold. */
  refused: string | undefined;
  /** Ports that sshd listens on, whatever the configuration says. */
  sshPorts: readonly number[];
}

type Change =
  & Step
  & (
    | {
      readonly what: "try";
      readonly content: string;
      /** The part of it that the configuration says in nft's own words. */
      readonly rules: string;
      readonly confirmed: Confirmed | undefined;
    }
    | { readonly what: "remove"; readonly isLoaded: boolean }
    | { readonly what: "forgive" }
  );

export const firewall: KeyResource<"firewall", Actual, Change> = {
  async read(host, wanted, { trials }) {
    return {
      ...await readTable(host, wanted),
      confirmed: await trials.confirmed("firewall"),
      refused: await trials.refused("firewall"),
      sshPorts: wanted.said ? await listeningPorts(host) : [],
    };
  },

  plan(wanted, { loaded, listing, confirmed, refused, sshPorts }) {
    const content = firewallText(withPorts(wanted, sshPorts));
    if (content === undefined) {
      const isLoaded = loaded !== undefined;
      const step: Change = { what: "remove", isLoaded, text: "remove the firewall" };
      return isLoaded || confirmed || refused !== undefined ? [step] : [];
    }
    const isInForce = loaded?.digest === digestOf(content) && loaded.listing === listing;
    if (isInForce) return refused === undefined ? [] : [{ what: "forgive", text: FORGIVING }];
    const { rules = "" } = wanted.said ?? {};
    return [{ what: "try", content, rules, confirmed, text: DOING }];
  },

  async apply(step, host, { trials, config }) {
    if (step.what === "remove") {
      if (step.isLoaded) await nft(host, step.text, ["-f", STDIN], EMPTY);
      await host.remove(FIREWALL_FILE);
      return await trials.forget("firewall");
    }
    if (step.what === "forgive") return await trials.forgive("firewall");
    const { content, rules, confirmed } = step;
    await nft(host, DOING, ["-c", "-f", STDIN], EMPTY + content, rules);
    const outcome = await trials.attempt({
      subject: "firewall",
      digest: digestOf(content),
      text: content,
      revert: revertScript(await listed(host)),
      seconds: config.network?.trialSeconds,
      apply: () => load(host, content),
    });
    if (outcome.kind !== "confirmed" && confirmed) await holdOn(host, confirmed);
    mustHold(outcome, DOING);
  },

  async observe(host, wanted, shown) {
    const { loaded, listing } = await readTable(host, wanted);
    const ports = wanted.said ? await listeningPorts(host) : [];
    const want = firewallDigest(wanted);
    const is = () => {
      if (listing === undefined) return "none";
      if (loaded?.listing !== listing) return DIFFERS;
      return loaded.digest === firewallDigest(withPorts(wanted, ports)) ? want : loaded.digest;
    };
    return toldOf(is(), want, firewallDigest(shown));
  },
};

/** What {@linkcode keptFirewall} does. */
interface Loading extends Step {
  readonly content: string;
}

/** Loads the table that was confirmed last, unless this boot has loaded one: before the first interface goes up. */
export const keptFirewall: Resource<Trials, Confirmed | undefined, Loading> = {
  async read(host, trials) {
    const isLoaded = await host.stat(FIREWALL_FILE) !== undefined;
    return isLoaded ? undefined : await trials.confirmed("firewall");
  },
  plan: (_trials, confirmed) =>
    confirmed
      ? [{ content: confirmed.text, text: "load the firewall that the identity drive keeps" }]
      : [],
  apply: ({ content }, host) => load(host, content),
};

/** A firewall that admits what sshd listens on really: its settings may not be in force, or stand in another file. */
function withPorts(wanted: DesiredFirewall, ports: readonly number[]): DesiredFirewall {
  const { ssh, ...others } = wanted.admitted;
  const tcp = [...new Set([...ssh?.tcp ?? [], ...ports])];
  return { ...wanted, admitted: { ...others, ssh: { ...ssh, tcp } } };
}

/** Looks at the table where one is wanted or was loaded; else no program is run. */
async function readTable(host: Host, { said }: DesiredFirewall): Promise<Table> {
  const loaded = await readRecord(host, FIREWALL_FILE, recordSchema);
  return { loaded, listing: said || loaded ? await listing(host) : undefined };
}

/** Stands for the table as nft shows it: without counters, and without elements of sets, which rules may add. */
async function listing(host: Host): Promise<string | undefined> {
  const result = await run(host, [
    "nft",
    "-s",
    "-t",
    "list",
    "table",
    ...FIREWALL_TABLE.split(" "),
  ]);
  return result.code === 0 ? digestOf(outputOf(result)) : undefined;
}

/** The table as nft reads it again; undefined where there is none. */
async function listed(host: Host): Promise<string | undefined> {
  const result = await run(host, ["nft", "-s", "list", "table", ...FIREWALL_TABLE.split(" ")]);
  return result.code === 0 ? outputOf(result) : undefined;
}

/** Replaces the table in one transaction, and remembers what it was replaced by. */
async function load(host: Host, content: string): Promise<void> {
  const digest = digestOf(content);
  // Noted first: a table that nobody knows of would be loaded once more, or stay for ever.
  await writeRecord(host, FIREWALL_FILE, { digest, listing: "" });
  await nft(host, DOING, ["-f", STDIN], EMPTY + content);
  await writeRecord(host, FIREWALL_FILE, { digest, listing: await listing(host) ?? "" });
}

/** Brings back the confirmed table where another one, or none, is in force. */
async function holdOn(host: Host, { digest, text }: Confirmed): Promise<void> {
  const loaded = await readRecord(host, FIREWALL_FILE, recordSchema);
  const isInForce = loaded?.digest === digest && loaded.listing === await listing(host);
  if (!isInForce) await load(host, text);
}

/** The script that brings a table back, or none. */
function revertScript(table: string | undefined): string {
  return `nft -f - <<'${END}'\n${EMPTY}${table ?? ""}${END}\n`;
}

/**
 * Lets nft read statements.
 *
 * @param rules The part of them in which lines of a complaint are counted.
 * @throws {UserError} with its complaint.
 */
async function nft(
  host: Host,
  doing: string,
  args: readonly string[],
  statements: string,
  rules = "",
): Promise<void> {
  const result = await run(host, ["nft", ...args], { stdin: statements });
  if (result.code === 0) return;
  if (result.code === NO_PROGRAM) throw new UserError(doing, "this image lacks nft");
  const before = statements.slice(0, statements.lastIndexOf(rules)).split("\n").length - 1;
  const complaint = complaintOf(result, firstLine).replace(
    /^\/dev\/stdin:([0-9]+):[0-9-]+: (?:Error: )?/,
    (place, line) => rules !== "" && line > before ? `rules, line ${line - before}: ` : place,
  );
  throw new UserError(doing, complaint);
}

function digestOf(text: string): string {
  return sha256Hex(utf8(text));
}

/**
 * Groups of the configuration: those that it lists, those that accounts are members of, and each new account's own. Who is a
 * member is the accounts' matter (`users.ts`). Groups of the image are never changed, and one that the agent has made goes when
 * nothing names it any more.
 *
 * @module
 */
import * as v from "valibot";
import type { DesiredGroup } from "../../lib/config/groups.ts";
import { isForPeople } from "../../lib/config/ids.ts";
import { UserError } from "../../lib/errors.ts";
import {
  type Group,
  parseGroup,
  parsePasswd,
  withGroup,
  withoutGroup,
} from "../../lib/formats/accounts.ts";
import type { Host } from "../../lib/host.ts";
import { editFile, readRecord, writeRecord } from "../system/account_files.ts";
import { MADE_GROUPS_FILE } from "../system/paths.ts";
import { readSystemText } from "../system/read_file.ts";
import type { KeyResource, Step } from "./resource.ts";

/** Gids of the groups that this agent, or one before it in this boot, has made, by name. */
export type MadeGroups = Readonly<Record<string, number>>;

interface Actual {
  groups: Group[];
  /** Names of all accounts. */
  accounts: Set<string>;
  /** Gids that are some account's own. */
  inUse: Set<number>;
  made: MadeGroups;
}

type Change =
  & Step
  & (
    | { readonly what: "made"; readonly made: MadeGroups }
    | { readonly what: "group"; readonly group: Group }
    | { readonly what: "gone"; readonly name: string }
    /** Always fails: what can't be done is reported every time, while all other steps are still made. */
    | { readonly what: "impossible"; readonly doing: string; readonly state: string }
  );

export const groups: KeyResource<"groups", Actual, Change> = {
  async read(host) {
    const accounts = parsePasswd(await readSystemText(host, "/etc/passwd"));
    return {
      groups: parseGroup(await readSystemText(host, "/etc/group")),
      accounts: new Set(accounts.map(({ name }) => name)),
      inUse: new Set(accounts.map(({ gid }) => gid)),
      made: await readMadeGroups(host),
    };
  },

  plan(wanted, { groups, accounts, inUse, made }) {
    const steps: Change[] = [];
    const byName = new Map(groups.map((group) => [group.name, group]));
    // Numbers of groups that are to go are free.
    const leaving = Object.keys(made).filter((name) => {
      const gid = byName.get(name)?.gid;
      return !(name in wanted) && gid !== undefined && gid === made[name] && !inUse.has(gid);
    });
    for (const name of leaving) {
      byName.delete(name);
      steps.push({ what: "gone", name, text: `remove group ${name}` });
    }
    const kept = new Map(Object.entries(made).filter(([name]) => byName.has(name)));
    const ofGid = new Map([...byName.values()].map(({ name, gid }) => [gid, name]));
    for (const [name, want] of Object.entries(wanted)) {
      const known = byName.get(name);
      if (known) steps.push(...planKnown(name, known, want, made));
      else if (!(want.own && accounts.has(name))) {
        const other = ofGid.get(want.gid);
        if (other !== undefined) {
          steps.push(impossible(`create group ${name}`, `gid ${want.gid} is ${other}'s`));
          continue;
        }
        kept.set(name, want.gid);
        ofGid.set(want.gid, name);
        const group = { name, gid: want.gid, members: [] };
        steps.push({ what: "group", group, text: `create group ${name} (gid ${want.gid})` });
      }
    }
    const record = Object.fromEntries(kept);
    const isRecorded = Object.keys(record).every((name) => made[name] === record[name]);
    if (!isRecorded) {
      // First, so that an interruption in between can't make the agent forget what it has done.
      steps.unshift({
        what: "made",
        made: { ...made, ...record },
        text: `manage groups ${Object.keys(record).sort().join(", ")}`,
      });
    }
    return steps;
  },

  async apply(step, host) {
    switch (step.what) {
      case "made":
        return await writeRecord(host, MADE_GROUPS_FILE, step.made);
      case "group":
        return await editFile(host, "/etc/group", (text) => withGroup(text, step.group));
      case "gone":
        return await editFile(host, "/etc/group", (text) => withoutGroup(text, step.name));
      case "impossible":
        throw new UserError(step.doing, step.state);
    }
  },

  async observe(host, wanted) {
    const groups = parseGroup(await readSystemText(host, "/etc/group"));
    return groups.filter(({ name }) => name in wanted).map(({ name, gid }) => ({ name, gid }));
  },
};

/** The groups that were made in this boot. */
export async function readMadeGroups(host: Host): Promise<MadeGroups> {
  return await readRecord(host, MADE_GROUPS_FILE, v.record(v.string(), v.number())) ?? {};
}

/** Whether a group of this name and number may be an account's own; those of the image may not, with all that they may do. */
export function mayBeOwn({ name, gid }: Group, made: MadeGroups): boolean {
  return isForPeople(gid) || made[name] === gid;
}

function planKnown(
  name: string,
  known: Group,
  { gid, pinned, own }: DesiredGroup,
  made: MadeGroups,
): Change[] {
  const isMade = made[name] === known.gid;
  // Whether the image's group may be an account's is asked where the account is made.
  if (!(pinned || isMade) || known.gid === gid || own && !mayBeOwn(known, made)) return [];
  const until = isMade ? " until the next boot" : "";
  const state = `it is there with gid ${known.gid}${until}`;
  return [impossible(`give group ${name} the gid ${gid}`, state)];
}

function impossible(doing: string, state: string): Change {
  return { what: "impossible", doing, state, text: `${doing}: ${state}` };
}

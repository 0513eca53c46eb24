/**
 * The key `groups`, and what groups accounts need: each has one of its own, and is a member of others.
 *
 * @module
 */
import * as v from "valibot";
import { accountName, anyText, dictionary, mapping, openMapping } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { derivedId, type GivenId, idNumber, idProblem, sameIds } from "./ids.ts";
import { compare, configKey } from "./key.ts";
import { IMAGE_GROUPS, type UserConfig } from "./users.ts";

const OPEN = { since: "0.2.0", secrecy: "open" } as const;

const group = mapping({
  gid: v.optional(
    described(idNumber, "Number of the group.", {
      ...OPEN,
      default:
        "that of the image's group of this name, else it follows from the name as accounts' do",
      desk: idProblem,
    }),
  ),
});

/** One group; without `gid` it follows from the name. */
export type GroupConfig = v.InferOutput<typeof group>;

/** One group as it is wanted. */
export interface DesiredGroup {
  /** What it gets where there is no group of its name. */
  gid: number;
  /** Whether the fleet says this gid, so that a group that is there must have it. */
  pinned: boolean;
  /** Whether it is only wanted as an account's own group, which is made with the account. */
  own: boolean;
}

/** What of a configuration says which groups there are. */
interface Said {
  groups?: Record<string, GroupConfig>;
  users?: Record<string, UserConfig>;
}

/** All groups that a configuration wants, by name. */
function wantedGroups({ groups = {}, users = {} }: Said): Record<string, DesiredGroup> {
  const wanted = new Map<string, DesiredGroup>();
  const want = (name: string, own: boolean) => {
    const user = users[name];
    const pin = groups[name]?.gid ?? user?.gid;
    const gid = pin ?? user?.uid ?? derivedId(name);
    wanted.set(name, { gid, pinned: pin !== undefined, own });
  };
  for (const [name, user] of Object.entries(users)) {
    want(name, true);
    for (const other of Object.keys(user.groups ?? {})) if (!users[other]) want(other, false);
  }
  for (const name of Object.keys(groups)) want(name, false);
  return Object.fromEntries(wanted);
}

export const groups = configKey({
  schema: described(
    dictionary(
      accountName,
      described(group, "One group, by its name.", OPEN),
    ),
    "Groups. Who is a member stands below `users`; a group that only `users` names is made, too. A group of the image is left " +
      "as it is: a `gid` that is not its own is told as a trouble. A group that is no longer named is removed.",
    { ...OPEN, default: "those that users name" },
  ),
  example: "groups:\n  media:\n    gid: 2000\n",
  desired: (value = {}, _node, { users }: Said): Record<string, DesiredGroup> =>
    wantedGroups({ groups: value, users }),
  needs: { programs: [], packages: [] },
  owns: [["path", "/etc/group"]],
  observed: v.array(openMapping({ name: anyText, gid: v.number() })),
  differences: (wanted, seen) =>
    Object.entries(wanted).flatMap(([name, want]) => {
      const have = seen.find((one) => one.name === name);
      // An account of the image may be in another group than one of its own.
      if (!have) return want.own ? [] : [`group ${name} is missing`];
      return want.pinned ? compare(`group ${name}: gid`, have.gid, want.gid) : [];
    }),
});

/** What is wrong with the ids of a configuration's accounts and groups. */
export function groupProblems(
  config: Said,
): { path: readonly string[]; message: string }[] {
  const { groups = {}, users = {} } = config;
  const ids: GivenId[] = Object.entries(users).map(([name, { uid }]) => ({
    name,
    id: uid ?? derivedId(name),
  }));
  const sameUids = sameIds(ids);
  const wanted = Object.entries(wantedGroups(config));
  const gids: GivenId[] = wanted.filter(([name, { pinned }]) =>
    // Those of the image have the numbers that it gives, and what follows from a wrong uid is said with that.
    pinned || !IMAGE_GROUPS.includes(name) && sameUids.every(({ second }) => second.name !== name)
  ).map(([name, { gid: id }]) => ({ name, id }));
  const twice = Object.entries(users).filter(([name, { gid }]) =>
    gid !== undefined && (groups[name]?.gid ?? gid) !== gid
  );
  return [
    ...sameUids.map(({ first, second: { name, id } }) => ({
      path: ["users", name],
      message: `users ${first} and ${name} both get the uid ${id}: pin one (users.<name>.uid)`,
    })),
    ...sameIds(gids).map(({ first, second: { name, id } }) => ({
      path: groups[name] ? ["groups", name] : ["users", name],
      message: `groups ${first} and ${name} both get the gid ${id}: pin one (groups.<name>.gid)`,
    })),
    ...twice.map(([name, { gid }]) => ({
      path: ["groups", name, "gid"],
      message: `groups.${name}.gid is ${groups[name]!.gid}, and users.${name}.gid is ${gid}`,
    })),
  ];
}

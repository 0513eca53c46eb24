/**
 * Which changes lead from the accounts that are to those of the configuration. Pure.
 *
 * @module
 */
import { equal } from "../../lib/bytes.ts";
import { derivedId, isForPeople } from "../../lib/config/ids.ts";
import type { Desired } from "../../lib/config/mod.ts";
import type { DesiredUser } from "../../lib/config/users.ts";
import type { Account, Group } from "../../lib/formats/accounts.ts";
import type { FileInfo } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { type MadeGroups, mayBeOwn } from "./groups.ts";
import type { Step } from "./resource.ts";

/** What the owner of a home may do there, and nobody else by default. */
const HOME_MODE = 0o700;
/** The shell of accounts for people. */
export const DEFAULT_SHELL = "/bin/sh";
/** Home and shell of accounts that nobody logs in to. */
const NO_HOME = "/dev/null", NO_SHELL = "/sbin/nologin";

/** What is at the path of a home. */
export interface Home {
  info: FileInfo;
  /** Whether it is a directory of root's with nothing in it. */
  isEmpty: boolean;
}

/** What is known of the node's accounts. */
export interface ActualUsers {
  accounts: Account[];
  groups: Group[];
  passwords: Map<string, string>;
  /** Text of the key file of each account that has one. */
  keys: Map<string, string>;
  /** What is at the paths of homes; "elsewhere": in a mount over the network. */
  homes: Map<string, Home | "elsewhere">;
  /** Programs that may be shells and are there. */
  shells: Set<string>;
  /** Accounts that are no longer listed and still run something. */
  running: Set<string>;
  managed: Managed;
  madeGroups: MadeGroups;
}

/** An account of the image before it was changed. */
interface ImageAccount extends Pick<Account, "comment" | "home" | "shell"> {
  readonly password: string;
  readonly groups: string[];
}

/** What this agent, or one before it in this boot, has done. */
export interface Managed {
  /** Accounts that were made, by name. */
  readonly made: Readonly<Record<string, { readonly uid: number; readonly system: boolean }>>;
  /** Accounts that were there and may have been changed. */
  readonly image: Readonly<Record<string, ImageAccount>>;
}

/** One change of the accounts. */
export type AccountChange =
  & Step
  & (
    | { readonly what: "members"; readonly group: Group }
    | { readonly what: "account"; readonly account: Account }
    | { readonly what: "password"; readonly name: string; readonly password: string }
    | { readonly what: "home"; readonly account: Account; readonly mode: number }
    | { readonly what: "keys"; readonly name: string; readonly text: string; readonly keys: string }
    | { readonly what: "processes"; readonly uid: number }
    | { readonly what: "managed"; readonly managed: Managed }
    /** Always fails: what can't be done is reported every time, while all other steps are still made. */
    | { readonly what: "impossible"; readonly doing: string; readonly state: string }
  );

type Users = Desired<"users">;

/** The changes from `actual` to what is `desired`, in order. */
export function planUsers(desired: Users, actual: ActualUsers): AccountChange[] {
  const { managed } = actual;
  const plan: Plan = {
    actual,
    accounts: [...actual.accounts],
    made: { ...managed.made },
    image: { ...managed.image },
    desired,
  };
  const steps: AccountChange[] = [];
  for (const [name, given] of Object.entries(desired)) steps.push(...planUser(name, given, plan));
  steps.push(...planMemberships(plan));
  const gone = [...Object.keys(managed.made), ...Object.keys(managed.image)]
    .filter((name) => !(name in desired)).sort();
  for (const name of gone) steps.push(...planGone(name, actual));
  const record: Managed = { made: plan.made, image: plan.image };
  if (!equal(canonicalJson(record), canonicalJson(managed))) {
    const names = [...Object.keys(record.made), ...Object.keys(record.image)].sort();
    // First, so that an interruption in between can't make the agent forget what it has done.
    steps.unshift({ what: "managed", managed: record, text: `manage ${names.join(", ")}` });
  }
  return steps;
}

/** What planning knows: what is, and what will be once the steps so far are made. */
interface Plan {
  actual: ActualUsers;
  desired: Users;
  accounts: Account[];
  /** As in {@linkcode Managed}; planning adds to them. */
  made: Record<string, { uid: number; system: boolean }>;
  image: Record<string, ImageAccount>;
}

function planUser(name: string, given: DesiredUser, plan: Plan): AccountChange[] {
  const { actual, accounts } = plan;
  const known = accounts.find((account) => account.name === name);
  const steps: AccountChange[] = [];
  let gid: number;
  if (known) {
    const isMade = plan.made[name]?.uid === known.uid;
    steps.push(...wrongIds(known, given, isMade));
    if (isMade) {
      plan.made[name] = { uid: known.uid, system: given.system };
    } else plan.image[name] ??= imageAccount(known, actual);
    gid = known.gid;
  } else {
    const group = actual.groups.find((group) => group.name === name);
    const problem = newAccountProblem(name, given, group, plan);
    if (problem !== undefined) return [impossible(`create user ${name}`, problem)];
    plan.made[name] = { uid: given.uid ?? derivedId(name), system: given.system };
    gid = group!.gid;
  }
  const uid = known?.uid ?? plan.made[name]!.uid;
  const base = plan.image[name];
  const shell = given.shell ?? base?.shell ?? (given.system ? NO_SHELL : DEFAULT_SHELL);
  // A colon ends a field of the account's line.
  const usable = given.shell === undefined || actual.shells.has(shell) && !shell.includes(":");
  const account: Account = {
    name,
    uid,
    gid,
    comment: given.comment ?? base?.comment ?? "",
    home: given.home ?? base?.home ?? (given.system ? NO_HOME : homeOf(name)),
    // A missing shell would lock the user out: until the image has it, use the account's old or the default shell.
    shell: usable ? shell : known?.shell ?? DEFAULT_SHELL,
  };
  const text = known ? changeText(known, account) : `create user ${name} (uid ${uid})`;
  if (text !== "") steps.push({ what: "account", account, text });
  if (!usable) steps.push(impossible(`give ${name} the shell ${shell}`, "it is not in the image"));
  if (known) accounts[accounts.indexOf(known)] = account;
  else accounts.push(account);
  steps.push(...planPassword(name, passwordOf(given, base), actual));
  const hasHome = !given.system && (given.home !== undefined || !base || isForPeople(uid));
  if (hasHome) steps.push(...planHome(account, actual.homes.get(account.home)));
  const keys = given.sshKeys.map((line) => `${line}\n`).join("");
  if ((actual.keys.get(name) ?? "") !== keys) {
    const text = `let ${given.sshKeys.length} SSH keys in as ${name}`;
    steps.push({ what: "keys", name, keys, text });
  }
  return steps;
}

/**
 * What says that an account that is there has other numbers than it is to have: nobody changes them while they are used. One
 * of the image has those that the image gives, unless the fleet says others.
 */
function wrongIds(
  { name, uid, gid }: Account,
  given: DesiredUser,
  isMade: boolean,
): AccountChange[] {
  const until = isMade ? " until the next boot" : "";
  const wanted = {
    uid: [given.uid ?? (isMade ? derivedId(name) : uid), uid],
    gid: [given.gid ?? gid, gid],
  };
  return Object.entries(wanted).flatMap(([kind, [want, have]]) =>
    want === have ? [] : [
      impossible(
        `give ${name} the ${kind} ${want}`,
        `the account is there with ${kind} ${have}${until}`,
      ),
    ]
  );
}

/** Why there can't be a new account of this name. */
function newAccountProblem(
  name: string,
  given: DesiredUser,
  group: Group | undefined,
  { accounts, actual, desired, made }: Plan,
): string | undefined {
  const uid = given.uid ?? derivedId(name);
  const other = accounts.find((account) => account.uid === uid)?.name;
  if (other !== undefined) {
    const isGone = made[other]?.uid === uid && !(other in desired);
    return `uid ${uid} is ${other}'s${isGone ? " until the next boot" : ""}`;
  }
  if (!group) return "its group is not there";
  // It would be the account's own group, with all that it may do: read password hashes, disks, ...
  return mayBeOwn(group, actual.madeGroups)
    ? undefined
    : `its group would be the image's ${name} (gid ${group.gid})`;
}

/** What is to be known of an account of the image, so that it can be as it was. */
function imageAccount(account: Account, { passwords, groups }: ActualUsers): ImageAccount {
  const { name, comment, home, shell } = account;
  return {
    comment,
    home,
    shell,
    password: passwords.get(name) ?? "",
    groups: groups.filter(({ members }) => members.includes(name)).map((group) => group.name),
  };
}

/** The password field that an account is to have: a hash, `*` (a key lets in, no password does) or `!` (nothing does). */
function passwordOf(given: DesiredUser, base: ImageAccount | undefined): string {
  if (given.passwordHash !== undefined) return given.passwordHash;
  const old = base?.password ?? "";
  if (old !== "" && !old.startsWith("!")) return old;
  return given.system && given.sshKeys.length === 0 ? "!" : "*";
}

function planPassword(name: string, password: string, { passwords }: ActualUsers): AccountChange[] {
  if (passwords.get(name) === password) return [];
  const text = password.startsWith("!")
    ? `lock user ${name}`
    : password === "*"
    ? `let ${name} log in by key only`
    : `set the password of ${name}`;
  return [{ what: "password", name, password, text }];
}

/**
 * An account that is not the image's has a home of its own. Whoever owns the default one may open it to others, but one that
 * was only half made, or that its owner can't use, is put right. Elsewhere nobody's files are given away.
 */
function planHome(account: Account, found: Home | "elsewhere" | undefined): AccountChange[] {
  if (found === "elsewhere") return [];
  const { name, uid, home } = account;
  if (!found) return [{ what: "home", account, mode: HOME_MODE, text: `make ${home} for ${name}` }];
  const { info, isEmpty } = found;
  if (info.kind !== "directory") return [];
  if (info.uid === uid && (info.mode & HOME_MODE) === HOME_MODE) return [];
  const doing = `give ${home} to ${name}`;
  if (home !== homeOf(name) && info.uid !== uid && !isEmpty) {
    const owner = info.uid === 0 ? "root's, and not empty" : `of uid ${info.uid}`;
    return [impossible(doing, `it is ${owner}, and ${name} has the uid ${uid}`)];
  }
  const mode = info.uid === uid ? info.mode | HOME_MODE : HOME_MODE;
  return [{ what: "home", account, mode, text: doing }];
}

function changeText(from: Account, to: Account): string {
  const parts: string[] = [];
  if (from.comment !== to.comment) parts.push("comment");
  if (from.home !== to.home) parts.push(`home ${to.home}`);
  if (from.shell !== to.shell) parts.push(`shell ${to.shell}`);
  return parts.length === 0 ? "" : `change user ${to.name}: ${parts.join(", ")}`;
}

function planMemberships({ actual, desired, image, accounts }: Plan): AccountChange[] {
  const { groups, managed } = actual;
  const steps: AccountChange[] = [];
  /** Groups that an account is to be in; undefined for accounts that are nobody's concern here. */
  const wantedOf = (name: string): readonly string[] | undefined => {
    const given = Object.hasOwn(desired, name) ? desired[name] : undefined;
    if (given) return given.groups ?? image[name]?.groups ?? [];
    // What is no longer listed is in no group, or in those that the image says.
    return managed.image[name]?.groups ?? (managed.made[name] && []);
  };
  const names = accounts.map(({ name }) => name);
  for (const name of names) {
    const wanted = desired[name]?.groups ?? [];
    for (const missing of wanted.filter((one) => groups.every((group) => group.name !== one))) {
      steps.push(impossible(`make ${name} member of group ${missing}`, "the group is not there"));
    }
  }
  for (const group of groups) {
    const kept = group.members.filter((name) =>
      // That an account is in the group of its own name goes without saying.
      name === group.name || (wantedOf(name)?.includes(group.name) ?? true)
    );
    const added = names.filter((name) =>
      !kept.includes(name) && wantedOf(name)?.includes(group.name)
    );
    const members = [...kept, ...added];
    if (members.join() === group.members.join()) continue;
    const text = `make ${members.join(", ") || "nobody"} member of group ${group.name}`;
    steps.push({ what: "members", group: { ...group, members }, text });
  }
  return steps;
}

/** What is to be done about an account that is no longer listed. */
function planGone(name: string, actual: ActualUsers): AccountChange[] {
  const { managed, accounts, keys, running } = actual;
  const steps: AccountChange[] = [];
  if ((keys.get(name) ?? "") !== "") {
    steps.push({ what: "keys", name, keys: "", text: `let no SSH key in as ${name} any more` });
  }
  const account = accounts.find((account) => account.name === name);
  if (!account) return steps;
  const base = managed.image[name];
  if (base) {
    const { comment, home, shell } = base;
    const before = { ...account, comment, home, shell };
    const text = changeText(account, before);
    if (text !== "") steps.push({ what: "account", account: before, text });
  }
  // An empty password would let everybody in.
  const password = base ? base.password || "*" : "!";
  steps.push(...planPassword(name, password, actual));
  if (running.has(name)) {
    steps.push({ what: "processes", uid: account.uid, text: `end what ${name} still runs` });
  }
  return steps;
}

/** The home that an account for people has unless it is told another. */
export function homeOf(name: string): string {
  return name === "root" ? "/root" : `/home/${name}`;
}

function impossible(doing: string, state: string): AccountChange {
  return { what: "impossible", doing, state, text: `${doing}: ${state}` };
}

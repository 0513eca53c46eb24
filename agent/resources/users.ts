/**
 * Accounts of the configuration and the SSH keys that may log in to them. The account files are edited directly (busybox has
 * no usermod), passwords never work, keys are kept in a directory of root's.
 *
 * An account that the configuration no longer lists loses its keys and is locked; its files stay until the next boot. Accounts
 * of the image are changed only where the configuration says so, and keep their ids.
 *
 * @module
 */
import * as v from "valibot";
import { equal } from "../../lib/bytes.ts";
import type { Desired, ObservedOf } from "../../lib/config/mod.ts";
import { DIFFERS, PRIVATE_DIGEST } from "../../lib/config/key.ts";
import { type DesiredUser, isAsWanted, openFacts } from "../../lib/config/users.ts";
import { errorText, UserError } from "../../lib/errors.ts";
import {
  type Account,
  freeId,
  type Group,
  parseGroup,
  parsePasswd,
  parseShadow,
  withAccount,
  withGroup,
  withPassword,
} from "../../lib/formats/accounts.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { installFile } from "../system/install_file.ts";
import { readSystemText, readTextIfFile } from "../system/read_file.ts";
import { AUTHORIZED_KEYS_DIR, MANAGED_FILE, RUN_DIR } from "../system/paths.ts";
import { findWay } from "../system/way.ts";
import type { KeyResource, Step } from "./resource.ts";

/** First id of accounts that people use. */
const FIRST_ID = 1000;
/** First id that is the system's again: those of nobody and nogroup. */
const END_ID = 65533;
/** What the owner of a home may do there, and nobody else by default. */
const HOME_MODE = 0o700;
const DEFAULT_SHELL = "/bin/sh";
const ROOT = { uid: 0, gid: 0 };

/** What is known of the node's accounts. */
export interface ActualUsers {
  accounts: Account[];
  groups: Group[];
  passwords: Map<string, string>;
  /** Text of the key file of each account that has one. */
  keys: Map<string, string>;
  /** What is where homes are or are to be, by path. */
  homes: Map<string, FileInfo>;
  /** Programs that may be shells and are there. */
  shells: Set<string>;
  managed: Managed;
}

const managedSchema = v.object({
  users: v.array(v.string()),
  made: v.optional(v.record(v.string(), v.number()), {}),
});
/** What this agent, or one before it in this boot, has done. */
interface Managed {
  /** Accounts that were made or changed. */
  readonly users: readonly string[];
  /** Accounts that were made with an id below those of people, by name: their uid, and gid where that was free. */
  readonly made: Readonly<Record<string, number>>;
}

type Change =
  & Step
  & (
    | { readonly what: "group"; readonly group: Group }
    | { readonly what: "account"; readonly account: Account }
    | { readonly what: "password"; readonly name: string; readonly password: "*" | "!" }
    | { readonly what: "home"; readonly account: Account; readonly mode: number }
    | { readonly what: "keys"; readonly name: string; readonly text: string; readonly keys: string }
    | { readonly what: "managed"; readonly managed: Managed }
    /** Always fails: what can't be done is reported every time, while all other steps are still made. */
    | { readonly what: "impossible"; readonly doing: string; readonly state: string }
  );

type Users = Desired<"users">;

export const users: KeyResource<"users", ActualUsers, Change> = {
  async read(host, desired) {
    const accounts = parsePasswd(await readSystemText(host, "/etc/passwd"));
    const managed = await readManaged(host);
    const keys = new Map<string, string>();
    for (const name of new Set([...Object.keys(desired), ...managed.users])) {
      const text = await readTextIfFile(host, keyFile(name));
      if (text !== undefined) keys.set(name, text);
    }
    const homes = [
      ...accounts.map(({ home }) => home),
      ...Object.keys(desired).map((name) => homeOf(name)),
    ];
    const shells = Object.values(desired).map(({ shell }) => shell ?? DEFAULT_SHELL);
    return {
      accounts,
      groups: parseGroup(await readSystemText(host, "/etc/group")),
      passwords: parseShadow(await readSystemText(host, "/etc/shadow")),
      keys,
      homes: await factsOf(host, homes),
      shells: new Set((await factsOf(host, shells)).keys()),
      managed,
    };
  },

  plan(desired, actual) {
    const steps: Change[] = [];
    const accounts = [...actual.accounts];
    const groups = actual.groups.map((group) => ({ ...group, members: [...group.members] }));
    const asked = Object.values(desired).flatMap(({ uid }) => uid === undefined ? [] : [uid]);
    const made = { ...actual.managed.made };
    for (const [name, given] of Object.entries(desired)) {
      steps.push(...planUser(name, given, { actual, accounts, groups, asked, made }));
    }
    steps.push(...planMemberships(desired, actual.groups, groups));
    for (const name of actual.managed.users) {
      if (!(name in desired)) steps.push(...planGone(name, actual));
    }
    const users = [...new Set([...actual.managed.users, ...Object.keys(desired)])].sort();
    const managed = { users, made };
    if (!equal(canonicalJson(managed), canonicalJson(actual.managed))) {
      // First, so that an interruption in between can't make the agent forget what it has done.
      steps.unshift({ what: "managed", managed, text: `manage ${users.join(", ")}` });
    }
    return steps;
  },

  async apply(step, host) {
    switch (step.what) {
      case "managed":
        await host.mkdir(RUN_DIR, { mode: 0o700 });
        return await host.writeFile(MANAGED_FILE, canonicalJson(step.managed), {
          mode: 0o600,
        });
      case "group":
        return await edit(host, "/etc/group", (text) => withGroup(text, step.group));
      case "account":
        return await edit(host, "/etc/passwd", (text) => withAccount(text, step.account));
      case "password":
        return await edit(
          host,
          "/etc/shadow",
          (text) => withPassword(text, step.name, step.password),
        );
      case "home":
        return await makeHome(host, step.account, step.mode);
      case "keys":
        await host.mkdir(AUTHORIZED_KEYS_DIR, { mode: 0o755 });
        // sshd reads it with the account's rights.
        return await installFile(host, keyFile(step.name), step.keys, { mode: 0o644, ...ROOT });
      case "impossible":
        throw new UserError(step.doing, step.state);
    }
  },

  async observe(host, wanted, shown) {
    const accounts = parsePasswd(await readSystemText(host, "/etc/passwd"));
    const groups = parseGroup(await readSystemText(host, "/etc/group"));
    const found: ObservedOf<"users"> = [];
    for (const name of Object.keys(wanted)) {
      const account = accounts.find((account) => account.name === name);
      if (!account) continue;
      const keys = await readTextIfFile(host, keyFile(name)) ?? "";
      const have = {
        uid: account.uid,
        groups: groups.filter(({ members }) => members.includes(name)).map((group) => group.name),
        sshKeys: keys.split("\n").filter(Boolean),
      };
      const { open, others } = openFacts(wanted[name]!, shown[name]);
      const isRight = others.every((fact) => isAsWanted(fact, wanted[name]!, have));
      found.push({
        name,
        ...Object.fromEntries(open.map((fact) => [fact, have[fact]])),
        ...others.length > 0 && { private: isRight ? PRIVATE_DIGEST : DIFFERS },
      });
    }
    return found;
  },
};

/** What planning knows: what is, and what will be once the steps so far are made. */
interface Plan {
  actual: ActualUsers;
  accounts: Account[];
  groups: Group[];
  /** Ids that the configuration gives to accounts, which must not go to others. */
  asked: number[];
  /** As {@linkcode Managed.made}; planning adds to it. */
  made: Record<string, number>;
}

function planUser(name: string, given: DesiredUser, plan: Plan): Change[] {
  const { actual, accounts, groups, made } = plan;
  const steps: Change[] = [];
  const cannot = (doing: string, state: string) =>
    steps.push({ what: "impossible", doing, state, text: `${doing}: ${state}` });
  const known = accounts.find((account) => account.name === name);
  const taken = accounts.map(({ uid }) => uid);
  if (known && given.uid !== undefined && given.uid !== known.uid) {
    cannot(`give ${name} the uid ${given.uid}`, `the account is there with uid ${known.uid}`);
  } else if (!known && given.uid !== undefined && taken.includes(given.uid)) {
    const other = accounts.find(({ uid }) => uid === given.uid)!.name;
    cannot(`create user ${name}`, `uid ${given.uid} is ${other}'s`);
    return steps;
  }
  const uid = known?.uid ?? given.uid ?? freeId([...taken, ...plan.asked], FIRST_ID);
  let group = groups.find((group) => group.name === name);
  if (!known && group && !isForPeople(group.gid) && group.gid !== made[name]) {
    // It would be the account's own group, with all that it may do: read password hashes, disks, ...
    cannot(`create user ${name}`, `its group would be the image's ${name} (gid ${group.gid})`);
    return steps;
  }
  if (!known && !isForPeople(uid)) made[name] = uid;
  if (!known && !group) {
    const gids = groups.map(({ gid }) => gid);
    group = { name, gid: gids.includes(uid) ? freeId(gids, FIRST_ID) : uid, members: [] };
    groups.push(group);
    steps.push({ what: "group", group, text: `create group ${name} (gid ${group.gid})` });
  }
  const shell = given.shell ?? known?.shell ?? DEFAULT_SHELL;
  // A colon ends a field of the account's line.
  const usable = given.shell === undefined || actual.shells.has(shell) && !shell.includes(":");
  const account: Account = {
    name,
    uid,
    gid: known?.gid ?? group!.gid,
    comment: given.comment ?? known?.comment ?? "",
    home: known?.home ?? homeOf(name),
    // A missing shell would lock the user out: until the image has it, use the account's old or the default shell.
    shell: usable ? shell : known?.shell ?? DEFAULT_SHELL,
  };
  const text = known ? changeText(known, account) : `create user ${name} (uid ${uid})`;
  if (text !== "") steps.push({ what: "account", account, text });
  if (!usable) cannot(`give ${name} the shell ${shell}`, "it is not in the image");
  if (known) accounts[accounts.indexOf(known)] = account;
  else accounts.push(account);
  const password = actual.passwords.get(name);
  if (password === undefined || password === "" || password.startsWith("!")) {
    steps.push({ what: "password", name, password: "*", text: `let ${name} log in by key only` });
  }
  const isOwn = isForPeople(uid) || uid === made[name];
  if (isOwn) steps.push(...planHome(account, actual.homes.get(account.home)));
  const lines = given.sshKeys;
  const keys = lines.map((line) => `${line}\n`).join("");
  if ((actual.keys.get(name) ?? "") !== keys) {
    steps.push({ what: "keys", name, keys, text: `let ${lines.length} SSH keys in as ${name}` });
  }
  return steps;
}

/** Whether an id is one of those that people's accounts get, and none of the image's. */
function isForPeople(id: number): boolean {
  return id >= FIRST_ID && id < END_ID;
}

/**
 * An account that is not the image's has a home of its own. Whoever owns it may open it to others, but one that was only half
 * made, or that its owner can't use, is put right.
 */
function planHome(account: Account, info: FileInfo | undefined): Change[] {
  const { name, uid, home } = account;
  if (!info) return [{ what: "home", account, mode: HOME_MODE, text: `make ${home} for ${name}` }];
  if (home !== homeOf(name) || info.kind !== "directory") return [];
  if (info.uid === uid && (info.mode & HOME_MODE) === HOME_MODE) return [];
  const mode = info.uid === uid ? info.mode | HOME_MODE : HOME_MODE;
  return [{ what: "home", account, mode, text: `give ${home} to ${name}` }];
}

function changeText(from: Account, to: Account): string {
  const parts: string[] = [];
  if (from.comment !== to.comment) parts.push("comment");
  if (from.shell !== to.shell) parts.push(`shell ${to.shell}`);
  return parts.length === 0 ? "" : `change user ${to.name}: ${parts.join(", ")}`;
}

function planMemberships(desired: Users, before: readonly Group[], groups: Group[]): Change[] {
  for (const [name, given] of Object.entries(desired)) {
    for (const wanted of given.groups ?? []) {
      if (groups.some((group) => group.name === wanted)) continue;
      const gid = freeId(groups.map(({ gid }) => gid), FIRST_ID);
      groups.push({ name: wanted, gid, members: [] });
    }
    // Without a list an account of the image keeps the groups it has.
    if (given.groups === undefined) continue;
    for (const group of groups) {
      const isMember = group.members.includes(name);
      const isWanted = given.groups.includes(group.name);
      if (isMember && !isWanted) group.members = group.members.filter((member) => member !== name);
      if (!isMember && isWanted) group.members = [...group.members, name];
    }
  }
  return groups.flatMap((group): Change[] => {
    const known = before.find(({ name }) => name === group.name);
    if (known && known.members.join() === group.members.join()) return [];
    // Made by the user's own step, unless it has members on top.
    if (!known && group.members.length === 0 && group.name in desired) return [];
    const members = group.members.join(", ") || "nobody";
    return [{ what: "group", group, text: `make ${members} member of group ${group.name}` }];
  });
}

function planGone(name: string, actual: ActualUsers): Change[] {
  const steps: Change[] = [];
  if ((actual.keys.get(name) ?? "") !== "") {
    steps.push({ what: "keys", name, keys: "", text: `let no SSH key in as ${name} any more` });
  }
  const password = actual.passwords.get(name);
  if (password !== undefined && !password.startsWith("!") && name !== "root") {
    steps.push({ what: "password", name, password: "!", text: `lock user ${name}` });
  }
  return steps;
}

/** Path of the key file of an account. */
function keyFile(name: string): string {
  return `${AUTHORIZED_KEYS_DIR}/${name}`;
}

function homeOf(name: string): string {
  return name === "root" ? "/root" : `/home/${name}`;
}

async function edit(host: Host, path: string, change: (text: string) => string): Promise<void> {
  const info = await host.stat(path);
  if (!info) throw new UserError(`change ${path}`, "it is missing");
  const text = change(await readSystemText(host, path));
  await installFile(host, path, text, { mode: info.mode, uid: info.uid, gid: info.gid });
}

async function makeHome(
  host: Host,
  { home, uid, gid }: Account,
  mode: number,
): Promise<void> {
  const doing = `make ${home}`;
  const place = await findWay(host, home, { doing });
  const info = await host.stat(place);
  if (info && info.kind !== "directory") throw new UserError(doing, "something else is there");
  await host.placeDirectory(place, { mode, uid, gid });
}

/** Facts of those of `paths` that are there. */
async function factsOf(host: Host, paths: readonly string[]): Promise<Map<string, FileInfo>> {
  const found = new Map<string, FileInfo>();
  for (const path of new Set(paths)) {
    const info = await host.stat(path);
    if (info) found.set(path, info);
  }
  return found;
}

async function readManaged(host: Host): Promise<Managed> {
  const text = await readTextIfFile(host, MANAGED_FILE);
  if (text === undefined) return { users: [], made: {} };
  try {
    return v.parse(managedSchema, JSON.parse(text));
  } catch (error) {
    throw new UserError(`read ${MANAGED_FILE}`, errorText(error));
  }
}

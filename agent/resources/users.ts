/**
 * Accounts of the configuration, and who may log in to them. Keys are kept in a directory of root's, whatever accounts do in
 * their homes; numbers follow from names.
 *
 * An account that the configuration no longer lists is locked, and what it runs is ended; its files stay, and its number until
 * the next boot. Accounts of the image are changed only as far as the configuration says, and then are as the image says again.
 *
 * @module
 */
import * as v from "valibot";
import type { Desired, ObservedOf } from "../../lib/config/mod.ts";
import { DIFFERS, PRIVATE_DIGEST } from "../../lib/config/key.ts";
import { isAsWanted, openFacts } from "../../lib/config/users.ts";
import { UserError } from "../../lib/errors.ts";
import {
  type Account,
  parseGroup,
  parsePasswd,
  parseShadow,
  withAccount,
  withGroup,
  withPassword,
} from "../../lib/formats/accounts.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { editFile, readRecord, writeRecord } from "../system/account_files.ts";
import { installFile } from "../system/install_file.ts";
import { runOk } from "../system/programs.ts";
import { readSystemText, readTextIfFile } from "../system/read_file.ts";
import { AUTHORIZED_KEYS_DIR, MANAGED_FILE, PROCESSES } from "../system/paths.ts";
import { BarredError } from "../system/mounts.ts";
import { findWay } from "../system/way.ts";
import {
  type AccountChange,
  type ActualUsers,
  DEFAULT_SHELL,
  homeOf,
  type Managed,
  planUsers,
} from "./account_plan.ts";
import { readMadeGroups } from "./groups.ts";
import type { KeyResource } from "./resource.ts";

const ROOT = { uid: 0, gid: 0 };

const managedSchema = v.object({
  made: v.record(v.string(), v.object({ uid: v.number(), system: v.boolean() })),
  image: v.record(
    v.string(),
    v.object({
      comment: v.string(),
      home: v.string(),
      shell: v.string(),
      password: v.string(),
      groups: v.array(v.string()),
    }),
  ),
});

type Users = Desired<"users">;

export const users: KeyResource<"users", ActualUsers, AccountChange> = {
  async read(host, desired) {
    const accounts = parsePasswd(await readSystemText(host, "/etc/passwd"));
    const managed: Managed = await readRecord(host, MANAGED_FILE, managedSchema) ??
      { made: {}, image: {} };
    const gone = [...Object.keys(managed.made), ...Object.keys(managed.image)]
      .filter((name) => !(name in desired));
    const keys = new Map<string, string>();
    for (const name of [...Object.keys(desired), ...gone]) {
      const text = await readTextIfFile(host, keyFile(name));
      if (text !== undefined) keys.set(name, text);
    }
    return {
      accounts,
      groups: parseGroup(await readSystemText(host, "/etc/group")),
      passwords: parseShadow(await readSystemText(host, "/etc/shadow")),
      keys,
      homes: await homesOf(host, desired, accounts),
      shells: await shellsOf(host, desired),
      running: await runningOf(host, gone, managed),
      managed,
      madeGroups: await readMadeGroups(host),
    };
  },

  plan: planUsers,

  async apply(step, host) {
    switch (step.what) {
      case "managed":
        return await writeRecord(host, MANAGED_FILE, step.managed);
      case "members":
        return await editFile(host, "/etc/group", (text) => withGroup(text, step.group));
      case "account":
        return await editFile(host, "/etc/passwd", (text) => withAccount(text, step.account));
      case "password":
        return await editFile(
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
      case "processes":
        await runOk(host, step.text, [PROCESSES, "end", `${step.uid}`]);
        return;
      case "impossible":
        throw new UserError(step.doing, step.state);
    }
  },

  async observe(host, wanted, shown) {
    const accounts = parsePasswd(await readSystemText(host, "/etc/passwd"));
    const groups = parseGroup(await readSystemText(host, "/etc/group"));
    const passwords = parseShadow(await readSystemText(host, "/etc/shadow"));
    const found: ObservedOf<"users"> = [];
    for (const name of Object.keys(wanted)) {
      const account = accounts.find((account) => account.name === name);
      if (!account) continue;
      const keys = await readTextIfFile(host, keyFile(name)) ?? "";
      const have = {
        uid: account.uid,
        groups: groups.filter(({ members }) => members.includes(name)).map((group) => group.name),
        sshKeys: keys.split("\n").filter(Boolean),
        passwordHash: passwords.get(name),
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

/** Path of the key file of an account. */
function keyFile(name: string): string {
  return `${AUTHORIZED_KEYS_DIR}/${name}`;
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

/** What is where the homes of listed accounts are or are to be, by path. */
async function homesOf(
  host: Host,
  desired: Users,
  accounts: readonly Account[],
): Promise<ActualUsers["homes"]> {
  const homes: ActualUsers["homes"] = new Map();
  for (const [name, { home }] of Object.entries(desired)) {
    const known = accounts.find((account) => account.name === name);
    for (const path of new Set([home ?? homeOf(name), known?.home ?? homeOf(name)])) {
      try {
        const info = await host.stat(path);
        if (info) homes.set(path, { info, isEmpty: await isEmptyDirectory(host, path, info) });
      } catch (error) {
        // Below an absent mount it is missing, and making it says so. What another machine keeps is that one's business.
        if (!(error instanceof BarredError)) throw error;
        if (error.remote) homes.set(path, "elsewhere");
      }
    }
  }
  return homes;
}

/** Whether a directory of root's has nothing in it; what is in others does not matter. */
async function isEmptyDirectory(host: Host, path: string, { kind, uid }: FileInfo) {
  return kind === "directory" && uid === 0 && (await host.readDir(path)).length === 0;
}

/** Those of the shells that are asked for that are there. */
async function shellsOf(host: Host, desired: Users): Promise<Set<string>> {
  const found = new Set<string>();
  for (const path of new Set(Object.values(desired).map(({ shell }) => shell ?? DEFAULT_SHELL))) {
    if (await isThere(host, path)) found.add(path);
  }
  return found;
}

/** Whether a program is there, and not in a mount that is absent or another machine's. */
async function isThere(host: Host, path: string): Promise<boolean> {
  try {
    return await host.stat(path) !== undefined;
  } catch (error) {
    if (error instanceof BarredError) return false;
    throw error;
  }
}

/** Those of the accounts that are `gone` and that the agent has made for people which still run something. */
async function runningOf(
  host: Host,
  gone: readonly string[],
  { made }: Managed,
): Promise<Set<string>> {
  const running = new Set<string>();
  for (const name of gone) {
    const account = made[name];
    if (!account || account.system) continue;
    const listed = await runOk(host, `find what ${name} runs`, [
      PROCESSES,
      "list",
      `${account.uid}`,
    ]);
    if (listed.trim() !== "") running.add(name);
  }
  return running;
}

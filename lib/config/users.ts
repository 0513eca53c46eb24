/**
 * The key `users`: accounts and the SSH keys that may log in to them.
 *
 * @module
 */
import * as v from "valibot";
import {
  accountName,
  anyText,
  boolean,
  dictionary,
  filePath,
  keyLineProblem,
  longPartProblem,
  mapping,
  matching,
  openMapping,
  publicKeyLine,
  sinceOfName,
} from "../schema/fields.ts";
import { uselessLine } from "../schema/ssh_key_line.ts";
import { described, ruled } from "../schema/words.ts";
import { DERIVED_ID, idNumber, idProblem } from "./ids.ts";
import { compare, configKey, type PlacedProblem, PRIVATE_DIGEST } from "./key.ts";
import { passwordHashProblem } from "./password_hash.ts";

const OPEN = { since: "0.1.0", secrecy: "open" } as const;
const SINCE_2_OPEN = { since: "0.2.0", secrecy: "open" } as const;

/** The name of a group stands as a key. */
const sinceOfMember = (_member: unknown, name: string) => sinceOfName(name);

const member = ruled(v.literal(true, "must be true, or null to take it away"), "true");

/** What a key is called; for people and layers, nodes don't use it. */
const keyName = matching(
  /^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$/,
  "a name: up to 64 of A-Z, a-z, 0-9, @, ., _ and -",
);

/** Where the number of an account is not one that the agent's first version takes. */
const MAX_FIRST_ID = 65533;
const sinceOfId = (id: number) => id > MAX_FIRST_ID ? "0.2.0" : undefined;

const noColon = (path: string) =>
  path.includes(":") ? "must not hold a colon" : longPartProblem(path);

const user = mapping({
  uid: v.optional(
    described(idNumber, "Number of the account.", {
      ...OPEN,
      default: "that of the image's account of this name, else it follows from the name",
      desk: idProblem,
      sinceOf: sinceOfId,
    }),
  ),
  gid: v.optional(
    described(idNumber, "Number of the account's own group, which has its name.", {
      ...SINCE_2_OPEN,
      default: "`groups.<name>.gid`, else `uid`, else it follows from the name",
      desk: idProblem,
    }),
  ),
  system: v.optional(
    described(
      boolean,
      "Whether a program is to run as the account and nobody logs in: it gets no home, no shell and no password. One that a " +
        "package would make when it is installed is there before, with these numbers, and the package takes it as it is.",
      { ...SINCE_2_OPEN, default: "false" },
    ),
  ),
  comment: v.optional(
    described(
      matching(/^[^:\p{Cc}]{0,128}$/u, "up to 128 characters, without :"),
      "Who or what the account is for.",
      { since: "0.1.0", default: '""' },
    ),
  ),
  groups: v.optional(
    described(
      dictionary(
        accountName,
        described(member, "The account is a member.", { ...SINCE_2_OPEN, sinceOf: sinceOfMember }),
      ),
      "Groups that the account is a member of, beside its own; those that are not there are made.",
      { ...SINCE_2_OPEN, default: "none; an account of the image keeps its groups" },
    ),
  ),
  home: v.optional(
    described(
      filePath,
      "Home of the account. It is made where nothing is. A directory that is there is taken as it is where it is the account's, " +
        "and given to it where it is root's and empty; no other is touched, and the old home stays.",
      {
        ...SINCE_2_OPEN,
        default: "/home/<name>; with `system`, /dev/null; an account of the image keeps its home",
        desk: noColon,
      },
    ),
  ),
  shell: v.optional(
    described(filePath, "Program that a login starts; it must be in the image.", {
      ...OPEN,
      default: "/bin/sh; with `system`, /sbin/nologin; an account of the image keeps its shell",
      desk: noColon,
    }),
  ),
  passwordHash: v.optional(
    described(
      matching(/^\$[^:\p{Cc}]{1,511}$/u, "the hash of a password, e.g. $6$…"),
      "Hash of the password for logins at the console, of SHA-512 crypt (`mkpasswd -m sha512`, `openssl passwd -6`) or SHA-256 " +
        "crypt. Whoever can read a node's memory or drive can try passwords on it, so the password must be long.",
      {
        since: "0.2.0",
        secrecy: "secret",
        default: "no password works; an account of the image keeps its own",
        desk: passwordHashProblem,
      },
    ),
  ),
  sshKeys: v.optional(
    described(
      dictionary(
        keyName,
        described(publicKeyLine, "One key, by any name.", { since: "0.2.0", desk: keyLineProblem }),
      ),
      "Public keys that may log in, as lines of authorized_keys. A `from=` that lists names of hosts " +
        "counts only with `UseDNS yes` in a file of sshd_config.d. Past an `expiry-time` a key lets nobody in; `deno task site` " +
        "says so when it reads one.",
      { since: "0.2.0", default: "none" },
    ),
  ),
});

/**
 * Groups of Alpine's base layout that have no account of their name: those of devices, of logs and password hashes, of who may
 * become root, of web servers. A node makes no account of such a name, so the desk refuses it. Packages may bring more
 * groups, or an account `www-data`: only the node knows, and the desk refuses that name all the same.
 */
export const IMAGE_GROUPS: readonly string[] =
  ("abuild adm audio cdrom dialout disk floppy input kmem kvm netdev nogroup ping shadow sys tape tty users utmp video wheel www-data")
    .split(" ");

/** What is wrong with an account's name at the desk; a node finds out by the groups that it really has. */
function nameProblem(_user: unknown, name: string): string | undefined {
  if (!IMAGE_GROUPS.includes(name)) return undefined;
  return "is the name of a group of the image, which would become the account's own: take another";
}

/** One account; without `uid` it follows from the name. */
export type UserConfig = v.InferOutput<typeof user>;
/** One account as it is wanted. */
export interface DesiredUser extends Omit<UserConfig, "groups" | "sshKeys" | "system"> {
  system: boolean;
  groups?: string[];
  sshKeys: string[];
}

const observed = v.array(openMapping({
  name: anyText,
  /** What the public part of the configuration wants, as it is. */
  uid: v.optional(v.number()),
  groups: v.optional(v.array(anyText)),
  sshKeys: v.optional(v.array(anyText)),
  /** {@linkcode PRIVATE_DIGEST} where all the rest is as wanted, else {@linkcode DIFFERS}; absent where there is no rest. */
  private: v.optional(anyText),
}));

/** An account as it is, or as it is wanted; what nothing is said of may be anything. */
export interface UserFacts {
  uid?: number;
  groups?: readonly string[];
  sshKeys: readonly string[];
  passwordHash?: string;
}

/** The facts of a user that everyone may know, since `shown` wants the same, and whether there are others. */
export function openFacts(
  wanted: DesiredUser,
  shown: DesiredUser | undefined,
): { open: (typeof TOLD)[number][]; others: (keyof UserFacts)[] } {
  const isOpen = (fact: keyof UserFacts) => shown !== undefined && sameFact(fact, wanted, shown);
  return {
    open: TOLD.filter(isOpen),
    others: [
      ...TOLD.filter((fact) => !isOpen(fact)),
      // Never told, not even where nothing is said of it: the image may have one.
      ...wanted.passwordHash === undefined ? [] : ["passwordHash" as const],
    ],
  };
}

/** Facts that may be told. */
const TOLD = ["uid", "groups", "sshKeys"] as const;

/** Whether `have` is what is `wanted` of one fact. */
export function isAsWanted(fact: keyof UserFacts, wanted: UserFacts, have: UserFacts): boolean {
  return wanted[fact] === undefined || sameFact(fact, wanted, have);
}

function sameFact(fact: keyof UserFacts, a: UserFacts, b: UserFacts): boolean {
  const [left, right] = [a[fact], b[fact]].map((value) =>
    JSON.stringify(Array.isArray(value) ? value.toSorted() : value)
  );
  return left === right;
}

/** Homes that two accounts would have: each would be given the other's in every round. */
function sharedHomes(value: Record<string, UserConfig>): PlacedProblem[] {
  const owners = new Map<string, string>();
  return Object.entries(value).flatMap(([name, { home, system }]) => {
    if (home === undefined && system) return [];
    const path = home ?? (name === "root" ? "/root" : `/home/${name}`);
    const other = owners.get(path);
    owners.set(path, other ?? name);
    if (other === undefined) return [];
    return [{
      at: [name, "home"],
      message: `${name}.home: ${path} is the home of ${other} already`,
    }];
  });
}

export const users = configKey({
  schema: described(
    dictionary(
      accountName,
      described(user, "One account, by its name.", {
        since: "0.1.0",
        desk: nameProblem,
        sinceOf: sinceOfMember,
      }),
    ),
    "Accounts, and who may log in to them. An account of the image is changed as far as something is said of it, and keeps its " +
      "numbers. Others have the same numbers on every node and at every boot, whatever accounts come and go: those that the fleet " +
      `says, else ${DERIVED_ID}. Two names with one number are refused. The name of a new account must not be that of a group of ` +
      "the image. The default home is put right where its account does not own it or can't use it. When an account is no longer " +
      "listed, its keys go, it is locked, leaves its groups, and what it runs is ended (but for what it runs as another account " +
      "by now); its files stay, and until the next boot its number. One of the image is then as the image says.",
    { since: "0.1.0", default: "none beside the image's" },
  ),
  example: `users:
  ops:
    uid: 1000
    comment: Operations
    groups: {wheel: true}
    sshKeys:
      laptop: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZwZZ8I2M5JjnPrcPQeV2k+1+4DNckZf6qc+GpwOxon ops@example
`,
  desired: (value = {}): Record<string, DesiredUser> =>
    Object.fromEntries(
      Object.entries(value).map(([name, { groups, sshKeys = {}, system = false, ...given }]) => [
        name,
        {
          ...given,
          system,
          // Every account is in the group of its own name.
          ...groups && { groups: Object.keys(groups).filter((group) => group !== name) },
          sshKeys: [...new Set(Object.values(sshKeys))],
        },
      ]),
    ),
  problems: sharedHomes,
  needs: { programs: ["/usr/lib/psyopsos/processes"], packages: [] },
  owns: [
    ["path", "/etc/passwd"],
    ["path", "/etc/shadow"],
    ["path", "/etc/ssh/authorized_keys.d/"],
  ],
  observed,
  differences: (wanted, seen, shown) =>
    Object.entries(wanted).flatMap(([name, want]) => {
      const have = seen.find((one) => one.name === name);
      if (!have) return [`user ${name} is missing`];
      const { open, others } = openFacts(want, shown[name]);
      const lines = open.filter((fact) => want[fact] !== undefined).flatMap((fact) =>
        compare(`user ${name}: ${WORDS[fact]}`, sorted(have[fact]), sorted(want[fact]))
      );
      if (others.length === 0) return lines;
      return [...lines, ...compare(`user ${name}: the rest`, have.private, PRIVATE_DIGEST)];
    }),
});

/**
 * Keys by which sshd lets nobody in although nodes take them, a line each: those whose `expiry-time` is past, which may be
 * meant, so it is no error.
 */
export function uselessKeys(users: Record<string, UserConfig> = {}, now: Date): string[] {
  return Object.entries(users).flatMap(([name, { sshKeys = {} }]) =>
    Object.entries(sshKeys).flatMap(([key, line]) => {
      const reason = uselessLine(line, now);
      return reason === undefined ? [] : [`users.${name}.sshKeys.${key} lets nobody in: ${reason}`];
    })
  );
}

/** Facts as messages call them. */
const WORDS = { uid: "uid", groups: "groups", sshKeys: "SSH keys" } as const;

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value;
}

/**
 * The key `users`: accounts and the SSH keys that may log in to them.
 *
 * @module
 */
import * as v from "valibot";
import {
  accountName,
  anyText,
  dictionary,
  filePath,
  keyLineProblem,
  longPartProblem,
  mapping,
  matching,
  openMapping,
  publicKeyLine,
  wholeNumber,
} from "../schema/fields.ts";
import { uselessLine } from "../schema/ssh_key_line.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey, PRIVATE_DIGEST } from "./key.ts";

/** What lists were in the agent's first version. */
const AS_MAPPINGS = { since: "0.2.0", secrecy: "open" } as const;

const member = ruled(v.literal(true, "must be true, or null to take it away"), "true");

/** What a key is called; for people and layers, nodes don't use it. */
const keyName = matching(
  /^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$/,
  "a name: up to 64 of A-Z, a-z, 0-9, @, ., _ and -",
);

const OPEN = { since: "0.1.0", secrecy: "open" } as const;

const user = mapping({
  uid: v.optional(
    described(wholeNumber(1, 65533), "Number of the account.", {
      ...OPEN,
      default: "that of the image's account of this name, else the first that is free from 1000 on",
    }),
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
      dictionary(accountName, described(member, "The account is a member.", AS_MAPPINGS)),
      "Groups that the account is a member of, beside its own; those that are not there are made.",
      { ...AS_MAPPINGS, default: "none; an account of the image keeps its groups" },
    ),
  ),
  shell: v.optional(
    described(filePath, "Program that a login starts; it must be in the image.", {
      ...OPEN,
      default: "/bin/sh",
      desk: (path: string) => path.includes(":") ? "must not hold a colon" : longPartProblem(path),
    }),
  ),
  sshKeys: v.optional(
    described(
      dictionary(
        keyName,
        described(publicKeyLine, "One key, by any name.", { since: "0.2.0", desk: keyLineProblem }),
      ),
      "Public keys that may log in, as lines of authorized_keys. Passwords never work. A `from=` that lists names of hosts " +
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

/** One account; without `uid` the node picks one. */
export type UserConfig = v.InferOutput<typeof user>;
/** One account as it is wanted. */
export interface DesiredUser extends Omit<UserConfig, "groups" | "sshKeys"> {
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
}

/** The facts of a user that everyone may know, since `shown` wants the same, and whether there are others. */
export function openFacts(
  wanted: DesiredUser,
  shown: DesiredUser | undefined,
): { open: (keyof UserFacts)[]; others: (keyof UserFacts)[] } {
  const facts = ["uid", "groups", "sshKeys"] as const;
  const isOpen = (fact: keyof UserFacts) => shown !== undefined && sameFact(fact, wanted, shown);
  return { open: facts.filter(isOpen), others: facts.filter((fact) => !isOpen(fact)) };
}

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

export const users = configKey({
  schema: described(
    dictionary(
      accountName,
      described(user, "One account, by its name.", { since: "0.1.0", desk: nameProblem }),
    ),
    "Accounts, and the SSH keys that may log in to them. A new one gets the home /home/<name>, which is put right where its " +
      "account does not own it or can't use it; its name must not be that of a group of the image. One that is no longer listed loses its keys and is locked; root may have " +
      "keys, too.",
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
      Object.entries(value).map(([name, { groups, sshKeys = {}, ...given }]) => [name, {
        ...given,
        // Every account is in the group of its own name.
        ...groups && { groups: Object.keys(groups).filter((group) => group !== name) },
        sshKeys: [...new Set(Object.values(sshKeys))],
      }]),
    ),
  problems: (value) => {
    const problems: string[] = [];
    const byUid = new Map<number, string>();
    for (const [name, { uid }] of Object.entries(value)) {
      if (uid === undefined) continue;
      const other = byUid.get(uid);
      if (other !== undefined) problems.push(`users ${other} and ${name} have the same uid`);
      byUid.set(uid, name);
    }
    return problems;
  },
  needs: { programs: [], packages: [] },
  owns: [
    ["path", "/etc/passwd"],
    ["path", "/etc/group"],
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

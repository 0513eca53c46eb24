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
  listOf,
  mapping,
  matching,
  openMapping,
  publicKeyLine,
  wholeNumber,
} from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";

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
      matching(/^[^:\p{Cc}]{0,128}$/u, "must be up to 128 characters, without :"),
      "Who or what the account is for.",
      { since: "0.1.0", default: '""' },
    ),
  ),
  groups: v.optional(
    described(
      listOf(accountName),
      "Groups that the account is a member of, beside its own; those that are not there are made.",
      { ...OPEN, default: "none; an account of the image keeps its groups" },
    ),
  ),
  shell: v.optional(
    described(filePath, "Program that a login starts; it must be in the image.", {
      ...OPEN,
      default: "/bin/sh",
    }),
  ),
  sshKeys: v.optional(
    described(
      listOf(publicKeyLine),
      "Public keys that may log in, as lines of authorized_keys. Passwords never work.",
      { since: "0.1.0", default: "none" },
    ),
  ),
});

/** One account; without `uid` the node picks one. */
export type UserConfig = v.InferOutput<typeof user>;
/** One account as it is wanted. */
export type DesiredUser = UserConfig & { sshKeys: string[] };

const observed = v.array(openMapping({
  name: anyText,
  uid: v.number(),
  groups: v.array(anyText),
  sshKeys: v.array(anyText),
}));

export const users = configKey({
  schema: described(
    dictionary(
      accountName,
      described(user, "One account, by its name.", { since: "0.1.0", default: "{}" }),
    ),
    "Accounts, and the SSH keys that may log in to them. One that is no longer listed loses its keys and is locked; root may have keys, too.",
    { since: "0.1.0", default: "none beside the image's" },
  ),
  example: `users:
  ops:
    uid: 1000
    comment: Operations
    groups: [wheel]
    sshKeys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZwZZ8I2M5JjnPrcPQeV2k+1+4DNckZf6qc+GpwOxon ops@example
`,
  desired: (value = {}): Record<string, DesiredUser> =>
    Object.fromEntries(
      Object.entries(value).map(([name, given]) => [name, { sshKeys: [], ...given }]),
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
  observed,
  differences: (wanted, seen) =>
    Object.entries(wanted).flatMap(([name, want]) => {
      const have = seen.find((one) => one.name === name);
      if (!have) return [`user ${name} is missing`];
      return [
        ...compare(`user ${name}: uid`, have.uid, want.uid),
        ...compare(`user ${name}: groups`, have.groups.toSorted(), want.groups?.toSorted()),
        ...compare(`user ${name}: SSH keys`, have.sshKeys.toSorted(), want.sshKeys.toSorted()),
      ];
    }),
});

/**
 * `passwd`, `group` and `shadow` of the image, changed as busybox's adduser and addgroup would. Numbers
 * come from a fixed table, because first-free numbers would depend on which other packages are installed.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import {
  freeId,
  parseGroup,
  parsePasswd,
  withAccount,
  withGroup,
  withoutOpenPasswords,
  withPassword,
} from "../../formats/accounts.ts";
import type { AccountStep } from "./account_steps.ts";

/** Fixed numbers per name, from image.yaml. */
export interface AccountIds {
  readonly users: Readonly<Record<string, number>>;
  readonly groups: Readonly<Record<string, number>>;
}

/** A home directory that adduser would have made. */
export interface HomeDirectory {
  /** Without leading slash. */
  path: string;
  user: string;
  group: string;
}

/** The three account files of an image, changed as busybox's tools would. */
export class Accounts {
  #passwd: string;
  #group: string;
  #shadow: string;
  readonly #ids: AccountIds;
  readonly #day: number;

  /** `epoch` (seconds) gives the day of last change in shadow lines. */
  constructor(
    files: { passwd: string; group: string; shadow: string },
    ids: AccountIds,
    epoch: number,
  ) {
    this.#passwd = files.passwd;
    this.#group = files.group;
    this.#shadow = files.shadow;
    this.#ids = ids;
    this.#day = Math.floor(epoch / 86400);
    this.#agree("users");
    this.#agree("groups");
  }

  /** Number of a user, undefined when there is none. */
  uid(name: string): number | undefined {
    return parsePasswd(this.#passwd).find((one) => one.name === name)?.uid;
  }

  /** Number of a group, undefined when there is none. */
  gid(name: string): number | undefined {
    return parseGroup(this.#group).find((one) => one.name === name)?.gid;
  }

  /**
   * Does one step for `who` (a package). What exists stays as it is, as the tools have it. Returns the home
   * directory that adduser would have made. @throws {UserError} for a name without a fixed number.
   */
  apply(step: AccountStep, who: string): HomeDirectory | undefined {
    switch (step.do) {
      case "group": {
        if (this.gid(step.name) !== undefined) return undefined;
        const gid = step.gid ?? this.#fixed("groups", step.name, who);
        this.#group = withGroup(this.#group, { name: step.name, gid, members: [] });
        return undefined;
      }
      case "member": {
        const group = parseGroup(this.#group).find(({ name }) => name === step.group);
        if (!group || this.uid(step.user) === undefined) return undefined;
        if (group.members.includes(step.user)) return undefined;
        const members = [...group.members, step.user];
        this.#group = withGroup(this.#group, { ...group, members });
        return undefined;
      }
      case "user": {
        if (this.uid(step.name) !== undefined) return undefined;
        const { name, group, comment, home, shell } = step;
        const uid = step.uid ?? this.#fixed("users", name, who);
        const gid = this.gid(group);
        if (gid === undefined) {
          throw new UserError(`make user ${name} of ${who}`, `there is no group ${group}`);
        }
        this.#passwd = withAccount(this.#passwd, { name, uid, gid, comment, home, shell });
        this.#shadow = withPassword(this.#shadow, name, "!", { changed: this.#day });
        this.apply({ do: "member", user: name, group }, who);
        if (!step.makeHome) return undefined;
        return { path: home.replace(/^\/+/, ""), user: name, group };
      }
    }
  }

  /** No account with an empty password stays open: `*` lets keys in but no password. */
  lock(): void {
    this.#passwd = withoutOpenPasswords(this.#passwd, "x");
    this.#shadow = withPassword(withoutOpenPasswords(this.#shadow, "*"), "root", "*");
  }

  /** The files' text. */
  files(): { passwd: string; group: string; shadow: string } {
    return { passwd: this.#passwd, group: this.#group, shadow: this.#shadow };
  }

  #there(kind: "users" | "groups"): { name: string; id: number }[] {
    return kind === "users"
      ? parsePasswd(this.#passwd).map(({ name, uid }) => ({ name, id: uid }))
      : parseGroup(this.#group).map(({ name, gid }) => ({ name, id: gid }));
  }

  #fixed(kind: "users" | "groups", name: string, who: string): number {
    const fixed = this.#ids[kind];
    if (Object.hasOwn(fixed, name)) return fixed[name]!;
    const taken = [...Object.values(fixed), ...this.#there(kind).map(({ id }) => id)];
    throw new UserError(`make ${kind.slice(0, -1)} ${name} of ${who}`, "its number is not fixed", {
      hint: `add "${name}: ${freeId(taken, 100)}" to accounts.${kind} in overlay/image.yaml`,
    });
  }

  /** Existing numbers must be those of the table: files kept across updates belong to numbers. */
  #agree(kind: "users" | "groups"): void {
    const all = this.#there(kind);
    for (const [name, id] of Object.entries(this.#ids[kind])) {
      const fail = (state: string) => new UserError(`use accounts.${kind}.${name}`, state);
      const same = all.find((one) => one.name === name);
      if (same && same.id !== id) {
        throw fail(`${id}, the packages give it the number ${same.id}`);
      }
      const other = all.find((one) => one.id === id && one.name !== name);
      if (other) throw fail(`${id} is ${other.name}'s number`);
    }
  }
}

/**
 * `passwd`, `group` and `shadow` of the image, changed as busybox's adduser and addgroup would. Numbers
 * come from a fixed table, because first-free numbers would depend on which other packages are installed.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
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
  readonly #passwd: string[][];
  readonly #group: string[][];
  readonly #shadow: string[][];
  readonly #ids: AccountIds;
  readonly #day: number;

  /** `epoch` (seconds) gives the day of last change in shadow lines. */
  constructor(
    files: { passwd: string; group: string; shadow: string },
    ids: AccountIds,
    epoch: number,
  ) {
    this.#passwd = table(files.passwd);
    this.#group = table(files.group);
    this.#shadow = table(files.shadow);
    this.#ids = ids;
    this.#day = Math.floor(epoch / 86400);
    this.#agree(this.#passwd, ids.users, "users");
    this.#agree(this.#group, ids.groups, "groups");
  }

  /** Number of a user, undefined when there is none. */
  uid(name: string): number | undefined {
    return idOf(this.#passwd, name);
  }

  /** Number of a group, undefined when there is none. */
  gid(name: string): number | undefined {
    return idOf(this.#group, name);
  }

  /**
   * Does one step for `who` (a package). What exists stays as it is, as the tools have it. Returns the home
   * directory that adduser would have made. @throws {UserError} for a name without a fixed number.
   */
  apply(step: AccountStep, who: string): HomeDirectory | undefined {
    switch (step.do) {
      case "group":
        if (this.gid(step.name) === undefined) {
          this.#addGroup(step.name, step.gid ?? this.#fixed("groups", step.name, who));
        }
        return undefined;
      case "member": {
        const line = this.#group.find(([name]) => name === step.group);
        if (!line || this.uid(step.user) === undefined) return undefined;
        const members = (line[3] ?? "").split(",").filter(Boolean);
        if (!members.includes(step.user)) line[3] = [...members, step.user].join(",");
        return undefined;
      }
      case "user": {
        if (this.uid(step.name) !== undefined) return undefined;
        const uid = step.uid ?? this.#fixed("users", step.name, who);
        const gid = this.gid(step.group);
        if (gid === undefined) {
          throw new UserError(
            `make user ${step.name} of ${who}`,
            `there is no group ${step.group}`,
          );
        }
        this.#passwd.push([
          step.name,
          "x",
          `${uid}`,
          `${gid}`,
          step.comment,
          step.home,
          step.shell,
        ]);
        this.#shadow.push([step.name, "!", `${this.#day}`, "0", "99999", "7", "", "", ""]);
        this.apply({ do: "member", user: step.name, group: step.group }, who);
        if (!step.makeHome) return undefined;
        return { path: step.home.replace(/^\/+/, ""), user: step.name, group: step.group };
      }
    }
  }

  /** No account with an empty password stays open: `*` lets keys in but no password. */
  lock(): void {
    for (const line of this.#shadow) if (line[1] === "" || line[0] === "root") line[1] = "*";
    for (const line of this.#passwd) if (line[1] === "") line[1] = "x";
  }

  /** The files' text. */
  files(): { passwd: string; group: string; shadow: string } {
    const render = (lines: string[][]) => lines.map((line) => line.join(":") + "\n").join("");
    return {
      passwd: render(this.#passwd),
      group: render(this.#group),
      shadow: render(this.#shadow),
    };
  }

  #addGroup(name: string, gid: number): void {
    this.#group.push([name, "x", `${gid}`, ""]);
  }

  #fixed(kind: "users" | "groups", name: string, who: string): number {
    const id = Object.hasOwn(this.#ids[kind], name) ? this.#ids[kind][name] : undefined;
    if (id !== undefined) return id;
    const taken = new Set([
      ...Object.values(this.#ids[kind]),
      ...(kind === "users" ? this.#passwd : this.#group).map((line) => Number(line[2])),
    ]);
    let free = 100;
    while (taken.has(free)) free++;
    throw new UserError(
      `make ${kind.slice(0, -1)} ${name} of ${who}`,
      "its number is not fixed",
      {
        hint: `add "${name}: ${free}" to accounts.${kind} in overlay/image.yaml`,
      },
    );
  }

  /** Existing numbers must be those of the table: files kept across updates belong to numbers. */
  #agree(lines: string[][], ids: Readonly<Record<string, number>>, kind: string): void {
    for (const [name, id] of Object.entries(ids)) {
      const there = idOf(lines, name);
      if (there !== undefined && there !== id) {
        throw new UserError(
          `use accounts.${kind}.${name}`,
          `${id}, the packages give it the number ${there}`,
        );
      }
      const other = lines.find((line) => Number(line[2]) === id && line[0] !== name);
      if (other) {
        throw new UserError(`use accounts.${kind}.${name}`, `${id} is ${other[0]}'s number`);
      }
    }
  }
}

function table(text: string): string[][] {
  return text.split("\n").filter((line) => line !== "").map((line) => line.split(":"));
}

function idOf(lines: string[][], name: string): number | undefined {
  const line = lines.find(([first]) => first === name);
  return line && Number(line[2]);
}

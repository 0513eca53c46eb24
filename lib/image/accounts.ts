/**
 * `passwd`, `group` and `shadow` of the image, and what packages' pre-install scripts would do to them.
 * Scripts are not run: the few words they use are understood (assignments, `addgroup -S [-g GID] GROUP`,
 * `adduser -S … USER`, `addgroup USER GROUP`, `exit 0`), anything else makes the script "not understood"
 * and the caller decides. Numbers come from a fixed table, because first-free numbers would depend on
 * which other packages are installed. Spec: busybox adduser and addgroup.
 *
 * @module
 */
import { UserError } from "../errors.ts";

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

/** One change of accounts asked for by a script. */
export type AccountStep =
  | { do: "group"; name: string; gid?: number }
  | {
    do: "user";
    name: string;
    uid?: number;
    home: string;
    makeHome: boolean;
    shell: string;
    group: string;
    comment: string;
    system: boolean;
  }
  | { do: "member"; user: string; group: string };

/** Longest script that is looked at, in characters. */
const MAX_SCRIPT = 16 * 1024;
const NAME = /^[a-z_][a-z0-9_.-]{0,31}$/;

/** The account steps of a script, or undefined when it does anything that is not understood. */
export function accountSteps(script: string): AccountStep[] | undefined {
  if (script.length > MAX_SCRIPT) return undefined;
  const variables = new Map<string, string>();
  const steps: AccountStep[] = [];
  for (const raw of script.replaceAll("\\\n", " ").split("\n")) {
    // Redirections and "never mind if it fails" change nothing about accounts.
    const line = raw.trim()
      .replace(/^#.*$/, "")
      .replaceAll(/\s+([12&]?>+\s*(\/dev\/null|&[12]))/g, "")
      .replace(/\s*\|\|\s*(true|:)\s*$/, "")
      .trim();
    if (line === "" || /^(exit 0|set -e|:)$/.test(line)) continue;
    const assigned = /^([A-Za-z_]\w*)=("[^"`$]*"|'[^']*'|[\w./:-]*)$/.exec(line);
    if (assigned) {
      variables.set(assigned[1]!, assigned[2]!.replace(/^(["'])(.*)\1$/, "$2"));
      continue;
    }
    const words = splitWords(line, variables);
    const step = words && accountStep(words);
    if (!step) return undefined;
    steps.push(step);
  }
  return steps;
}

/** Words of one command with `$x` and `${x}` put in; undefined for any other shell syntax. */
function splitWords(line: string, variables: ReadonlyMap<string, string>): string[] | undefined {
  const words: string[] = [];
  let rest = line;
  while (rest !== "") {
    const match = /^("[^"`\\]*"|'[^']*'|[\w./:@%+,=${}-]+)(\s+|$)/.exec(rest);
    if (!match) return undefined;
    let word = match[1]!;
    rest = rest.slice(match[0].length);
    if (word.startsWith("'")) word = word.slice(1, -1);
    else {
      let known = true;
      word = word.replace(/^"(.*)"$/, "$1").replaceAll(
        /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g,
        (_, braced, bare) => {
          const value = variables.get(braced ?? bare);
          known &&= value !== undefined;
          return value ?? "";
        },
      );
      if (!known || word.includes("$")) return undefined;
    }
    words.push(word);
  }
  return words;
}

const GROUP_OPTIONS = { S: false, g: true };
const USER_OPTIONS = {
  S: false,
  D: false,
  H: false,
  h: true,
  s: true,
  G: true,
  g: true,
  u: true,
  k: true,
};

function accountStep(words: readonly string[]): AccountStep | undefined {
  const [command, ...args] = words;
  if (command === "addgroup") {
    const line = options(args, GROUP_OPTIONS);
    const [first, second, more] = line?.rest ?? [];
    if (!line || !first || more !== undefined || !NAME.test(first)) return undefined;
    if (second !== undefined) {
      if (line.flags.size > 0 || !NAME.test(second)) return undefined;
      return { do: "member", user: first, group: second };
    }
    const gid = number(line.flags.get("g"));
    return gid === null ? undefined : { do: "group", name: first, gid };
  }
  if (command === "adduser") {
    const line = options(args, USER_OPTIONS);
    const [name, second, more] = line?.rest ?? [];
    if (!line || !name || !NAME.test(name) || more !== undefined) return undefined;
    if (second !== undefined) {
      if (line.flags.size > 0 || !NAME.test(second)) return undefined;
      return { do: "member", user: name, group: second };
    }
    const { flags } = line;
    const uid = number(flags.get("u"));
    // Without -S adduser makes a login account, without -D it asks for a password: not for packages.
    if (uid === null || !flags.has("S") || !flags.has("D")) return undefined;
    return {
      do: "user",
      name,
      uid,
      home: flags.get("h") ?? "/home/" + name,
      makeHome: !flags.has("H"),
      shell: flags.get("s") ?? "/sbin/nologin",
      group: flags.get("G") ?? "nogroup",
      comment: flags.get("g") ?? "Linux User,,,",
      system: true,
    };
  }
  return undefined;
}

/** Undefined when absent, null when no number. */
function number(value: string | undefined): number | undefined | null {
  if (value === undefined) return undefined;
  return /^\d{1,5}$/.test(value) ? Number(value) : null;
}

/** Short options as getopt reads them; undefined for an unknown one. */
function options(
  args: readonly string[],
  known: Readonly<Record<string, boolean>>,
): { flags: Map<string, string>; rest: string[] } | undefined {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith("-") || arg === "-") {
      rest.push(arg);
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]!;
      if (known[letter] === undefined) return undefined;
      if (!known[letter]) {
        flags.set(letter, "");
        continue;
      }
      const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i];
      if (value === undefined) return undefined;
      flags.set(letter, value);
      break;
    }
  }
  return { flags, rest };
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
            `Cannot make user ${step.name} of ${who}: there is no group ${step.group}`,
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
      `Cannot make ${kind.slice(0, -1)} ${name} of ${who}: its number is not fixed`,
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
          `Cannot use accounts.${kind}.${name}: ${id}, the packages give it the number ${there}`,
        );
      }
      const other = lines.find((line) => Number(line[2]) === id && line[0] !== name);
      if (other) {
        throw new UserError(`Cannot use accounts.${kind}.${name}: ${id} is ${other[0]}'s number`);
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

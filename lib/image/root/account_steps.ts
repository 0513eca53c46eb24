/**
 * What packages' pre-install scripts would do to accounts. Scripts are not run: the few words they use are
 * understood (assignments, `addgroup -S [-g GID] GROUP`, `adduser -S -D … USER`, `addgroup USER GROUP`,
 * `exit 0`), anything else makes the script "not understood" and the caller decides.
 * Spec: busybox adduser and addgroup.
 *
 * @module
 */

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

/**
 * Who of those that a configuration lets log in to a node may become root there. A fleet that lets nobody can't be mended over
 * SSH, and nobody notices until they must.
 *
 * @module
 */
import type { DoasRule } from "./doas.ts";
import type { SshConfig } from "./ssh.ts";
import type { DesiredUser } from "./users.ts";

/** An account, as far as doas looks at it. */
export interface Login {
  name: string;
  /** Groups that it is a member of, its own included. */
  groups: readonly string[];
}

/** What doas decides about a command that no rule names, to be run as root. */
export type Decision = "deny" | "permit" | "permit nopass";

/** Words that stand between `permit` and whom it is about. */
const OPTIONS = ["nopass", "nolog", "persist", "keepenv"];

/** What the last of the `rules` that matches decides; accounts and groups that rules name by numbers are passed over. */
export function doasDecision(rules: readonly DoasRule[], login: Login): Decision {
  let decision: Decision = "deny";
  for (const { text } of rules) {
    const [action, ...words] = wordsOf(text);
    let isFree = false;
    for (let word = words[0]; word === "setenv" || OPTIONS.includes(word!); word = words[0]) {
      words.shift();
      if (word === "setenv") words.splice(0, words.indexOf("}") + 1);
      if (word === "nopass") isFree = true;
    }
    const [identity = "", ...rest] = words;
    const isOther = rest.includes("cmd") || rest[0] === "as" && rest[1] !== "root";
    const matches = identity === login.name || login.groups.includes(identity.replace(/^:/, "")) &&
        identity.startsWith(":");
    if (!matches || isOther) continue;
    decision = action === "deny" ? "deny" : isFree ? "permit nopass" : "permit";
  }
  return decision;
}

/** The words of a rule, without quotes and without what stands behind a `#`. */
function wordsOf(text: string): string[] {
  const words: string[] = text.match(/#|[{}]|(?:"(?:\\.|[^"])*"|[^\s{}"#])+/g) ?? [];
  const end = words.indexOf("#");
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll(/"/g, ""));
}

/** Accounts that may log in, by key or at the console, if none of them can become root; else none. */
export function loginsWithoutRoot(
  users: Readonly<Record<string, DesiredUser>>,
  rules: readonly DoasRule[],
  { permitRootLogin, trustedUserCAs = {} }: SshConfig = {},
): string[] {
  // Certificates may be for any account, root's included.
  if (permitRootLogin !== "no" && Object.keys(trustedUserCAs).length > 0) return [];
  const logins = Object.entries(users).filter(([, { sshKeys, passwordHash }]) =>
    sshKeys.length > 0 || passwordHash !== undefined
  );
  const canBecomeRoot = logins.some(([name, { groups = [], passwordHash }]) => {
    const decision = doasDecision(rules, { name, groups: [...groups, name] });
    const isRoot = name === "root" && (permitRootLogin !== "no" || passwordHash !== undefined);
    return isRoot || decision === "permit nopass" ||
      decision === "permit" && passwordHash !== undefined;
  });
  return canBecomeRoot ? [] : logins.map(([name]) => name);
}

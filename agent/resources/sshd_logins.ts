/**
 * Whether settings of the SSH server still let somebody in who has a key, as far as `sshd -T` tells: what it tells is never
 * held against an account where it depends on more than that.
 *
 * @module
 */
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import type { Host } from "../../lib/host.ts";
import { AUTHORIZED_KEYS_DIR } from "../system/paths.ts";
import { readSystemText } from "../system/read_file.ts";

/** An account that has a key. */
export interface Login {
  name: string;
  uid: number;
  /** Names of its groups. */
  groups: readonly string[];
}

/** The accounts that have a key. */
export async function keyedLogins(host: Host): Promise<Login[]> {
  const groups = parseGroup(await readSystemText(host, "/etc/group"));
  const logins: Login[] = [];
  for (const { name, uid, gid } of parsePasswd(await readSystemText(host, "/etc/passwd"))) {
    if ((await host.stat(`${AUTHORIZED_KEYS_DIR}/${name}`))?.size) {
      const own = groups.filter((one) => one.gid === gid || one.members.includes(name));
      logins.push({ name, uid, groups: own.map((one) => one.name) });
    }
  }
  return logins;
}

/** Whether an account may log in by its key, by the lines that `sshd -T` tells for it. */
export function isLetIn(told: readonly string[], { name, uid, groups }: Login): boolean {
  const words = (keyword: string) =>
    told.filter((line) => line.startsWith(`${keyword} `))
      .flatMap((line) => line.slice(keyword.length + 1).split(/\s+/).filter(Boolean));
  const root = words("permitrootlogin")[0] ?? "yes";
  const methods = words("authenticationmethods");
  const files = words("authorizedkeysfile");
  const [allowed, denied] = [words("allowusers"), words("denyusers")];
  const [allowedGroups, deniedGroups] = [words("allowgroups"), words("denygroups")];
  return !words("pubkeyauthentication").includes("no") &&
    (uid !== 0 || !["no", "forced-commands-only"].includes(root)) &&
    (methods.length === 0 || methods.some((one) => one === "any" || one === "publickey")) &&
    (files.length === 0 || files.some((one) => one.startsWith(`${AUTHORIZED_KEYS_DIR}/`))) &&
    // From where somebody comes is not known: what is denied for some hosts is not denied.
    !denied.some((one) => !one.includes("@") && matches(one, name)) &&
    (allowed.length === 0 || isListed(allowed.map((one) => one.split("@")[0]!), name)) &&
    !groups.some((group) => deniedGroups.some((one) => matches(one, group))) &&
    (allowedGroups.length === 0 || groups.some((group) => isListed(allowedGroups, group)));
}

/** Whether a name is in a list of patterns, of which "!" excludes. */
function isListed(patterns: readonly string[], name: string): boolean {
  const excludes = (one: string) => one.startsWith("!") && matches(one.slice(1), name);
  return !patterns.some(excludes) && patterns.some((one) => matches(one, name));
}

/** Whether sshd's pattern is about a name: "*" and "?" stand for others. */
function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replaceAll(/[^A-Za-z0-9*?]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

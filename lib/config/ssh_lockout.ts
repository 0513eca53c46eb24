/**
 * Settings of the SSH server by which nobody could log in any more, as far as that is certain: who may log in by key is what
 * `users` says, whatever image it is.
 *
 * @module
 */
import type { SshConfig } from "./ssh.ts";
import type { UserConfig } from "./users.ts";

/** Ways in beside keys and `passwordAuthentication`. */
const OTHER_WAYS = [
  "gssapiauthentication",
  "hostbasedauthentication",
  "kbdinteractiveauthentication",
  "challengeresponseauthentication",
  "kerberosauthentication",
];

/** Why nobody can log in by SSH who could without these settings; undefined where somebody may. */
export function lockout(
  { passwordAuthentication, permitRootLogin, trustedUserCAs = {}, settings = {} }: SshConfig,
  users: Readonly<Record<string, UserConfig>>,
): string | undefined {
  const said = new Map(
    Object.entries(settings).map(([keyword, value]) => [keyword.toLowerCase(), value.trim()]),
  );
  const isYes = (keyword: string) => said.get(keyword)?.toLowerCase() === "yes";
  if (passwordAuthentication || OTHER_WAYS.some(isYes)) return undefined;
  const keyed = Object.keys(users).filter((name) =>
    Object.keys(users[name]!.sshKeys ?? {}).length > 0
  );
  const hasAuthority = Object.keys(trustedUserCAs).length > 0;
  if (keyed.length === 0 && !hasAuthority) return undefined;
  if (said.get("pubkeyauthentication")?.toLowerCase() === "no") {
    return "ssh.settings.PubkeyAuthentication is no, and passwords don't count";
  }
  // Certificates may be for any account.
  if (hasAuthority) return undefined;
  const rules: [reason: string, lets: (name: string) => boolean][] = [
    ["ssh.permitRootLogin", (name) => name !== "root" || permitRootLogin !== "no"],
    ["ssh.settings.AllowUsers", (name) => namesIn(said.get("allowusers"))?.includes(name) ?? true],
    ["ssh.settings.DenyUsers", (name) => {
      const denied = said.get("denyusers")?.split(/\s+/) ?? [];
      return !denied.includes(name) && !denied.includes("*");
    }],
    ["ssh.settings.AllowGroups", (name) => {
      const allowed = namesIn(said.get("allowgroups"));
      // Which groups an account of the image is in is the image's matter, where nothing is said.
      const groups = users[name]!.groups;
      return !allowed || !groups ||
        [name, ...Object.keys(groups)].some((one) => allowed.includes(one));
    }],
  ];
  let left = keyed;
  for (const [reason, lets] of rules) {
    left = left.filter(lets);
    if (left.length === 0) {
      return `${reason} lets none of those in who have a key (${keyed.join(", ")})`;
    }
  }
  return undefined;
}

/** The names of a list, unless it has patterns or hosts in it. */
function namesIn(list: string | undefined): string[] | undefined {
  return list === undefined || /[*?!@"]/.test(list) ? undefined : list.split(/\s+/);
}

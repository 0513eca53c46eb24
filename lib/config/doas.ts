/**
 * The key `doas`: who may do what as another account.
 *
 * @module
 */
import * as v from "valibot";
import { anyText, dictionary, line, matching } from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";
import type { UserConfig } from "./users.ts";

/** What a rule is called; for people and layers, doas doesn't read it. */
const ruleName = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  "a name: up to 64 of A-Z, a-z, 0-9, ., _ and -",
);

const rule = ruled(
  v.pipe(
    line("a rule"),
    v.regex(/^(?:permit|deny)\s/, "must be a rule of doas.conf: permit … or deny …"),
    // It would go on in the next rule.
    v.regex(/[^\\]$/, "must not end with a backslash"),
  ),
  "a rule of doas.conf(5) on one line, e.g. permit nopass :wheel",
);

/** Name of the rule that is there unless something else is said of it. */
const WHEEL = "wheel";
/** The group that may become root. */
const WHEEL_GROUP = "wheel";

/** One rule as it is wanted. */
export interface DoasRule {
  name: string;
  text: string;
}

/** The rules as doas reads them: one a line. */
export function doasText(rules: readonly DoasRule[]): string {
  return rules.map(({ text }) => `${text}\n`).join("");
}

/** The rule that lets members of wheel become root. A password is asked for where they have one. */
function wheelRule(users: Readonly<Record<string, UserConfig>>): string {
  const hasPassword = Object.values(users).some(({ groups, passwordHash }) =>
    groups?.[WHEEL_GROUP] && passwordHash !== undefined
  );
  return hasPassword ? "permit persist :wheel" : "permit nopass :wheel";
}

export const doas = configKey({
  schema: described(
    dictionary(ruleName, described(rule, "One rule.", { since: "0.2.0" })),
    "Who may do what as root or as another account: the rules of /etc/doas.conf, one a line in the order of their names; the " +
      "last one that matches counts. The rule `wheel` is there unless another is given; `wheel: deny :wheel` takes it away. " +
      "doas tries the rules before they are placed; where it refuses one, those that hold stay.",
    {
      since: "0.2.0",
      default:
        "`wheel: permit nopass :wheel`; where a member of wheel has a `passwordHash`, `wheel: permit persist :wheel`",
    },
  ),
  example: "doas:\n  backup: permit nopass backup as root cmd /usr/bin/rsync\n",
  desired: (
    value = {},
    _node,
    { users = {} }: { users?: Record<string, UserConfig> },
  ): DoasRule[] => {
    const texts = { [WHEEL]: wheelRule(users), ...value };
    return Object.entries(texts).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, text]) => ({ name, text }));
  },
  needs: { programs: ["doas"], packages: ["doas"] },
  owns: [["path", "/etc/doas.conf"]],
  /** The text of /etc/doas.conf; "" where the image has no doas. */
  observed: anyText,
  differences: (wanted, seen, shown) =>
    compare("/etc/doas.conf", seen, tellable(doasText(wanted), doasText(shown))),
});

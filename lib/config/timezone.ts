/**
 * The key `timezone`.
 *
 * @module
 */
import { anyText, timeZone } from "../schema/fields.ts";
import { timeZoneProblem } from "../schema/time_zone.ts";
import { described } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";

export const timezone = configKey({
  schema: described(timeZone, "The time zone that programs on the node show times in.", {
    since: "0.2.0",
    default: "UTC",
    desk: timeZoneProblem,
  }),
  example: "timezone: Europe/Berlin\n",
  desired: (value) => value ?? "UTC",
  needs: { programs: [], packages: ["tzdata"] },
  owns: [["path", "/etc/localtime"], ["path", "/etc/timezone"]],
  /** The zone, "unknown" where `/etc/localtime` is none of the zone that `/etc/timezone` names. */
  observed: anyText,
  differences: (wanted, seen, shown) => compare("time zone", seen, tellable(wanted, shown)),
});

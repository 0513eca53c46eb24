/**
 * tzdata: time zones, without the variants that count leap seconds.
 *
 * @module
 */
import type { DebContent } from "../debian.ts";
import { type Draft, fromDeb } from "./recipe.ts";

const ZONES = "usr/share/zoneinfo";
/** Second copies of all zones, and what is no zone. */
const OTHERS = /^(?:posix|right|posixrules|localtime|leap-seconds\.list)(?:\/|$)/;

/** The package. */
export function tzdata(content: DebContent): Draft {
  return fromDeb(
    content,
    { name: "tzdata", description: "Time zones", license: "Public-Domain" },
    (path) => {
      if (path === ZONES) return path;
      if (!path.startsWith(`${ZONES}/`)) return undefined;
      return OTHERS.test(path.slice(ZONES.length + 1)) ? undefined : path;
    },
  );
}

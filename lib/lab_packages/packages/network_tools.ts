/**
 * iproute2-minimal and ethtool, out of Debian's packages: one program each.
 *
 * @module
 */
import type { DebContent } from "../debian.ts";
import { type Draft, fromDeb } from "./recipe.ts";

/** `ip` and the names of what it shows as numbers, where Alpine has them. */
export function iproute2Minimal(content: DebContent): Draft {
  return fromDeb(
    content,
    { name: "iproute2-minimal", description: "ip of iproute2", license: "GPL-2.0-or-later" },
    (path) => {
      if (/^(?:usr\/)?bin\/ip$/.test(path)) return "sbin/ip";
      return path === "etc/iproute2" || path.startsWith("etc/iproute2/") ? path : undefined;
    },
  );
}

/** `ethtool`. */
export function ethtool(content: DebContent): Draft {
  return fromDeb(
    content,
    {
      name: "ethtool",
      description: "Shows and sets what a network card can",
      license: "GPL-2.0-only",
    },
    (path) => /^(?:usr\/)?sbin\/ethtool$/.test(path) ? "usr/sbin/ethtool" : undefined,
  );
}

/**
 * nftables: the program `nft` that Debian builds.
 *
 * @module
 */
import type { DebContent } from "../debian.ts";
import { below, type Draft, fromDeb } from "./recipe.ts";

/** The package. */
export function nftables(content: DebContent): Draft {
  return fromDeb(
    content,
    { name: "nftables", description: "Netfilter tables", license: "GPL-2.0-only" },
    below("usr/sbin/nft"),
  );
}

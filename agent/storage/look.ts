/**
 * What is mounted, swapped to and plugged in, in one look that waits for nothing.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { type Mount, parseMountinfo } from "../system/mounts.ts";
import { STORAGE } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";

/** What there is. */
export interface Look {
  mounts: readonly Mount[];
  /** Files and devices that are swapped to. */
  swaps: ReadonlySet<string>;
  /** Kernel names of block devices. */
  blocks: ReadonlySet<string>;
  /** Names of mapped devices. */
  mapped: ReadonlySet<string>;
}

/** Looks. @throws {UserError} */
export async function lookAround(host: Host): Promise<Look> {
  const output = await runOk(host, "see what is mounted", [STORAGE, "look"]);
  const rest = (word: string) =>
    output.split("\n").filter((line) => line.startsWith(`${word} `)).map((line) =>
      line.slice(word.length + 1)
    );
  const blocks = rest("block").map((line) => line.split(" "));
  return {
    mounts: parseMountinfo(rest("mount").join("\n")),
    swaps: new Set(rest("swap").map((line) => line.split(/\s/)[0]!.replaceAll("\\040", " "))),
    blocks: new Set(blocks.map(([name]) => name!)),
    mapped: new Set(blocks.map(([, mapped]) => mapped ?? "").filter((one) => one !== "")),
  };
}

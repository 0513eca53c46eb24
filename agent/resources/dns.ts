/**
 * Who is asked for names. What acts on it is the network (network.ts): the two are tried together.
 *
 * @module
 */
import { RESOLV_FILE } from "../network/resolver.ts";
import { readTextIfFile } from "../system/read_file.ts";
import type { KeyResource, Step } from "./resource.ts";

export const dns: KeyResource<"dns", undefined, Step> = {
  read: () => Promise.resolve(undefined),
  plan: () => [],
  apply: () => Promise.resolve(),

  async observe(host) {
    const text = await readTextIfFile(host, RESOLV_FILE) ?? "";
    return text.split("\n").filter((line) => line !== "");
  },
};

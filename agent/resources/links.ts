/**
 * Symbolic links of the configuration. What happens to one that is no longer listed: see `gone.ts`.
 *
 * @module
 */
import { DIFFERS } from "../../lib/config/key.ts";
import type { DesiredLink } from "../../lib/config/links.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { findWay } from "../system/way.ts";
import { digestKey, noteMade } from "./made.ts";
import type { KeyResource, Step } from "./resource.ts";

interface Change extends Step {
  readonly link: DesiredLink;
  readonly key: Uint8Array;
}

interface Actual {
  /** Where links lead, by path; {@linkcode DIFFERS} for what is no link or can't be reached. */
  targets: ReadonlyMap<string, string>;
  /** Of digests in the records of what was made. */
  key: Uint8Array;
}

export const links: KeyResource<"links", Actual, Change> = {
  read: async (host, wanted, { identity }) => ({
    targets: await readTargets(host, wanted),
    key: digestKey(identity),
  }),

  plan: (wanted, { targets, key }) =>
    wanted.filter(({ path, target }) => targets.get(path) !== target).map((link) => ({
      link,
      key,
      text: `link ${link.path} to ${link.target}`,
    })),

  async apply({ link: { path, target }, key }, host) {
    const doing = `make the link ${path}`;
    const place = await findWay(host, path, { doing });
    const kind = (await host.stat(place))?.kind;
    if (kind !== undefined && kind !== "symlink") {
      throw new UserError(doing, `a ${kind === "directory" ? "directory" : "file"} is there`);
    }
    const form = { kind: "symlink", target } as const;
    await noteMade(host, { what: "link", path, place, form, key });
    await host.placeLink(place, target);
  },

  async observe(host, wanted) {
    const targets = await readTargets(host, wanted);
    const found: ObservedOf<"links"> = [];
    for (const { path, target } of wanted) {
      const have = targets.get(path);
      // Where else it leads is nobody's business: an account may have made it.
      if (have !== undefined) found.push({ path, target: have === target ? target : DIFFERS });
    }
    return found;
  },
};

async function readTargets(
  host: Host,
  wanted: readonly DesiredLink[],
): Promise<Map<string, string>> {
  const targets = new Map<string, string>();
  for (const { path } of wanted) {
    try {
      const place = await findWay(host, path);
      const info = await host.stat(place);
      if (info) targets.set(path, info.kind === "symlink" ? await host.readLink(place) : DIFFERS);
    } catch (error) {
      // Behind an account's link: making it says so.
      if (!(error instanceof UserError)) throw error;
      targets.set(path, DIFFERS);
    }
  }
  return targets;
}

/**
 * Which card is which interface. A name that the kernel gives moves when cards are added, and a new card may sit where another
 * one was; so exactly one card must fit.
 *
 * @module
 */
import type { WantedInterface } from "../../lib/config/network.ts";
import type { Card, LinkState, NetworkState } from "./state.ts";

/** What came of looking for cards. */
export interface Matches {
  /** Link of each card that was found, by our name. */
  links: ReadonlyMap<string, LinkState>;
  /** Why not, by our name; of those that the node does without, too. */
  missing: ReadonlyMap<string, string>;
}

/**
 * Finds the cards of all interfaces that are cards.
 *
 * @param formerNames What cards were called that bear one of our names now.
 */
export function matchCards(
  wanted: readonly WantedInterface[],
  state: NetworkState,
  formerNames: Readonly<Record<string, string>>,
): Matches {
  const links = new Map<string, LinkState>();
  const missing = new Map<string, string>();
  for (const { name, kind } of wanted) {
    if (kind.is !== "card") continue;
    const fitting = state.cards.flatMap((card) => {
      const link = state.links.find((one) => one.name === card.name);
      const kernelName = formerNames[card.name] ?? card.name;
      return link && fits(kind.match, { ...card, name: kernelName }, link) ? [link] : [];
    });
    const [found, ...others] = fitting;
    if (found && others.length === 0) links.set(name, found);
    else {
      missing.set(
        name,
        found
          ? `several cards are ${name}: ${fitting.map((one) => one.name).join(", ")}`
          : `no card is ${name}; there are ${told(state)}`,
      );
    }
  }
  for (const [name, link] of links) {
    const other = [...links].find(([one, found]) => one < name && found === link)?.[0];
    if (other === undefined) continue;
    for (const one of [name, other]) missing.set(one, `one card is ${other} and ${name}`);
  }
  for (const name of missing.keys()) links.delete(name);
  return { links, missing };
}

function fits(
  match: Extract<WantedInterface["kind"], { is: "card" }>["match"],
  { name, driver, path }: Card,
  { mac }: LinkState,
): boolean {
  if (match.mac !== undefined && match.mac !== mac) return false;
  if (match.name !== undefined && match.name !== name) return false;
  if (match.driver !== undefined && match.driver !== driver) return false;
  return match.path === undefined || `/${path}/`.includes(`/${match.path}/`);
}

function told({ cards, links }: NetworkState): string {
  const all = cards.map(({ name }) =>
    `${name} (${links.find((link) => link.name === name)?.mac ?? "gone"})`
  );
  return all.length === 0 ? "none" : all.join(", ");
}

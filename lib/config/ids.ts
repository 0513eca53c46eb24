/**
 * Numbers of accounts and groups. They follow from the name alone, so that they are the same on every node and at every boot,
 * whatever else is added or taken away: files on disks that outlive a boot, or that move to another node, keep their owner.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../bytes.ts";
import { wholeNumber } from "../schema/fields.ts";

/** Ids that follow from names: from here … */
const FIRST_DERIVED = 20_000;
/** … so many. */
const DERIVED = 40_000;

/** How it is done, for the reference. */
export const DERIVED_ID =
  "20000 plus the remainder of a division by 40000 of the first four bytes (the first is the highest) of the SHA-256 of the " +
  "name; in a shell `echo $((0x$(printf %s NAME | sha256sum | cut -c1-8) % 40000 + 20000))`";

/** The largest id: some programs read ids as signed numbers of 32 bits, and the last of these is nobody's. */
export const MAX_ID = 2 ** 31 - 2;

/**
 * Ids that no account of a fleet may have: Alpine's nogroup, its nobody, which the kernel and NFS show in place of owners that
 * they can't name, and what means "no id" to system calls of 16 bits.
 */
const NOBODYS: readonly number[] = [65533, 65534, 65535];

/** The field of an id. */
export const idNumber = wholeNumber(1, MAX_ID);

/** What is wrong with an id at the desk. */
export function idProblem(id: number): string | undefined {
  return NOBODYS.includes(id)
    ? "must not be 65533 to 65535, which mean nobody: take another"
    : undefined;
}

/** Whether an id is one of those that accounts for people get, and none of the system's own. */
export function isForPeople(id: number): boolean {
  return id >= 1000 && !NOBODYS.includes(id);
}

/** The id of an account or a group of which the fleet says none: {@linkcode DERIVED_ID}. */
export function derivedId(name: string): number {
  return FIRST_DERIVED + parseInt(sha256Hex(utf8(name)).slice(0, 8), 16) % DERIVED;
}

/** A name, its id, and where the fleet says so. */
export interface GivenId {
  name: string;
  id: number;
}

/** The first name for each of the others that has the same id. */
export function sameIds(given: readonly GivenId[]): { first: string; second: GivenId }[] {
  const names = new Map<number, string>();
  return given.flatMap((second) => {
    const first = names.get(second.id);
    if (first === undefined) names.set(second.id, second.name);
    return first === undefined ? [] : [{ first, second }];
  });
}

/**
 * How many cases each target gets, and in which pieces they are run.
 *
 * @module
 */

/** Cases of one target that one child runs: from `from` on, up to but not including `to`. */
export interface Job {
  target: string;
  from: number;
  to: number;
}

/** Most cases of one child: what it has found is known then, and no target is left for the end. */
const MAX_JOB = 5000;

/** `total` cases by the targets' shares; the sum is `total` exactly, and no target is left out where there is one for each. */
export function casesOf(
  shares: Readonly<Record<string, number>>,
  total: number,
): Map<string, number> {
  const names = Object.keys(shares);
  const sum = names.reduce((all, name) => all + shares[name]!, 0);
  const ideal = (name: string) => total * shares[name]! / sum;
  const least = total >= names.length ? 1 : 0;
  const rest = total - least * names.length;
  const cases = new Map(
    names.map((name) => [name, least + Math.floor(rest * shares[name]! / sum)]),
  );
  let left = total - [...cases.values()].reduce((all, count) => all + count, 0);
  // What rounding has left goes to those that miss most of their share.
  const missing = (name: string) => ideal(name) - cases.get(name)!;
  for (const name of names.toSorted((a, b) => missing(b) - missing(a))) {
    if (left-- <= 0) break;
    cases.set(name, cases.get(name)! + 1);
  }
  return cases;
}

/** The jobs of a round, whose cases begin where `from` says, in turns of the targets. */
export function jobsOf(
  cases: ReadonlyMap<string, number>,
  from: ReadonlyMap<string, number> = new Map(),
): Job[] {
  const jobs: Job[] = [];
  let open = [...cases].map(([target, count]) => {
    const start = from.get(target) ?? 0;
    return { target, at: start, end: start + count };
  });
  while (open.length > 0) {
    for (const one of open) {
      const to = Math.min(one.end, one.at + MAX_JOB);
      if (to > one.at) jobs.push({ target: one.target, from: one.at, to });
      one.at = to;
    }
    open = open.filter(({ at, end }) => at < end);
  }
  return jobs;
}

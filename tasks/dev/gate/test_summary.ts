/**
 * Reads the last line of `deno test` and adds runs up, so that `deno task test` ends with one line for all of them.
 *
 * @module
 */

/** How many tests ended how. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored(?: \(\d+ steps?\))?)?/m;

/**
 * Counts of one run from its (uncoloured) output and exit code. A run that failed without counting a failure (a file
 * that doesn't load) counts as one failure; so does one that says nothing.
 */
export function readSummary(output: string, code: number): TestCounts {
  const match = output.match(SUMMARY);
  const counts = {
    passed: Number(match?.[1] ?? 0),
    failed: Number(match?.[2] ?? 0),
    skipped: Number(match?.[3] ?? 0),
  };
  if (counts.failed === 0 && (code !== 0 || !match)) counts.failed = 1;
  return counts;
}

/** The sum of runs. */
export function addCounts(runs: readonly TestCounts[]): TestCounts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) {
    sum.passed += run.passed;
    sum.failed += run.failed;
    sum.skipped += run.skipped;
  }
  return sum;
}

/** Whether all is well: something passed, nothing failed and, in CI, nothing was skipped. */
export function isGreen(counts: TestCounts, inCi: boolean): boolean {
  return counts.passed > 0 && counts.failed === 0 && (!inCi || counts.skipped === 0);
}

/** Says that the filter left nothing to run; undefined when it did. */
export function noMatchLine(
  { passed, failed, skipped }: TestCounts,
  filter: string | undefined,
): string | undefined {
  if (filter === undefined || passed + failed + skipped > 0) return undefined;
  return `no test's name contains ${filter}`;
}

/** The line that CI reads. */
export function summaryLine(counts: TestCounts): string {
  return `deno: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

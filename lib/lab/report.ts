/**
 * What the lab says at its end: a table for people, JSON for programs. Pure.
 *
 * @module
 */
import type { LabImage } from "./image.ts";
import type { NodeResult } from "./lab.ts";
import { STAGES, table } from "./progress.ts";

/** A row per node: when it reached each stage, its memory, the verdict. */
export function labTable(results: readonly NodeResult[]): string[] {
  const head = ["node", ...STAGES, "agent RAM", "RAM used", "verdict"];
  const rows = results.map(({ name, ok, reached, status }) => [
    name,
    ...STAGES.map((stage) =>
      reached[stage] === undefined ? "-" : `${reached[stage]!.toFixed(1)} s`
    ),
    mebibytes(status?.memory?.agentRssKiB),
    mebibytes(
      status?.memory && status.memory.totalKiB - status.memory.availableKiB,
    ),
    ok ? "as demanded" : "NOT as demanded",
  ]);
  return table([head, ...rows]);
}

/** The table, what is wrong with each node that is not as demanded, and a last line that sums it up. */
export function labSummary(
  results: readonly NodeResult[],
  facts: { imageSeconds: number; total: number },
): string[] {
  const wrong = results.filter(({ differences }) => differences.length > 0)
    .flatMap(({ name, differences, consoleLog }) => [
      "",
      `${name} is not what its site demands (console: ${consoleLog}):`,
      ...differences.map((text) => `  ${text}`),
    ]);
  const good = results.filter(({ ok }) => ok).length;
  return [
    "",
    ...labTable(results),
    ...wrong,
    "",
    `${good} of ${results.length} configured; ${facts.total.toFixed(1)} s in all, ` +
    `${facts.imageSeconds.toFixed(1)} s of it for the image`,
  ];
}

/** The report in JSON, one document with a final newline left to the printer. */
export function labReport(
  results: readonly NodeResult[],
  facts: { image: LabImage; imageSeconds: number; total: number },
): string {
  const { version, packages, reused, sizes } = facts.image;
  return JSON.stringify(
    {
      ok: results.every(({ ok }) => ok),
      seconds: { total: round(facts.total), image: round(facts.imageSeconds) },
      image: { version, packages, reused, sizes },
      nodes: results,
    },
    null,
    2,
  );
}

function mebibytes(kibibytes: number | undefined): string {
  return kibibytes === undefined ? "-" : `${Math.round(kibibytes / 1024)} MiB`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

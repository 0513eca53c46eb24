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

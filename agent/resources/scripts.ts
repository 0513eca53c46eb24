/**
 * Scripts of the configuration. Each runs as root in the order of their names; its output (both streams) is kept for root only.
 *
 * `when: boot` runs once in every boot, `when: change` also runs again in the same boot when the text is new. One that fails is
 * tried again at every check, so scripts must bear being repeated. One whose end is not known, because the agent was killed
 * while it ran, is tried once more: it may be what the agent dies of. A `#!` line is honoured; without one `/bin/sh` reads it.
 *
 * @module
 */
import { PRIVATE_DIGEST } from "../../lib/config/key.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import type { DesiredScript } from "../../lib/config/scripts.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host, RunResult } from "../../lib/host.ts";
import type { KeyResource, Step } from "./resource.ts";
import {
  readScriptRecord,
  recordedScripts,
  scriptFiles,
  type ScriptRecord,
  writeScriptRecord,
} from "./script_record.ts";
import {
  endScript,
  findProcess,
  prepareScript,
  runScript,
  SCRIPT_TIMEOUT_MS,
} from "./script_run.ts";

/** Exit code of a script that could not be started, as a shell gives it. */
const NOT_STARTED = 126;
/** How many runs of one text in a row may be lost. */
const MAX_LOST = 2;

/** What is known of the scripts of a node in a boot. */
interface Actual {
  records: ReadonlyMap<string, ScriptRecord>;
  /** First processes of scripts that an agent which was killed had begun and that still run, by name. */
  running: ReadonlyMap<string, number>;
  round: Round;
}

/** What a run is told beside its script. */
interface Round {
  bootId: string;
  /** The node's name, which scripts are told. */
  node: string;
  signal: AbortSignal;
}

type Change =
  & Step
  & (
    | { readonly what: "end"; readonly pid: number }
    | {
      readonly what: "run";
      readonly script: DesiredScript;
      readonly begun: number;
      readonly round: Round;
    }
    /** Always fails: it is said every time. */
    | { readonly what: "leave"; readonly name: string; readonly begun: number }
  );

export const scripts: KeyResource<"scripts", Actual, Change> = {
  async read(host, wanted, { identity, bootId, signal }) {
    const records = new Map<string, ScriptRecord>();
    const running = new Map<string, number>();
    for (const name of new Set([...await recordedScripts(host), ...wanted.map(nameOf)])) {
      const record = await readScriptRecord(host, name);
      if (record?.bootId !== bootId) continue;
      records.set(name, record);
      // One agent at a time has its turn: what has no end yet is none of a living one.
      const pid = record.exitCode === undefined ? await findProcess(host, name) : undefined;
      if (pid !== undefined) running.set(name, pid);
    }
    return { records, running, round: { bootId, node: identity.name, signal } };
  },

  plan: (wanted, { records, running, round }) => [
    ...[...running].map(([name, pid]): Change => ({
      what: "end",
      pid,
      text: `end script ${name}, which an agent that was killed had begun`,
    })),
    ...wanted.flatMap((script) => planScript(script, records.get(script.name), round)),
  ],

  async apply(step, host) {
    switch (step.what) {
      case "end":
        return await endScript(host, step.pid);
      case "leave": {
        const state = `it ran when the agent was killed, ${step.begun} times in a row`;
        throw new UserError(
          `run script ${step.name}`,
          `${state}; it is run again at the next boot, or when its text is new`,
        );
      }
      case "run":
        return await runStep(host, step);
    }
  },

  async observe(host, wanted) {
    const found: ObservedOf<"scripts"> = [];
    for (const { name } of wanted) {
      const exitCode = (await readScriptRecord(host, name))?.exitCode;
      // Of what it printed nothing is told: even the hash of a short secret gives it away.
      if (exitCode !== undefined) found.push({ name, exitCode, outputSha256: PRIVATE_DIGEST });
    }
    return found;
  },
};

function nameOf({ name }: DesiredScript): string {
  return name;
}

function planScript(
  script: DesiredScript,
  last: ScriptRecord | undefined,
  round: Round,
): Change[] {
  const { name, when, sha256 } = script;
  const isSame = last?.sha256 === sha256;
  const isLost = last !== undefined && last.exitCode === undefined;
  const begun = isLost && isSame ? last.begun : 0;
  if (begun >= MAX_LOST) {
    return [{ what: "leave", name, begun, text: `run script ${name}` }];
  }
  const why = last === undefined
    ? "first time in this boot"
    : isLost
    ? "its end is not known"
    : last.exitCode !== 0
    ? "it failed before"
    : when === "change" && !isSame
    ? "it has changed"
    : undefined;
  const text = `run script ${name} (${why})`;
  return why ? [{ what: "run", script, begun: begun + 1, round, text }] : [];
}

async function runStep(
  host: Host,
  { script, begun, round }: Change & { what: "run" },
): Promise<void> {
  const { name, sha256 } = script;
  const { bootId } = round;
  await prepareScript(host, script);
  await writeScriptRecord(host, name, { bootId, sha256, begun });
  // Where it could not even be started, it has failed like one that says so itself.
  let result: RunResult | undefined;
  try {
    result = await runScript(host, script, round);
  } finally {
    const exitCode = result?.code ?? NOT_STARTED;
    await writeScriptRecord(host, name, { bootId, sha256, begun: 0, exitCode });
  }
  if (result.code === 0) return;
  const output = `its output is in ${scriptFiles(name).output}`;
  throw new UserError(`run script ${name}`, `${endOf(result)}, ${output}`);
}

function endOf({ code, ended }: RunResult): string {
  if (ended === "time") return `it was ended after ${SCRIPT_TIMEOUT_MS / 60_000} minutes`;
  if (ended === "signal") return "it was ended because the agent stops";
  return `it ended with exit code ${code}`;
}

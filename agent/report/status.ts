/**
 * The status document: kept in memory, written to `/run/psyopsos/status.json`, sent to where the configuration says. And
 * its text for people.
 *
 * @module
 */
import { formatStatus, type Phase, type Problem, type Status } from "../../lib/documents/status.ts";
import type { Host } from "../../lib/host.ts";
import { networkReason } from "../../lib/network_reason.ts";
import { RUN_DIR, STATUS_FILE } from "../system/paths.ts";
import type { AgentFacts, SystemFacts } from "./facts.ts";
import type { Trouble } from "./problem.ts";

/** How long a report may take, in milliseconds. */
const REPORT_TIMEOUT_MS = 10_000;

/** A status that says no more than what runs. */
export function firstStatus(image: SystemFacts, agent: AgentFacts, now: Date): Status {
  return {
    phase: "starting",
    image: { version: image.version, kernel: image.kernel },
    agent,
    steps: [],
    reached: {},
    updated: now.toISOString(),
  };
}

/** The problem that `trouble` is, continuing `before` when it is the same. */
export function problemOf(trouble: Trouble, before: Problem | undefined, now: Date): Problem {
  const { check, message, document } = trouble;
  const same = before?.check === check && before.document === document;
  return {
    check,
    message,
    ...(document === undefined ? {} : { document }),
    since: same ? before.since : now.toISOString(),
    attempts: same ? before.attempts + 1 : 1,
  };
}

/** Writes the status for programs on the node. */
export async function writeStatus(host: Host, status: Status): Promise<void> {
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.writeFile(STATUS_FILE, formatStatus(status), { mode: 0o600 });
}

/** Sends the status to `url` by PUT. Gives what went wrong, undefined when it was taken. */
export async function sendStatus(
  host: Host,
  url: string,
  status: Status,
): Promise<string | undefined> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), REPORT_TIMEOUT_MS);
  try {
    const response = await host.fetch(url, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: formatStatus(status),
      redirect: "error",
      signal: limit.signal,
    });
    await response.body?.cancel();
    return response.ok ? undefined : `the server answered ${response.status}`;
  } catch (error) {
    return limit.signal.aborted ? "no answer in time" : networkReason(error);
  } finally {
    clearTimeout(timer);
  }
}

const PHASES: Record<Phase, string> = {
  starting: "starting",
  "waiting-identity": "waiting for its identity drive",
  "waiting-network": "waiting for the network",
  fetching: "asking its site",
  applying: "being configured",
  configured: "configured",
  degraded: "configured, but something needs attention",
};

/** How a node stands, in words. */
export function phaseText(phase: Phase): string {
  return PHASES[phase];
}

/** What is wrong with a URL that does not give what another one gives; a status of an earlier agent does not tell. */
const LAGGING: ReadonlyMap<string | undefined, string> = new Map([
  ["behind", "lags behind"],
  ["unreachable", "can't be read"],
  ["refused", "gives what is refused"],
]);

/** The status for people, a line per fact: what has failed first. */
export function describeStatus(status: Status): string {
  const { image, agent, problem, memory } = status;
  const keys = Object.entries(status.keys ?? {}).sort();
  const done = keys.filter(([, problems]) => problems.length === 0).map(([name]) => name);
  const failed = keys.flatMap(([name, problems]) =>
    problems.map((message): [string, string] => ["failed", `${name}: ${message}`])
  );
  const mib = (kiB: number) => `${Math.round(kiB / 1024)} MiB`;
  const rows: [string, string | undefined][] = [
    ...failed,
    ["node", status.node ?? "unknown"],
    ["state", phaseText(status.phase)],
    ["problem", problem && `${problem.message} (${problem.check})`],
    ["", problem && `since ${problem.since}, tried ${problem.attempts} times`],
    [
      "documents",
      status.serial === undefined
        ? undefined
        : `serial ${status.serial} from ${sourceText(status)}`,
    ],
    ["expires", status.expires],
    ["rollback", status.rollbackGuard === "image" ? "guarded by the image only" : undefined],
    ["", status.guardLost],
    ...(status.lagging ?? []).map(({ url, how, reason }): [string, string] => [
      "mirror",
      `${url} ${LAGGING.get(how) ?? "does not give what another URL gives"}: ${reason}`,
    ]),
    ["applied", done.join(", ") || undefined],
    ["network", status.fallback],
    ["image", `${image.version}, kernel ${image.kernel}`],
    ["agent", `${agent.version} (${agent.commit}, ${agent.form})`],
    [
      "memory",
      memory && `${mib(memory.availableKiB)} of ${mib(memory.totalKiB)} available, ` +
        `agent ${mib(memory.agentRssKiB)}`,
    ],
    ["updated", status.updated],
  ];
  return rows.filter(([, value]) => value)
    .map(([name, value]) => `${name.padEnd(10)} ${value}`).join("\n");
}

function sourceText({ source }: Status): string {
  return source === "last-good" ? "the identity drive (last good)" : "the site";
}

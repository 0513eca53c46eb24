/**
 * The agent's entry: which verb, the real host, signals, the exit code.
 *
 * @module
 */
import { type CommandSpec, processConsole, runCommand } from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { text } from "../lib/bytes.ts";
import { parseStatus } from "../lib/documents/status.ts";
import { EXIT, type ExitCode, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { runAgent } from "./course/run.ts";
import { agentFacts } from "./report/facts.ts";
import { describeStatus } from "./report/status.ts";
import { STATUS_FILE } from "./system/paths.ts";

/** How long a step that is under way may go on after the agent was told to stop, in milliseconds. */
const STOP_MS = 8_000;

const SPEC: CommandSpec = {
  name: "psyopsos-agent",
  summary: "Makes this node what its site says it should be.",
  usage: ["boot", "once", "status [--json]"],
  options: {
    json: { help: "print the status document instead of its text" },
    version: { help: "print version, commit and form" },
  },
  notes: [
    "boot goes on until it is stopped; once ends after one round. Both are for root.",
    "Exit codes: 0 configured, 1 failed, 2 usage, 3 a check of trust failed.",
  ],
};

/** Runs the agent with `args`; `signal` stops it. */
export function main(
  args: readonly string[],
  host: Host,
  { signal, pid }: { signal: AbortSignal; pid: number },
): Promise<ExitCode> {
  return runCommand(SPEC, args, async (line) => {
    if (line.on("version")) {
      const { version, commit, form } = agentFacts();
      return processConsole.out(`psyopsos-agent ${version} (${commit}, ${form})`);
    }
    const [verb, ...rest] = line.words;
    if (rest.length > 0) throw usage(`unexpected word ${rest[0]}`);
    switch (verb) {
      case "boot":
      case "once":
        return await runAgent(host, {
          once: verb === "once",
          signal,
          random: Math.random,
          print: processConsole.out,
          pid,
        });
      case "status":
        return processConsole.out(await statusText(host, line.on("json")));
      default:
        throw usage(verb === undefined ? "a verb is missing" : `unknown verb ${verb}`);
    }
  });
}

async function statusText(host: Host, json: boolean): Promise<string> {
  if (!await host.stat(STATUS_FILE)) {
    throw new UserError("show the status", "the agent has not written one yet", {
      hint: "rc-service psyopsos-agent status tells whether it runs",
    });
  }
  const bytes = await host.readFile(STATUS_FILE);
  return json ? text(bytes).trimEnd() : describeStatus(parseStatus(bytes));
}

function usage(state: string): UserError {
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: "psyopsos-agent --help shows what it takes",
  });
}

if (import.meta.main) {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    // Whatever it is at is written aside and renamed: ending in the middle of it leaves no half file.
    setTimeout(() => Deno.exit(EXIT.ok), STOP_MS);
  };
  Deno.addSignalListener("SIGTERM", onSignal);
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.exit(await main(Deno.args, new DenoHost(), { signal: stop.signal, pid: Deno.pid }));
}

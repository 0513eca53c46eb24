/**
 * The agent's entry: which verb, the real host, signals, the exit code.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { processConsole } from "../lib/cli/console.ts";
import { UsageError, withFailures } from "../lib/cli/failures.ts";
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

const NAME = "psyopsos-agent";

const HELP = `Makes this node what its site says it should be.

Usage: ${NAME} boot
       ${NAME} once
       ${NAME} status [--json]
       ${NAME} --help | --version

  boot       go on until it is stopped
  once       end after one round; one that is under way is waited for, a minute at most
  status     tell what it last found
  --json     print the status document instead of its text
  --version  print version, commit and form
  --debug    show stack traces of failures

boot and once are for root.
Exit codes: 0 configured, 1 failed, 2 usage, 3 a check of trust failed.`;

const SWITCHES = ["help", "version", "json", "debug"];

/** Runs the agent with `args`; `signal` stops it. */
export function main(
  args: readonly string[],
  host: Host,
  { signal, pid }: { signal: AbortSignal; pid: number },
): Promise<ExitCode> {
  const console = processConsole;
  return withFailures({ name: NAME, console, debug: args.includes("--debug") }, async () => {
    const line = readLine(args);
    if (line.help) return console.out(HELP);
    if (line.version) {
      const { version, commit, form } = agentFacts();
      return console.out(`${NAME} ${version} (${commit}, ${form})`);
    }
    switch (line.verb) {
      case "boot":
      case "once":
        return await runAgent(host, {
          once: line.verb === "once",
          signal,
          random: Math.random,
          print: console.out,
          pid,
        });
      case "status":
        return console.out(await statusText(host, line.json));
      default:
        throw new UsageError(
          line.verb === undefined ? "a verb is missing" : `unknown verb ${line.verb}`,
        );
    }
  });
}

/** The command line: a library for it would double the time the agent takes to start. */
function readLine(args: readonly string[]) {
  const { _: [verb, extra], ...switches } = parseArgs([...args], {
    boolean: SWITCHES,
    string: ["_"],
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`unknown option ${arg}`);
    },
  });
  if (extra !== undefined) throw new UsageError(`unexpected word ${extra}`);
  const on = (name: string) => switches[name] === true;
  return {
    verb: verb === undefined ? undefined : String(verb),
    help: on("help"),
    version: on("version"),
    json: on("json"),
  };
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

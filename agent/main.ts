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
import { exitOf, plan, verify } from "./course/look.ts";
import { runAgent } from "./course/run.ts";
import { agentFacts, readSystemFacts } from "./report/facts.ts";
import { readMachine } from "./report/machine.ts";
import { describeStatus } from "./report/status.ts";
import { yamlLines } from "./report/yaml.ts";
import { STATUS_FILE } from "./system/paths.ts";
import { planText, verifiedText } from "./tell.ts";

/** How long a step that is under way may go on after the agent was told to stop, in milliseconds. */
const STOP_MS = 8_000;

const NAME = "psyopsos-agent";

const HELP = `Makes this node what its site says it should be.

Usage: ${NAME} VERB [--json] [--debug]
       ${NAME} --help | --version

  daemon     go on until it is stopped: ask the site, apply, repair what has changed (also: boot)
  apply      do so once (also: once)
  plan       tell what apply would do, with how public files change; change nothing
  status     tell what was last found, what failed first
  verify     fetch and check what the site has for this node; keep and apply nothing
  facts      tell what this machine is made of, as YAML
  reset      forget how scripts have gone since the boot, then apply; accounts, data and what guards the node stay
  --json     print JSON: of daemon, apply and reset the status document at the end, with their lines on standard error
  --version  print version, commit and form
  --debug    show stack traces of failures

They are for root. One at a time looks at the node or changes it: apply, plan, verify and reset wait for another's round, a
minute at most.
Exit codes: 0 done (of apply and reset: configured), 1 failed, 2 usage, 3 a check of trust failed.`;

const SWITCHES = ["help", "version", "json", "debug"];

/** Verbs by their other names. */
const NAMES: Readonly<Record<string, string>> = { boot: "daemon", once: "apply" };

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
    const { json } = line;
    const told = (value: unknown, text: () => string) =>
      console.out(json ? JSON.stringify(value, undefined, 2) : text());
    const onWait = (reason: string) => console.err(reason);
    switch (line.verb) {
      case "daemon":
      case "apply":
      case "reset": {
        const code = await runAgent(host, {
          verb: line.verb,
          once: line.verb !== "daemon",
          anew: line.verb === "reset",
          signal,
          random: Math.random,
          print: json ? console.err : console.out,
          pid,
        });
        if (json) console.out(await statusText(host, true));
        return code;
      }
      case "plan": {
        const found = await plan(host, { verb: "plan", signal, onWait });
        told(found, () => planText(found));
        return exitOf(found);
      }
      case "verify": {
        const found = await verify(host, { verb: "verify", signal, onWait });
        return told(found, () => verifiedText(found));
      }
      case "facts": {
        const { version, kernel } = await readSystemFacts(host);
        const facts = { image: version, kernel, agent: agentFacts(), ...await readMachine(host) };
        return told(facts, () => yamlLines(facts).join("\n"));
      }
      case "status":
        return console.out(await statusText(host, json));
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
    verb: verb === undefined ? undefined : NAMES[String(verb)] ?? String(verb),
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

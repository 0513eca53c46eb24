/**
 * What every task and the agent share on the command line: one table of options gives the parser,
 * `--help` and the messages; one wrapper turns errors into one line and an exit code.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { errorText, EXIT, type ExitCode, UserError } from "../errors.ts";
import { closest } from "./closest.ts";
import { systemFailure } from "./system_error.ts";

/** One option of a command. */
export interface OptionSpec {
  /** What it does, one line, with unit and default. */
  help: string;
  /** Name of the value in the help; an option without one is a switch. */
  value?: string;
  /** May be given several times. */
  many?: boolean;
}

/** What a command accepts. */
export interface CommandSpec {
  /** As the user types it, e.g. "deno task site". */
  name: string;
  /** One line. */
  summary: string;
  /** Usage lines after the name, e.g. "new NAME [--write DEVICE]". */
  usage: readonly string[];
  options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs below the options: files, environment, network. */
  notes?: readonly string[];
}

/** A parsed command line. */
export interface CommandLine {
  /** Words that are no options. */
  words: string[];
  /** Whether a switch was given. */
  on(name: string): boolean;
  /** The value of an option, undefined when absent. */
  value(name: string): string | undefined;
  /** All values of an option that may be repeated. */
  values(name: string): string[];
}

const COMMON: Record<string, OptionSpec> = {
  help: { help: "show this text" },
  debug: { help: "show stack traces of failures" },
};

/** The text of `--help`. */
export function helpText(spec: CommandSpec): string {
  const options = { ...spec.options, ...COMMON };
  const rows = Object.entries(options).map(([name, option]) =>
    [`  --${name}${option.value ? ` ${option.value}` : ""}`, option.help] as const
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    spec.summary,
    "",
    ...spec.usage.map((line, i) =>
      `${i === 0 ? "Usage: " : "       "}${spec.name} ${line}`.trimEnd()
    ),
    "",
    "Options:",
    ...rows.map(([left, help]) => left.padEnd(width) + help),
    ...(spec.notes ?? []).flatMap((note) => ["", note]),
    "",
  ].join("\n");
}

/**
 * Parses `args` by `spec`; options may stand anywhere before a `--`.
 *
 * @throws {UserError} with `EXIT.usage` for an unknown option (with the closest known one), a missing value or an
 * option given twice.
 */
export function parseCommand(spec: CommandSpec, args: readonly string[]): CommandLine {
  const options: Record<string, OptionSpec> = { ...spec.options, ...COMMON };
  const usage = (state: string) =>
    new UserError("read the command line", state, {
      exitCode: EXIT.usage,
      hint: `${spec.name} --help shows what it takes`,
    });
  const names = Object.keys(options);
  const parsed = parseArgs([...args], {
    boolean: names.filter((name) => !options[name]!.value),
    string: [...names.filter((name) => options[name]!.value), "_"],
    collect: names.filter((name) => options[name]!.value),
    "--": true,
    unknown: (arg, key) => {
      if (key === undefined) return true;
      const near = closest(key, names);
      throw usage(
        `Cannot read the command line: unknown option ${arg}${
          near ? `, did you mean --${near}?` : ""
        }`,
      );
    },
  });
  const values = (name: string): string[] => (parsed[name] as string[] | undefined) ?? [];
  for (const name of names) {
    const option = options[name]!;
    if (!option.value) continue;
    const given = values(name);
    if (given.includes("")) {
      throw usage(`--${name} needs a value (${option.value})`);
    }
    if (given.length > 1 && !option.many) {
      throw usage(`--${name} is given twice`);
    }
  }
  return {
    words: [...parsed._.map(String), ...(parsed["--"] ?? [])],
    on: (name) => parsed[name] === true,
    value: (name) => values(name)[0],
    values,
  };
}

/** Where a command prints. */
export interface Console {
  out(line: string): void;
  err(line: string): void;
}

/** The process's own standard output and error. */
export const processConsole: Console = {
  // deno-lint-ignore no-console -- the one place that prints
  out: (line) => console.log(line),
  // deno-lint-ignore no-console -- the one place that prints
  err: (line) => console.error(line),
};

/**
 * Runs `body` with the parsed command line. `--help` prints the help; a {@linkcode UserError} and what the operating
 * system refuses become one line on standard error (and a hint), anything else is reported as a defect.
 */
export async function runCommand(
  spec: CommandSpec,
  args: readonly string[],
  body: (line: CommandLine) => Promise<ExitCode | void>,
  console: Console = processConsole,
): Promise<ExitCode> {
  const debug = args.includes("--debug");
  try {
    const line = parseCommand(spec, args);
    if (line.on("help")) {
      console.out(helpText(spec).trimEnd());
      return EXIT.ok;
    }
    return await body(line) ?? EXIT.ok;
  } catch (error) {
    const own = error instanceof UserError;
    const told = own
      ? { message: errorText(error), hint: error.hint, exitCode: error.exitCode }
      : systemFailure(error);
    console.err(told?.message ?? `Unexpected failure: ${errorText(error)}`);
    if (told?.hint) console.err(`  ${told.hint}`);
    if (!told && !debug) console.err("  This is a defect in psyopsOS; --debug shows where.");
    if (debug && error instanceof Error) console.err(error.stack ?? "");
    return told?.exitCode ?? EXIT.failed;
  }
}

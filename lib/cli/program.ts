/**
 * A program on the command line: one value that its parser, its help, its completion in shells and its page in the
 * reference are made from.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { runParser } from "@optique/core/facade";
import { formatMessage, lineBreak, type Message, text } from "@optique/core/message";
import process from "node:process";
import config from "../../deno.json" with { type: "json" };
import { EXIT, type ExitCode } from "../errors.ts";
import { checkArguments } from "./arguments.ts";
import { type Console, plainConsole, processConsole } from "./console.ts";
import { UsageError, withFailures } from "./failures.ts";
import { on, type Part, words } from "./options.ts";

/** A program. */
export interface Program<T> {
  /** As the user types it, e.g. "deno task site". */
  name: string;
  /** One line. */
  summary: string;
  parser: Part<T>;
  /** Whether `--version` is an option of its own instead of showing psyopsOS's version. */
  ownVersion?: boolean;
  /** Whether words of the command line may be secrets by mistake, so that messages do not repeat them. */
  quiet?: boolean;
  /** Paragraphs below the options: files, environment, network. A line that begins with blanks stays a line. */
  notes?: readonly string[];
}

/** What every program takes. */
const COMMON = object({ debug: on("debug", "show stack traces of failures") });

/** Width of the help where no terminal says how wide it is. */
const WIDTH = 110;

/**
 * Runs `body` with what the command line says, and the console it prints on: plain text, see {@linkcode plainConsole}. `--help`
 * and `--version` print and end; failures end as {@linkcode withFailures} says.
 */
export async function runProgram<T>(
  program: Program<T>,
  args: readonly string[],
  body: (line: T, console: Console) => Promise<ExitCode | void>,
  console: Console = processConsole,
): Promise<ExitCode> {
  const debug = args.includes("--debug");
  const plain = plainConsole(console);
  return await withFailures({ name: program.name, console: plain, debug }, async () => {
    const read = readLine(program, args, plain.out);
    return read.ended ? EXIT.ok : await body(read.line, plain);
  });
}

/** The help of a program, or of one of its verbs. */
export function helpText<T>(program: Program<T>, verbs: readonly string[] = []): string {
  const lines: string[] = [];
  readLine(program, [...verbs, "--help"], (text) => lines.push(text), WIDTH);
  return lines.join("\n").split("\n").map((line) => line.trimEnd()).join("\n");
}

/** A program's parser as it is run, with the options of every program. */
export function parserOf<T>({ parser }: Program<T>): Part<T> {
  return merge(parser as Part<unknown> as Part<Record<string, unknown>>, COMMON) as Part<
    unknown
  > as Part<T>;
}

type Read<T> = { ended: true } | { ended: false; line: T };

function readLine<T>(
  program: Program<T>,
  args: readonly string[],
  stdout: (text: string) => void,
  maxWidth = process.stdout.columns || WIDTH,
): Read<T> {
  const ended: Read<T> = { ended: true };
  const parser = parserOf(program);
  checkArguments(parser.usage, args, program.quiet === true);
  let stopped = false;
  const line = runParser(parser, program.name, args, {
    help: { option: true, onShow: () => void (stopped = true) },
    ...(program.ownVersion ? {} : {
      version: { option: true, value: config.version, onShow: () => void (stopped = true) },
    }),
    brief: words(program.summary),
    footer: paragraphs(program.notes ?? []),
    aboveError: "none",
    showDefault: { prefix: " (default ", suffix: ")" },
    showChoices: true,
    termWidth: "auto",
    maxWidth,
    stdout,
    stderr: () => {},
    onError: (_, error) => {
      throw new UsageError(oneLine(program.quiet ? withoutWords(error) : error));
    },
  });
  return stopped ? ended : { ended: false, line };
}

/** `error` without what was written. */
function withoutWords(error: Message): Message {
  return error.map((term) =>
    term.type === "value" ? text("(not shown, as it may be a secret)") : term
  );
}

/** "--prot is unknown. Did you mean --port?" on one line, without the stop at its end. */
function oneLine(error: Message): string {
  return formatMessage(error, { quotes: false }).split(/\s+/).join(" ").replace(/\.$/, "");
}

/** Each note is a paragraph; its lines that begin with blanks stay as they are. */
function paragraphs(notes: readonly string[]): Message {
  return notes.flatMap((note, i) => [
    ...(i === 0 ? [] : [text("\n\n")]),
    ...note.split(/\n(?= )/).flatMap((line, j) => [
      ...(j === 0 ? [] : [lineBreak()]),
      text(line),
    ]),
  ]);
}

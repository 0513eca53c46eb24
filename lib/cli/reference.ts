/**
 * Pages about programs for people, made from the same value that reads their command lines.
 *
 * @module
 */
import { getDocPageSync } from "@optique/core/parser";
import { helpText, type Program } from "./program.ts";

/** Every program with its help, and the help of each of its verbs, in Markdown. */
export function commandReference(programs: readonly Program<unknown>[]): string {
  const helped = (program: Program<unknown>, title: string, verbs: readonly string[] = []) =>
    `${title} ${[program.name, ...verbs].join(" ")}\n\n\`\`\`text\n${
      helpText(program, verbs)
    }\n\`\`\`\n`;
  return programs.flatMap((program) => [
    helped(program, "##"),
    ...verbsOf(program).map((verb) => helped(program, "###", [verb])),
  ]).join("\n");
}

/** A row for each program: its name, its verbs, what it does. */
export function programTable(programs: readonly Program<unknown>[]): string {
  const rows = programs.map((program) => {
    const verbs = verbsOf(program).map((verb) => `\`${verb}\``).join(", ");
    const name = program.name.slice(program.name.lastIndexOf(" ") + 1);
    return `| \`${name}\`${verbs && `: ${verbs}`} | ${program.summary} |`;
  });
  return ["| Task | Does |", "|---|---|", ...rows, ""].join("\n");
}

/** Names of a program's verbs, in their order. */
function verbsOf({ parser }: Program<unknown>): string[] {
  const sections = getDocPageSync(parser)?.sections ?? [];
  return sections.flatMap(({ entries }) => entries).flatMap(({ term }) =>
    term.type === "command" ? [term.name] : []
  );
}

/**
 * Target: the YAML of a fleet and of an image's definition, as people and editors write it.
 *
 * @module
 */
import { UserError } from "../../../../lib/errors.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import { parseFleet } from "../../../../site/fleet/fleet.ts";
import { AGE_RECIPIENT } from "../keys.ts";
import { textPieces } from "../pieces.ts";
import { type Sample, subjectOf } from "../samples.ts";
import { type Input, type Subject, textOf, WrongAnswer } from "../target.ts";

const IMAGE = new URL("../../../../overlay/image.yaml", import.meta.url);
const DEFINITION = "image.yaml";
/**
 * Longer files are left out, in bytes: with mistakes by the thousand in one line the YAML package takes the square of their
 * number. Whoever writes a fleet's files harms nobody but themselves by that.
 */
const MAX_BYTES = 48 * 1024;
const SECRET = "correct-horse-battery";
const FILES: Readonly<Record<string, string>> = {
  "global.yaml": `# All nodes
config: &all
  timezone: Europe/Berlin
  check: {everySeconds: 300}
  files:
    /etc/motd:
      content: |
        Hello,
        world
      mode: "0644"
notes: >-
  folded
  text
`,
  "tags/lab.yaml": `config: {users: {ops: {uid: 1000, groups: {wheel: true, audio: null}}}}
private:
  scripts: {first: {run: "echo ${SECRET}"}}
`,
  "alpha.yaml": `recipient: ${AGE_RECIPIENT}
tags: [lab]
config:
  hostname: 'alpha'
private:
  files: {/etc/secret: {content: "${SECRET}\\n", mode: "0600"}}
`,
};

/** Files and how they are changed. */
export function subject(): Subject {
  const definition = Deno.readTextFileSync(IMAGE);
  const fleet: Sample = {
    parts: Object.fromEntries(
      Object.entries(FILES).map(([name, text]) => [name, textPieces(text)]),
    ),
  };
  return subjectOf({
    samples: [fleet, fleet, fleet, { parts: { [DEFINITION]: textPieces(definition) } }],
    outermost: /not valid YAML/,
    read: (input) => {
      if ([...input.values()].some(({ length }) => length > MAX_BYTES)) return undefined;
      if (input.has(DEFINITION)) return parseDefinition(textOf(input, DEFINITION));
      return readFleet(input);
    },
  });
}

/** Messages quote no value: it may be a secret. */
function readFleet(input: Input): unknown {
  const texts = new Map([...input.keys()].map((name) => [name, textOf(input, name)]));
  try {
    return parseFleet(texts);
  } catch (error) {
    const isSecret = error instanceof UserError && error.message.includes(SECRET);
    if (isSecret) throw new WrongAnswer(`a message holds a secret: ${error.message}`);
    throw error;
  }
}

/**
 * The key `scripts`.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex, utf8 } from "../bytes.ts";
import { anyText, dictionary, mapping, matching, oneOf, openMapping } from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";

const script = mapping({
  run: described(
    ruled(v.pipe(anyText, v.nonEmpty("must not be empty")), "text that is not empty"),
    "Its text. The first line may name a program (`#!`), else /bin/sh reads it.",
    { since: "0.1.0" },
  ),
  when: v.optional(
    described(
      oneOf(["boot", "change"]),
      "`boot` runs it once in every boot, `change` also runs it in the same boot when its text is new.",
      { since: "0.1.0", default: "boot", secrecy: "open" },
    ),
  ),
});

/** One script. */
export type ScriptConfig = v.InferOutput<typeof script>;

/** One script as it is wanted. */
export interface DesiredScript {
  name: string;
  run: string;
  /** Of its text, in hex. */
  sha256: string;
  when: "boot" | "change";
}

const observed = v.array(openMapping({
  name: anyText,
  /** Of its last run. */
  exitCode: v.number(),
  /** {@linkcode PRIVATE_DIGEST}; agents up to 0.2.0 gave it in hex for the output of a public script. */
  outputSha256: anyText,
}));

export const scripts = configKey({
  schema: described(
    dictionary(
      matching(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
        "a script name: up to 63 of A-Z, a-z, 0-9, ., _ and -",
      ),
      described(script, "One script, by its name.", { since: "0.1.0" }),
    ),
    "Scripts that run as root, in the order of their names, for 15 minutes at most. What is still running then, or when " +
      "the agent stops, is ended with all that it has started (but for what is in a process group of its own, as services are). " +
      "One that fails is run again at every check, so scripts must bear being repeated. One that is running when the agent " +
      "is killed is run once more; if that happens again, the node says so, and runs it at its next boot or when its text " +
      "is new. The first MiB of the output is kept for root in /run/psyopsos/scripts/.",
    { since: "0.1.0", default: "none" },
  ),
  example: `scripts:
  hello:
    run: |
      #!/bin/sh
      echo "hello from $(hostname)"
    when: change
`,
  desired: (value = {}): DesiredScript[] =>
    Object.entries(value)
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, { run, when = "boot" }]) => ({ name, run, sha256: sha256Hex(utf8(run)), when })),
  needs: { programs: ["/bin/sh", "cat"], packages: [] },
  observed,
  differences: (wanted, seen) =>
    wanted.flatMap(({ name }) => {
      const have = seen.find((one) => one.name === name);
      return have
        ? compare(`script ${name}: exit code`, have.exitCode, 0)
        : [`script ${name} did not run`];
    }),
});

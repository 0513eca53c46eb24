/**
 * Target: lines of authorized_keys.
 *
 * @module
 */
import * as v from "valibot";
import { sshLineFingerprint } from "../../../../lib/identity/ssh_key.ts";
import { publicKeyLine } from "../../../../lib/schema/fields.ts";
import { formatKeyLine, parseKeyLine, uselessLine } from "../../../../lib/schema/ssh_key_line.ts";
import { type Field, numberAt, textPieces } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { type Subject, textOf, WrongAnswer } from "../target.ts";

const ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIDZwZZ8I2M5JjnPrcPQeV2k+1+4DNckZf6qc+GpwOxon";
const LINES = [
  `ssh-ed25519 ${ED25519} ops@example`,
  `command="/bin/true",no-pty,from="192.0.2.0/24" ssh-ed25519 ${ED25519} forced`,
  `from="fe80::/10,*.example,!10.?",expiry-time="20300101Z" ssh-ed25519 ${ED25519} until`,
];
const NOW = new Date("2031-01-01T00:00:00Z");
/** Lengths in the blob: of the type, and of the key. */
const BLOB: readonly Field[] = [
  numberAt(0, 4, "u32be"),
  numberAt(15, 4, "u32be"),
];

/** Lines and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: LINES.map((line) => sample(textPieces(line, BLOB))),
    read: (input) => {
      const line = textOf(input);
      sshLineFingerprint(line);
      const parsed = parseKeyLine(line);
      const taken = v.safeParse(publicKeyLine, line);
      if (!taken.success || "problem" in parsed) return undefined;
      if (/[\n\r\0]/.test(taken.output)) {
        throw new WrongAnswer(`it takes several lines for one: ${taken.output}`);
      }
      const written = formatKeyLine(parsed);
      if (JSON.stringify(parseKeyLine(written)) !== JSON.stringify(parsed)) {
        throw new WrongAnswer(`it reads otherwise what it writes: ${written}`);
      }
      if (uselessLine(written, NOW) !== uselessLine(line, NOW)) {
        throw new WrongAnswer(`it judges otherwise what it writes: ${written}`);
      }
      return parsed;
    },
  });
}

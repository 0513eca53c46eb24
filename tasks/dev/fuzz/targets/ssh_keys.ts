/**
 * Target: lines of authorized_keys, and certificates of host keys.
 *
 * @module
 */
import * as v from "valibot";
import { sshLineFingerprint } from "../../../../lib/identity/ssh_key.ts";
import { publicKeyLine } from "../../../../lib/schema/fields.ts";
import { parseHostCertificate } from "../../../../lib/schema/ssh_certificate.ts";
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
const CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com " +
  "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIKbKdHvPCetu7BxIKEW4kSpZtA5vwSBboz5ay+6sCdVd" +
  "AAAAIOD72gdGxo8ZdwCTn0oVnjbwxeymWWfAOVGEBERozkhfAAAAAAAAAAAAAAACAAAABGhvc3QAAAAIAAAABGhvc3QAAAAA" +
  "AAAAAP//////////AAAAAAAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACDAUe3oBtORH5outA5m/J4zaIpjf9JZ1Ipi" +
  "TLi18MNLBwAAAFMAAAALc3NoLWVkMjU1MTkAAABAZCCuXNYB1aRTCkDu2sn5ZEziTzXbrcD346WaLtqkB0QRB7SkGf32Z50T" +
  "NiFNyYUmq/gzXnw9J7/905ZS35RRAQ==" + " host";
const NOW = new Date("2031-01-01T00:00:00Z");
/** Lengths in the blob: of the type, and of the key. */
const BLOB: readonly Field[] = [
  numberAt(0, 4, "u32be"),
  numberAt(15, 4, "u32be"),
];

/** Lengths in the certificate: of its type, of the random number, and of the key. */
const CERTIFICATE_BLOB: readonly Field[] = [
  numberAt(0, 4, "u32be"),
  numberAt(36, 4, "u32be"),
  numberAt(72, 4, "u32be"),
];

/** Lines and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [
      ...LINES.map((line) => sample(textPieces(line, BLOB))),
      sample(textPieces(CERTIFICATE, CERTIFICATE_BLOB)),
    ],
    read: (input) => {
      const line = textOf(input);
      sshLineFingerprint(line);
      const certificate = parseHostCertificate(line);
      if (!("problem" in certificate)) {
        if (/[\n\r\0]/.test(line)) throw new WrongAnswer(`it takes several lines for one: ${line}`);
        const key = parseKeyLine(`ssh-ed25519 ${certificate.key}`);
        if ("problem" in key) throw new WrongAnswer(`it gives what is no key: ${key.problem}`);
        return certificate;
      }
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

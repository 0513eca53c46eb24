/**
 * Target: single lines of words: trusted comments, console messages, and the line that says where a secret belongs.
 *
 * @module
 */
import { parseConsoleLine } from "../../../../lib/documents/console_line.ts";
import {
  formatSecret,
  homeName,
  isSameHome,
  parseSecret,
} from "../../../../lib/documents/secret_text.ts";
import { isSitePath, parseComment } from "../../../../lib/trust/comment.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Subject, textOf, WrongAnswer } from "../target.ts";

const HASH = "1f".repeat(32);
const LINES: Readonly<Record<string, string>> = {
  comment:
    `psyopsOS type=node path=psyopsOS/nodes/alpha.json serial=42 issued=2026-11-22T20:00:00Z sha256=${HASH}`,
  secret:
    'psyopsos-secret 1 {"owner":"nodes/alpha","path":["files","/etc/token","content"]}\na secret\n',
  console: '[    9.1] psyopsOS: verified serial=42 expires="in 3 \\"days\\"" source=site',
};

/** Lines and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: Object.entries(LINES).map(([name, line]) => ({ parts: { [name]: textPieces(line) } })),
    outermost: /it is not one of psyopsOS/,
    read: (input) => {
      if (input.has("console")) return parseConsoleLine(textOf(input, "console"));
      if (input.has("secret")) return readSecret(textOf(input, "secret"));
      const facts = parseComment(textOf(input, "comment"));
      if (!isSitePath(facts.path)) throw new WrongAnswer(`it takes for a path: ${facts.path}`);
      return facts;
    },
  });
}

function readSecret(plain: string): unknown {
  const secret = parseSecret(plain);
  if ("problem" in secret) return undefined;
  if (!secret.home) return "it belongs nowhere";
  const { home, value } = secret;
  homeName(home);
  const again = parseSecret(formatSecret(home, value));
  if ("problem" in again || !again.home || !isSameHome(home, again.home)) {
    throw new WrongAnswer("it reads otherwise what it writes");
  }
  return home;
}

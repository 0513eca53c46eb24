/**
 * Has a program look at a file before it takes its place.
 *
 * @module
 */
import { firstLine, linesOf } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host, Ownership, RunResult } from "../../lib/host.ts";
import { printable } from "../../lib/visible.ts";
import { PROGRAM_PATH, VALIDATE_DIR } from "../system/paths.ts";
import { run } from "../system/programs.ts";

/** How long a program may look at a file, in milliseconds. */
export const VALIDATE_TIMEOUT_MS = 30_000;
/** Longest complaint that is passed on, in characters. */
const MAX_SAID = 300;
/** What is masked of a secret content: words, but not the shortest, which are in every text; and runs of this many characters. */
const WORD = /[\p{L}\p{N}_]{3,}/gu;
const MASKED_RUN = 6;

/**
 * What /bin/sh runs: `$1` is the command. Both of its streams come out of this shell's standard output, 64 KiB of them; what
 * follows is dropped, so that the command neither blocks nor fills the agent's memory.
 */
export const JUDGE = `exec 4>&1
code=$({ { /bin/sh -c "$1" 3>&- 4>&-; echo $? >&3; } </dev/null 2>&1 |
  { head -c 65536 >&4; cat >/dev/null; } 3>&-; } 3>&1)
exit "$code"`;

/** A file that is to take its place. */
export interface CheckedFile {
  path: string;
  data: Uint8Array;
  /** The command; `%s` in it is the file to look at. */
  validate: string;
  /** Whether its content is a secret. */
  isSecret: boolean;
}

/**
 * Runs the command of a file on a copy of it that root alone can reach.
 *
 * @throws {UserError} with the first line that the program says when it refuses the file; of a secret content nothing is
 * in it.
 */
export async function validateFile(
  host: Host,
  { path, data, validate, isSecret }: CheckedFile,
  { mode, uid, gid }: Ownership,
): Promise<void> {
  // Programs go by the ending of a name; nothing in it means anything to a shell.
  const name = path.slice(path.lastIndexOf("/") + 1).replaceAll(/[^A-Za-z0-9._-]/g, "_");
  const copy = `${VALIDATE_DIR}/${name}`;
  await host.mkdir(VALIDATE_DIR, { mode: 0o700 });
  let result: RunResult;
  try {
    await host.writeFile(copy, data, { mode: 0o600, sync: false });
    await host.chown(copy, uid, gid);
    await host.chmod(copy, mode);
    result = await run(
      host,
      ["/bin/sh", "-c", JUDGE, "sh", validate.replaceAll("%s", copy)],
      {
        clearEnv: true,
        cwd: "/",
        env: { PATH: PROGRAM_PATH, HOME: "/root" },
        timeoutMs: VALIDATE_TIMEOUT_MS,
        session: true,
      },
    );
  } finally {
    await host.remove(VALIDATE_DIR);
  }
  if (result.code === 0) return;
  const said = (firstLine(linesOf(result.stdout)) ?? "").replaceAll(copy, path);
  const reason = result.ended === "time"
    ? `it did not end within ${VALIDATE_TIMEOUT_MS / 1000} seconds`
    : isSecret
    ? masked(said, new TextDecoder().decode(data))
    : printable(said, MAX_SAID);
  const state = reason || `exit code ${result.code}`;
  throw new UserError(`write ${path}`, `its validate command refuses it: ${state}`);
}

/** What a program said of a text, without what the text has of it: words, and longer runs of any characters. */
export function masked(said: string, secret: string): string {
  const line = printable(said, MAX_SAID);
  const [told, known] = [line.toLowerCase(), secret.toLowerCase()];
  const hidden = new Set<number>();
  const hide = (at: number, length: number) => {
    if (!known.includes(told.slice(at, at + length))) return;
    for (let i = 0; i < length; i++) hidden.add(at + i);
  };
  for (let at = 0; at + MASKED_RUN <= told.length; at++) hide(at, MASKED_RUN);
  for (const { index, 0: word } of told.matchAll(WORD)) hide(index, word.length);
  return Array.from(line, (_, i) => hidden.has(i) ? "\0" : line[i]).join("")
    .replaceAll(/\0+/g, "…");
}

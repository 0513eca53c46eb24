/**
 * What the operating system refuses (no permission, a full disk, a file where a directory should be)
 * in the words of our own messages. Such failures are nobody's defect, wherever they come up.
 *
 * @module
 */
import { deniedRight } from "../denied_right.ts";
import { errorText, EXIT, type ExitCode } from "../errors.ts";

/** A failure as {@linkcode systemFailure} tells it. */
export interface SystemFailure {
  /** One line in the form "Cannot <do X>: <state>". */
  message: string;
  hint?: string;
  /** Default `EXIT.failed`. */
  exitCode?: ExitCode;
}

/** Deno's name of an operation, as a person would say it. */
const DOING: Readonly<Record<string, string>> = {
  lstat: "open",
  mkdir: "make the directory",
  readdir: "list",
  readfile: "read",
  stat: "open",
  writefile: "write",
};

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "see who owns it and the folders above it, and their modes",
  EDQUOT: "make room and start again",
  ENOSPC: "make room and start again",
};

/** `error` if the operating system, or what Deno lets a task reach, is its reason; else undefined. */
export function systemFailure(error: unknown): SystemFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const text = errorText(error);
  // Deno opens device and process files with all permissions only.
  const special = /^Requires all access to "(.*)", run again/.exec(text);
  if (special) {
    return {
      message: `Cannot use ${special[1]}: Deno lets this task reach ordinary files only`,
      hint: "choose a place outside /dev, /proc and /sys",
    };
  }
  const denied = deniedRight(error);
  if (denied) return { message: `Cannot ${denied.doing}: ${denied.state}` };
  const missing = /^Failed to spawn '(.*)': entity not found$/.exec(text);
  if (missing) {
    const message = `Cannot run ${missing[1]}: there is no such program on the PATH`;
    return { message, exitCode: EXIT.missing };
  }
  const found = /^(?:Failed to spawn '(.*)': )?(.+) \(os error \d+\)(?:: (\w+) '(.*)')?$/.exec(
    text,
  );
  if (!found) return undefined;
  const [, program, state, operation, paths] = found;
  const hint = HINTS["code" in error ? String(error.code) : ""];
  return { message: `Cannot ${doing(program, operation, paths)}: ${lower(state!)}`, hint };
}

function doing(program?: string, operation?: string, paths = ""): string {
  if (program !== undefined) return `run ${program}`;
  if (operation === undefined) return "go on";
  const [from, to] = paths.split("' -> '");
  // Files are written aside and renamed: the name that was meant says more.
  if (to !== undefined) return operation === "rename" ? `write ${to}` : `make ${to}`;
  return `${DOING[operation] ?? operation} ${from!.replace(/\.tmp-[0-9a-f]{8}(\.d)?$/, "")}`;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * What the agent may do and how its V8 is set. The wrapper `overlay/root/usr/bin/psyopsos-agent` gives the bundle the same
 * on its command line; a compiled agent carries them inside, where nobody can add to them.
 *
 * @module
 */
import { needsOf } from "../config/mod.ts";

/** Where the agent's own programs are on a node. */
const LIB = "/usr/lib/psyopsos";

/** Programs that the agent runs whatever its configuration says: for drive, network, clock, facts and the SSH server. */
const COURSE_PROGRAMS = [
  "findfs",
  "mount",
  "umount",
  "ip",
  "date",
  "cat",
  "rc-service",
  `${LIB}/coldplug`,
  `${LIB}/dhcp-client`,
  `${LIB}/interfaces`,
  `${LIB}/resolv-conf`,
  `${LIB}/trial-watchdog`,
  `${LIB}/machine`,
];

/**
 * Where programs of the system can lie: an image has one at any of these places, and what is installed later may bring it to
 * any. They are root's alone to write; the wrapper's PATH is the same list, and holds no other folder.
 */
export const PROGRAM_FOLDERS: readonly string[] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Absolute paths of all programs that the agent may run. Deno looks for a bare name once, when it starts: a program that
 * is installed later could never be run by it.
 */
export const PROGRAMS: readonly string[] = [
  ...new Set([...COURSE_PROGRAMS, ...needsOf().programs].flatMap(placesOf)),
];

/** Paths at which a program is allowed that the agent calls by this name or path. */
function placesOf(program: string): string[] {
  return program.startsWith("/")
    ? [program]
    : PROGRAM_FOLDERS.map((folder) => `${folder}/${program}`);
}

/**
 * No access to the environment or to native libraries, and of the system's information only how long it has been
 * running. Files are not restricted, because the configuration may name any of them.
 */
export const RIGHTS: readonly string[] = [
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-sys=osUptime",
  `--allow-run=${PROGRAMS.join(",")}`,
];

/**
 * No downloads, no prompts, no configuration or lock file beside the script, and no code cache that somebody else could
 * have prepared.
 */
export const CLOSED: readonly string[] = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-prompt",
  "--no-code-cache",
];

/**
 * An agent that sleeps most of its life is to take little memory: a small nursery, no helper threads, and a collector that
 * it can call before it sleeps.
 */
export const V8_FLAGS: readonly string[] = [
  "--max-semi-space-size=1",
  "--single-threaded",
  "--expose-gc",
];

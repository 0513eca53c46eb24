/**
 * Sessions: a program in one of its own, and the end of all that it started there. Both by way of the shell. Nodes may have
 * a Deno that starts no sessions (2.3.1 takes `detached` and does nothing), and a kill of a group by Deno itself needs the
 * right to run every program, where the shell's own needs none but the shell.
 *
 * @module
 */

/** The command that runs `command` in a session of its own, as the same process that is started for it. */
export function ownSessionCommand(command: readonly string[]): string[] {
  return ["/bin/sh", "-c", 'exec setsid "$@"', "sh", ...command];
}

/** How long a session may take from SIGTERM to SIGKILL, in tenths of a second. */
const TENTHS = 20;

// Without the `--` that would end the options: busybox takes it for a process, and knows what a negative number is.
const SCRIPT = `exec 2>/dev/null
kill -TERM "-$1" || exit 0
left=${TENTHS}
while [ "$left" -gt 0 ]; do
  sleep 0.1
  kill -0 "-$1" || exit 0
  left=$((left - 1))
done
kill -KILL "-$1"
exit 0`;

/**
 * The command that ends the session whose first process has the id `pid`: told to end, then, two seconds later, killed.
 * Where there is no such session it does nothing.
 */
export function endSessionCommand(pid: number): string[] {
  return ["/bin/sh", "-c", SCRIPT, "sh", `${pid}`];
}

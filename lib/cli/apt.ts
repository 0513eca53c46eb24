/**
 * apt-get, as a program that others may be using at this moment: a fresh machine updates itself at its first boot.
 *
 * @module
 */
import { linesOf } from "../complaint.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Installing QEMU with its libraries takes about a minute; a slow mirror is given ten. */
const RUN_TIMEOUT_MS = 600_000;
/** How long others may keep apt's locks. */
const LOCK_SECONDS = 600;
/** Pause between two tries for a lock that apt itself does not wait for. */
const LOCK_PAUSE_MS = 5_000;

/** Another program kept apt's locks for all the time that was waited. */
export class AptBusyError extends UserError {
  constructor(doing: string, state: string) {
    super(doing, state, { exitCode: EXIT.missing, hint: "wait until it is done, or end it" });
    this.name = "AptBusyError";
  }
}

/** Runs apt-get, and waits while another program has it, saying which. @throws {AptBusyError} @throws {UserError} with its complaint. */
export async function aptGet(
  host: Host,
  args: readonly string[],
  onStage: (line: string) => void = () => {},
): Promise<void> {
  const doing = `run apt-get ${args.join(" ")}`;
  const deadline = host.now().getTime() + LOCK_SECONDS * 1000;
  let complaints = await tryApt(host, args, 0);
  for (
    let told = "";
    complaints !== undefined;
    complaints = await tryApt(host, args, LOCK_SECONDS)
  ) {
    const lock = lockLine(complaints);
    if (lock === undefined) {
      const last = complaints.findLast((line) => line.startsWith("E:")) ?? complaints.at(-1)!;
      throw new UserError(doing, last.replace(/^E: /, ""), { exitCode: EXIT.missing });
    }
    if (host.now().getTime() >= deadline) throw new AptBusyError(doing, lock);
    if (lock !== told) onStage(`waiting for apt: ${lock}`);
    told = lock;
    await host.sleep(LOCK_PAUSE_MS);
  }
}

/** What apt complained about, line by line; undefined when all went well. */
async function tryApt(
  host: Host,
  args: readonly string[],
  lockSeconds: number,
): Promise<string[] | undefined> {
  const result = await host.run(
    ["apt-get", "-y", "-q", "-o", `DPkg::Lock::Timeout=${lockSeconds}`, ...args],
    {
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
      timeoutMs: RUN_TIMEOUT_MS + lockSeconds * 1000,
    },
  );
  if (result.code === 0) return undefined;
  const lines = linesOf(result.stderr);
  return lines.length > 0 ? lines : [`exit code ${result.code}`];
}

/** "unattended-upgr (process 812) holds /var/lib/dpkg/lock-frontend"; undefined when no lock was the reason. */
function lockLine(complaints: readonly string[]): string | undefined {
  for (const line of complaints) {
    const [, file, process, name] =
      /^E: Could not get lock (\/[^ ]+?)\.?(?: It is held by process (\d+) \(([^)]*)\)| - open .*)?$/
        .exec(line) ?? [];
    if (file === undefined) continue;
    return process === undefined
      ? `another program holds ${file}`
      : `${name} (process ${process}) holds ${file}`;
  }
  return undefined;
}

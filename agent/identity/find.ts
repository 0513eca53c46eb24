/**
 * Waits for the identity drive. A slow USB stick gets some seconds in silence; then the node says what is missing, comes up
 * with DHCP so that it can be reached, and keeps looking for as long as it takes.
 *
 * @module
 */
import { DRIVE_LABEL } from "../../lib/documents/drive.ts";
import type { Host } from "../../lib/host.ts";
import { ensureNetwork } from "../network/address.ts";
import { AgentError, troubleOf } from "../report/problem.ts";
import type { Reporter } from "../report/reporter.ts";
import { COLDPLUG } from "../system/paths.ts";
import { run } from "../system/programs.ts";
import { findDrive, mountDrive, unmountDrive } from "./drive.ts";
import { type Identity, readIdentity } from "./read.ts";

/** How long a missing drive is waited for before anything is said, in milliseconds. */
const QUIET_MS = 15_000;
/** Pause between two looks: at first, and when it has been said that something is missing; in milliseconds. */
const LOOK_MS = 500;
const KEEP_LOOKING_MS = 5_000;
/** Drivers are looked for again every so many looks. */
const COLDPLUG_EVERY = 2;

/**
 * Finds, mounts and reads the drive.
 *
 * @param once Gives up where it would first say that something is missing.
 * @returns undefined when `signal` ended the wait, or with `once` when there is none.
 */
export async function findIdentity(
  host: Host,
  reporter: Reporter,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<Identity | undefined> {
  const start = host.now().getTime();
  // Left mounted by an agent that was restarted, maybe of a drive that is gone.
  await unmountDrive(host);
  let reachable = false;
  for (let look = 1; !signal.aborted; look++) {
    try {
      const identity = await tryIdentity(host);
      reporter.clearTrouble();
      return identity;
    } catch (error) {
      const missing = error instanceof AgentError && error.check === "missing";
      const quiet = missing && host.now().getTime() - start < QUIET_MS;
      if (!quiet) {
        const trouble = { ...troubleOf(error, "identity"), check: "identity" };
        reporter.trouble(trouble, KEEP_LOOKING_MS / 1000, false);
        if (reporter.status.phase !== "waiting-identity") await reporter.enter("waiting-identity");
        else await reporter.write();
        if (once) return undefined;
        if (!reachable) reachable = await comeUp(host, reporter);
      }
      if (look % COLDPLUG_EVERY === 0) await run(host, [COLDPLUG], { output: "null" });
      await host.sleep(quiet ? LOOK_MS : KEEP_LOOKING_MS, signal);
    }
  }
  return undefined;
}

async function tryIdentity(host: Host): Promise<Identity> {
  const device = await findDrive(host);
  if (!device) {
    throw new AgentError(
      "missing",
      "find the identity drive",
      `no file system bears the label ${DRIVE_LABEL}`,
    );
  }
  await mountDrive(host, device);
  try {
    return await readIdentity(host);
  } catch (error) {
    // Another drive, or a repaired one, is to be found by its label again.
    await unmountDrive(host);
    throw error;
  }
}

/** Gets an address for a node that does not know who it is. */
async function comeUp(host: Host, reporter: Reporter): Promise<boolean> {
  try {
    const addresses = await ensureNetwork(host, undefined);
    for (const { interface: name, address, via } of addresses) {
      reporter.sayOnce("network", { interface: name, address, via });
    }
    return true;
  } catch (error) {
    const { message: reason } = troubleOf(error, "network");
    reporter.aside("network", "waiting", { what: "network", reason });
    return false;
  }
}

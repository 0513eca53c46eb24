/**
 * What was confirmed or refused, of each subject: in RAM for this boot, and on the identity drive for the next ones. What was
 * written to RAM goes on the drive at once, or once the drive is there again.
 *
 * @module
 */
import {
  formatTrialRecord,
  MAX_TRIAL_RECORD,
  parseTrialRecord,
  type TrialRecord,
  trialRecordName,
  type TrialSubject,
} from "../../lib/documents/trial_record.ts";
import { type Bytes, equal } from "../../lib/bytes.ts";
import type { Host } from "../../lib/host.ts";
import { UnreadableError } from "../../lib/schema/read.ts";
import { nodeOnDrive, whileWritable } from "../identity/drive.ts";
import { AgentError, isFull, type Trouble, troubleOf } from "../report/problem.ts";
import { RUN_DIR, STATE_DIR } from "../system/paths.ts";

/** The records of one node. */
export class KeptTrials {
  /** @param node Name of the node whose drive it must be. */
  constructor(readonly host: Host, readonly node: string) {}

  /**
   * What is remembered. A record that can't be read counts as none.
   *
   * @param onTrouble Told why.
   */
  async read(subject: TrialSubject, onTrouble?: (trouble: Trouble) => void): Promise<TrialRecord> {
    try {
      const bytes = await readBounded(this.host, ramPath(subject)) ??
        await readBounded(this.host, drivePath(subject));
      return bytes ? parseTrialRecord(bytes) : {};
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      const doing = `read what was kept of the ${subject}`;
      onTrouble?.(troubleOf(new AgentError("state", doing, error.state), "state"));
      return {};
    }
  }

  /**
   * Remembers something; what this boot knows is never lost by a drive that is not there.
   *
   * @throws {AgentError} "state" when the drive can't take it.
   */
  async write(subject: TrialSubject, record: TrialRecord): Promise<void> {
    await this.host.mkdir(RUN_DIR, { mode: 0o700 });
    const bytes = formatTrialRecord(record);
    await this.host.writeFile(ramPath(subject), bytes, { mode: 0o600, sync: false });
    await this.#toDrive(subject, bytes);
  }

  /** Brings the drive up to this boot, where it is there again. @throws as {@linkcode KeptTrials.write} does. */
  async catchUp(subject: TrialSubject): Promise<void> {
    const bytes = await readBounded(this.host, ramPath(subject));
    if (bytes && await nodeOnDrive(this.host) === this.node) await this.#toDrive(subject, bytes);
  }

  async #toDrive(subject: TrialSubject, bytes: Bytes): Promise<void> {
    const { host, node } = this;
    const path = drivePath(subject);
    const before = await readBounded(host, path);
    if (before && equal(before, bytes)) return;
    try {
      await whileWritable(host, node, async () => {
        await host.mkdir(STATE_DIR, { mode: 0o700 });
        await host.writeFile(path, bytes, { mode: 0o600 });
        await host.sync(STATE_DIR);
      });
    } catch (error) {
      // A full drive is no full RAM.
      const doing = `keep what became of the ${subject} for the next boot`;
      if (isFull(error)) throw new AgentError("state", doing, "the identity drive is full");
      throw error;
    }
  }
}

function ramPath(subject: TrialSubject): string {
  return `${RUN_DIR}/${trialRecordName(subject)}`;
}

function drivePath(subject: TrialSubject): string {
  return `${STATE_DIR}/${trialRecordName(subject)}`;
}

/** Content of a file; undefined where there is none, or something that no agent has written. */
async function readBounded(host: Host, path: string): Promise<Bytes | undefined> {
  return (await host.readRegular(path, MAX_TRIAL_RECORD))?.data;
}

/**
 * Who this node is: the files on the mounted identity drive. No message holds any of their content.
 *
 * @module
 */
import {
  DriveError,
  type DriveIdentity,
  MAX_DRIVE_FILE_BYTES,
  parseDrive,
} from "../../lib/documents/drive.ts";
import { errorText } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { AgentError } from "../report/problem.ts";
import { IDENTITY_DIR } from "../system/paths.ts";

/** What the drive says. */
export type Identity = DriveIdentity;

/**
 * Reads the files of the mounted drive.
 *
 * @throws {AgentError} "identity", naming the file.
 */
export async function readIdentity(host: Host, dir = IDENTITY_DIR): Promise<Identity> {
  try {
    return await parseDrive((name) => readFile(host, dir, name));
  } catch (error) {
    if (!(error instanceof DriveError)) throw error;
    const { file, state } = error;
    throw new AgentError("identity", `read ${file} on the identity drive`, state, { cause: error });
  }
}

async function readFile(host: Host, dir: string, name: string): Promise<Uint8Array | undefined> {
  const info = await host.stat(`${dir}/${name}`);
  if (!info) return undefined;
  if (info.kind !== "file") throw new DriveError(name, "it is no file");
  // The size is checked first, so that a file that is too long is never read.
  if (info.size > MAX_DRIVE_FILE_BYTES) {
    throw new DriveError(name, `it is longer than ${MAX_DRIVE_FILE_BYTES} bytes`);
  }
  try {
    return await host.readFile(`${dir}/${name}`);
  } catch (error) {
    throw new DriveError(name, errorText(error), { cause: error });
  }
}

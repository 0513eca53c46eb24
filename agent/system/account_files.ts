/**
 * The account files of the system, edited directly (busybox has no usermod), and what the agent remembers of what it did there.
 *
 * @module
 */
import * as v from "valibot";
import { errorText, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { installFile } from "./install_file.ts";
import { RUN_DIR } from "./paths.ts";
import { readSystemText, readTextIfFile } from "./read_file.ts";

/** Changes a file that must be there; its mode and owner stay. */
export async function editFile(
  host: Host,
  path: string,
  change: (text: string) => string,
): Promise<void> {
  const info = await host.stat(path);
  if (!info) throw new UserError(`change ${path}`, "it is missing");
  const text = change(await readSystemText(host, path));
  await installFile(host, path, text, { mode: info.mode, uid: info.uid, gid: info.gid });
}

/** What was remembered in a file; undefined where nothing was. @throws {UserError} */
export async function readRecord<Schema extends v.GenericSchema>(
  host: Host,
  path: string,
  schema: Schema,
): Promise<v.InferOutput<Schema> | undefined> {
  const text = await readTextIfFile(host, path);
  if (text === undefined) return undefined;
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (error) {
    throw new UserError(`read ${path}`, errorText(error));
  }
}

/** Remembers something in a file that is root's alone; it may hold what accounts of the image had for passwords. */
export async function writeRecord(host: Host, path: string, record: unknown): Promise<void> {
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.writeFile(path, canonicalJson(record), { mode: 0o600 });
}

/**
 * LUKS2 by cryptsetup. Keys go in by standard input or, where there are two, one of them by a file of root's in RAM: never by
 * arguments, which every account can see.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host, RunResult } from "../../lib/host.ts";
import { STORAGE, STORAGE_DIR, VOLUME_KEY_FILE } from "../system/paths.ts";
import { run, runOk } from "../system/programs.ts";

/** Exit code for a key that opens nothing. */
const WRONG_KEY = 2;
/** Most slots of a header. */
const MAX_SLOTS = 32;
/**
 * How a key is stretched: hardly, since there is nothing to guess of 256 random bits, and memory is what small nodes lack.
 */
const STRETCH = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
const STDIN = ["--key-file", "-"];
/** Where the encrypted part begins, in sectors of 512 bytes: what cryptsetup takes by itself on most disks. */
export const LUKS_SECTORS = 32768;

/** What a volume is called among the mapped devices. */
export function mapperName(volume: string): string {
  return `psyopsos-${volume}`;
}

/** Where the open volume is. */
export function mapperPath(volume: string): string {
  return `/dev/mapper/${mapperName(volume)}`;
}

/** Encrypts a device; what is on it is lost. @throws {UserError} */
export async function formatLuks(
  host: Host,
  doing: string,
  { device, label, key }: { device: string; label: string; key: string },
): Promise<void> {
  await runOk(
    host,
    doing,
    [
      "cryptsetup",
      "luksFormat",
      "--batch-mode",
      "--type",
      "luks2",
      ...STRETCH,
      "--offset",
      `${LUKS_SECTORS}`,
      "--label",
      label,
      ...STDIN,
      device,
    ],
    { stdin: key },
  );
}

/**
 * Opens a volume with the first of `keys` that does.
 *
 * @returns The place of that key among `keys`.
 * @throws {UserError} where none does, or something else is wrong.
 */
export async function openLuks(
  host: Host,
  doing: string,
  { device, volume, keys }: { device: string; volume: string; keys: readonly string[] },
): Promise<number> {
  await run(host, [STORAGE, "modules"]);
  for (const [at, key] of keys.entries()) {
    const command = ["cryptsetup", "open", "--type", "luks2", ...STDIN, device, mapperName(volume)];
    if (opened(doing, await run(host, command, { stdin: key }))) return at;
  }
  throw new UserError(
    doing,
    `none of its ${keys.length} keys opens ${device}; it is left as it is`,
  );
}

/** Closes a volume. @throws {UserError} */
export async function closeLuks(host: Host, doing: string, volume: string): Promise<void> {
  await runOk(host, doing, ["cryptsetup", "close", mapperName(volume)]);
}

/**
 * Has `key` open the device, and none of `oldKeys`. A slot is removed only when a key of `oldKeys` opens it, and only once `key`
 * was seen to open another one.
 *
 * @throws {UserError} where no key opens it, or no slot is free. The device can be opened as before then.
 */
export async function changeKeys(
  host: Host,
  doing: string,
  { device, key, oldKeys }: { device: string; key: string; oldKeys: readonly string[] },
): Promise<void> {
  const opens = (one: string) => tryKey(host, doing, device, one);
  if (!await opens(key)) {
    const old = await first(oldKeys, opens);
    if (old === undefined) throw new UserError(doing, `none of its keys opens ${device}`);
    await addKey(host, doing, { device, key, old });
    if (!await opens(key)) throw new UserError(doing, "the new key was added and does not open it");
  }
  for (const old of oldKeys) {
    for (let slots = 0; slots < MAX_SLOTS && await opens(old); slots++) {
      await runOk(host, doing, ["cryptsetup", "luksRemoveKey", "--batch-mode", ...STDIN, device], {
        stdin: old,
      });
    }
  }
  if (!await opens(key)) throw new UserError(doing, "the new key opens it no more");
}

async function addKey(
  host: Host,
  doing: string,
  { device, key, old }: { device: string; key: string; old: string },
): Promise<void> {
  await host.mkdir(STORAGE_DIR, { mode: 0o700 });
  try {
    await host.writeFile(VOLUME_KEY_FILE, key, { mode: 0o600, sync: false });
    const command = [
      "cryptsetup",
      "luksAddKey",
      "--batch-mode",
      ...STRETCH,
      ...STDIN,
      device,
      VOLUME_KEY_FILE,
    ];
    await runOk(host, doing, command, { stdin: old });
  } finally {
    await host.remove(VOLUME_KEY_FILE);
  }
}

/** Whether a key opens the device; nothing is opened by it. */
async function tryKey(host: Host, doing: string, device: string, key: string): Promise<boolean> {
  const command = ["cryptsetup", "open", "--test-passphrase", "--type", "luks2", ...STDIN, device];
  return opened(doing, await run(host, command, { stdin: key }));
}

function opened(doing: string, result: RunResult): boolean {
  if (result.code === 0) return true;
  if (result.code === WRONG_KEY) return false;
  throw new UserError(doing, complaintOf(result));
}

async function first<Item>(
  items: readonly Item[],
  test: (item: Item) => Promise<boolean>,
): Promise<Item | undefined> {
  for (const item of items) if (await test(item)) return item;
  return undefined;
}

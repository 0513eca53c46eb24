/**
 * Removes what an agent that was killed has left half-written: in its own folder, and in the directories of the files that it
 * keeps. It is nobody's else, as only one agent at a time has its turn.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { parentsOf } from "../system/install_file.ts";
import {
  AUTHORIZED_KEYS_DIR,
  RUN_DIR,
  SCRIPTS_DIR,
  VALIDATE_DIR,
  VOLUME_KEY_FILE,
} from "../system/paths.ts";
import { findWay } from "../system/way.ts";
import { readMade } from "./made.ts";
import type { Apply } from "./resource.ts";

/** Directories of files that the agent writes whatever the configuration lists. */
const FIXED = ["/etc", "/etc/modprobe.d", "/etc/ssh", AUTHORIZED_KEYS_DIR];
/** What is aside of a file while it is written, and the pipe of a script's output. */
const ASIDE = /\.tmp-[0-9a-f]{8}$|\.[0-9a-f-]{36}\.pipe$/;

export const leftovers: Apply = async (host, { config }, { steps }) => {
  for (const folder of [RUN_DIR, SCRIPTS_DIR]) {
    const names = (await host.readDir(folder)).filter((name) => ASIDE.test(name));
    for (const name of names) await host.remove(`${folder}/${name}`);
    note(steps, folder, names.length);
  }
  for (const path of [VALIDATE_DIR, VOLUME_KEY_FILE]) {
    if (!await host.stat(path)) continue;
    await host.remove(path);
    note(steps, path, 1);
  }
  const made = (await readMade(host)).map(({ path }) => path);
  const { files = {}, directories = {}, links = {} } = config;
  const wanted = [files, directories, links].flatMap((one) => Object.keys(one));
  // In an account's directories those above a file are made aside, too.
  const parents = [...wanted, ...made].flatMap(parentsOf);
  for (const directory of new Set([...FIXED, ...parents])) {
    note(steps, directory, await clean(host, directory));
  }
};

async function clean(host: Host, directory: string): Promise<number> {
  try {
    return await host.removeLeftovers(await findWay(host, directory, { followLast: true }));
  } catch {
    // An account has made something else of it. Writing the file there says so.
    return 0;
  }
}

function note(steps: string[], folder: string, count: number): void {
  if (count > 0) steps.push(`remove what was left half-written in ${folder}`);
}

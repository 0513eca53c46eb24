/**
 * The kernel's settings on the identity drive, for the start of the next boot, when drivers are loaded and the rest of the
 * configuration is not known. They could keep the node from ever reaching its site again (a network driver on the
 * blacklist), so new ones are tried first: at one boot. Where a site answers in that boot, they are confirmed; the boot after
 * one without an answer starts with those that were confirmed before. An answer that is refused will do: what is asked is
 * whether the node is cut off, and the settings themselves were signed.
 *
 * @module
 */
import { desired } from "../../lib/config/mod.ts";
import {
  formatKernelSettings,
  KERNEL_SETTINGS,
  MAX_KERNEL_SETTINGS,
} from "../../lib/documents/kernel_settings.ts";
import { utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { nodeOnDrive, whileWritable } from "../identity/drive.ts";
import { AgentError, isFull } from "../report/problem.ts";
import { KERNEL_KEPT, STATE_DIR } from "../system/paths.ts";
import { readKept } from "./kernel_state.ts";
import type { Resource, Step, Target } from "./resource.ts";

/** Which of the files on the drive. */
type Which = keyof typeof KERNEL_SETTINGS;
const ALL = Object.keys(KERNEL_SETTINGS) as Which[];

/** Texts of the files. */
type Files = Partial<Record<Which, string>>;

interface Wanted {
  node: string;
  /** Undefined: none. */
  text: string | undefined;
}

interface Actual {
  /** Texts of the files that are there; undefined where the drive can't be read. */
  files: Files | undefined;
  /** What this boot has started with. */
  started: string | undefined;
}

interface Change extends Step {
  readonly node: string;
  /** What all files are to be; those that are not here are removed. Undefined: nothing is to be done about it. */
  readonly files?: Files;
  /** Why it can't be done. */
  readonly state?: string;
}

/** What is to be kept; undefined while no site has answered in this boot. */
export function keptWanted({ config, identity, isReached }: Target): Wanted | undefined {
  if (!isReached) return undefined;
  const text = formatKernelSettings(desired("kernel", config, identity));
  return { node: identity.name, text };
}

export const keptKernel: Resource<Wanted, Actual, Change> = {
  async read(host, { node }) {
    const hasStarted = await host.stat(KERNEL_KEPT) !== undefined;
    const started = hasStarted ? await host.readTextFile(KERNEL_KEPT) : undefined;
    // One that was pulled is told of when something has to be written; settings wait until it is there again.
    if (await nodeOnDrive(host) !== node) return { files: undefined, started };
    const files: Files = {};
    for (const which of ALL) {
      const text = await readKept(host, which);
      if (text !== undefined) files[which] = text;
    }
    return { files, started };
  },

  plan({ node, text }, { files, started }) {
    if (files === undefined) return [];
    const doing = "keep the kernel's settings for the start of the next boot";
    if (text !== undefined && utf8(text).length > MAX_KERNEL_SETTINGS) {
      const state = `they are longer than ${MAX_KERNEL_SETTINGS} bytes`;
      return [{ node, state, text: doing }];
    }
    const isDone = (wanted: Files) => ALL.every((one) => files[one] === wanted[one]);
    const steps = (wanted: Files, words: string): Change[] =>
      isDone(wanted) ? [] : [{ node, files: wanted, text: words }];
    if (text === undefined) return steps({}, "let go of the kernel's settings on the drive");
    // What was confirmed once, or at the start of this boot, needs no trial.
    if (files.confirmed === text || started === text) {
      return steps({ confirmed: text }, "confirm the kernel's settings on the drive");
    }
    if (files.tried === text) {
      const state =
        "no site answered in the boot that tried them; change them to have them tried again";
      return [{ node, state, text: doing }];
    }
    return steps({ confirmed: files.confirmed, trial: text }, doing);
  },

  async apply({ node, files, state, text }, host) {
    if (files === undefined) throw new UserError(text, state!);
    try {
      await whileWritable(host, node, () => writeAll(host, files));
    } catch (error) {
      // A full drive is no full RAM.
      if (isFull(error)) throw new AgentError("state", text, "the identity drive is full");
      throw error;
    }
  },
};

/** Writes what is to be there first, so that a power cut leaves more of it and never less. */
async function writeAll(host: Host, files: Files): Promise<void> {
  await host.mkdir(STATE_DIR, { mode: 0o700 });
  for (const which of ALL) {
    const text = files[which];
    if (text === undefined) continue;
    await host.writeFile(`${STATE_DIR}/${KERNEL_SETTINGS[which]}`, text, { mode: 0o600 });
  }
  for (const which of ALL) {
    if (files[which] === undefined) await host.remove(`${STATE_DIR}/${KERNEL_SETTINGS[which]}`);
  }
  await host.sync(STATE_DIR);
}

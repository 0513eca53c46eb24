/**
 * What mkimage.sh prints, as stages: which part of the image it makes and how long that takes. A part that
 * is not announced came from the cache.
 *
 * @module
 */
import { plain } from "./engine.ts";

/** One stage that has ended. */
export interface Stage {
  name: string;
  /** Milliseconds. */
  took: number;
}

/** Sections of mkimage.sh, in words. */
const NAMES: Readonly<Record<string, string>> = {
  kernel: "kernel, modules, initramfs",
  apks: "packages",
  apkovl: "overlay",
  syslinux: "BIOS boot loader",
  syslinux_cfg: "BIOS boot loader's menu",
  grub_cfg: "UEFI boot loader's menu",
  grub_efi: "UEFI boot loader",
};

/** Sections whose cache saves minutes, and which are worth a word when it does. */
const CACHED = ["kernel", "apks"];

/** Lines that are kept for a failure. */
export const LAST_LINES = 12;
/** Characters that are searched for known causes. */
const MAX_SAID = 64 * 1024;

/** Reads the build's output line by line. */
export class StageReader {
  readonly stages: Stage[] = [];
  readonly #last: string[] = [];
  readonly #seen = new Set<string>();
  #said = "";
  #current: { name: string; since: number } | undefined;

  constructor(private readonly onStage: (line: string) => void) {}

  /** The stage that is under way, or the last one, in words. */
  get lastStage(): string {
    return this.#current?.name ?? this.stages.at(-1)?.name ?? "start";
  }

  /** The last lines, in order, without those that say nothing. */
  get last(): readonly string[] {
    return this.#last;
  }

  /** The end of all that was printed. */
  get said(): string {
    return this.#said;
  }

  /** Takes a line that was printed at `now` (milliseconds). */
  line(raw: string, now: number): void {
    const line = plain(raw);
    if (line === "" || isNoise(line)) return;
    this.#last.push(line);
    if (this.#last.length > LAST_LINES) this.#last.shift();
    this.#said = `${this.#said}${line}\n`.slice(-MAX_SAID);
    const message = /^>>> mkimage[^:]*: (.*)$/.exec(line)?.[1];
    if (message === undefined) return;
    const section = /^--> (\w+)/.exec(message)?.[1];
    if (section !== undefined) {
      this.#seen.add(section);
      this.#begin(NAMES[section] ?? section, now);
    } else if (message.startsWith("Creating ")) {
      for (const name of CACHED) {
        if (!this.#seen.has(name)) this.onStage(`  ${NAMES[name]}: from the cache`);
      }
      this.#begin("ISO", now);
    }
  }

  /** The build has ended. */
  end(now: number): void {
    if (!this.#current) return;
    const { name, since } = this.#current;
    const took = now - since;
    this.stages.push({ name, took });
    this.onStage(`  ${name}: ${(took / 1000).toFixed(1)} s`);
    this.#current = undefined;
  }

  #begin(name: string, now: number): void {
    this.end(now);
    this.#current = { name, since: now };
    this.onStage(`  ${name} …`);
  }
}

/** GNU tar remarks on apk's own headers once per file, and apk and mksquashfs draw bars. */
function isNoise(line: string): boolean {
  return /ignoring unknown extended header/i.test(line) || /^\[[=|>\-/\\ ]+\]/.test(line) ||
    /^\s*\d+%\s*[#█ ]*$/.test(line);
}

/** Splits a stream of bytes into lines; "\r" ends one too, as progress bars use it. */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r/);
    rest = lines.pop()!.slice(-MAX_SAID);
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}

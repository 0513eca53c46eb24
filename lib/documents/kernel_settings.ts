/**
 * What a node has of its kernel's configuration before it knows the rest of it: the settings that its identity drive keeps.
 * The agent writes them, and at the next boot a shell script of the image takes them to pieces before drivers are loaded
 * (overlay/root/usr/lib/psyopsos/kernel-kept). It never runs them; so each line is of one of five forms, and no other:
 *
 * ```text
 * psyopsos-kernel 1
 * blacklist pcspkr
 * options nbd nbds_max=4
 * module nbd
 * sysctl vm/swappiness 10
 * end
 * ```
 *
 * The last line shows that nothing was cut off. Modules, parameters and settings are in the order of their names.
 *
 * @module
 */
import { SETTING_ROOTS, type WantedKernel } from "../config/kernel.ts";

/** Files below `state/` on the drive: what held at a boot, what the next boot is to try, what a boot has tried. */
export const KERNEL_SETTINGS = {
  confirmed: "kernel.conf",
  trial: "kernel-trial.conf",
  tried: "kernel-tried.conf",
} as const;

/** Longest file, in bytes; the script reads no more. */
export const MAX_KERNEL_SETTINGS = 131_072;

const FIRST = "psyopsos-kernel 1";
const LAST = "end";

/** Lines of modprobe's own format, the same in both files: drivers left alone, parameters of modules. */
function modprobeLines({ modules, blacklist }: WantedKernel): string[] {
  return [
    ...blacklist.map((name) => `blacklist ${name}`),
    ...modules.flatMap(({ name, parameters }) =>
      parameters.map(({ name: parameter, value }) => optionLine(name, parameter, value))
    ),
  ];
}

/** The line that gives a module one parameter. */
export function optionLine(module: string, parameter: string, value: string): string {
  return `options ${module} ${parameter}=${value}`;
}

/** Text of a file in /etc/modprobe.d; undefined where it would say nothing. */
export function modprobeText(wanted: WantedKernel): string | undefined {
  const lines = modprobeLines(wanted);
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

/** Text of the settings that a drive keeps; undefined where there are none. What is set below /sys is not among them. */
export function formatKernelSettings(wanted: WantedKernel): string | undefined {
  const lines = [
    ...modprobeLines(wanted),
    ...wanted.modules.map(({ name }) => `module ${name}`),
    ...wanted.settings.filter(({ kind }) => kind === "sysctl").map(({ path, value }) =>
      `sysctl ${path.slice(SETTING_ROOTS.sysctl.length + 1)} ${value}`.trimEnd()
    ),
  ];
  return lines.length === 0 ? undefined : `${[FIRST, ...lines, LAST].join("\n")}\n`;
}

/**
 * A kernel package taken apart: the kernel file, its modules with fresh indexes, and the modules that
 * the initramfs loads. Supported: the layout of Alpine's linux-* packages, modules plain, gzip or zstd.
 *
 * @module
 */
import type { OpenPackage } from "../../apk/package.ts";
import type { Bytes } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { lineFile } from "../../formats/lines.ts";
import { moduleClosure } from "../../kmod/closure.ts";
import { moduleIndex } from "../../kmod/index.ts";
import { unpackModule } from "../../kmod/module.ts";
import { isModulePath } from "../../kmod/names.ts";

/** What the initramfs has to load before it can mount the root: see overlay/boot/init. */
export const BOOT_MODULES = ["loop", "squashfs", "overlay"] as const;

/** A kernel, ready to be placed. */
export interface Kernel {
  /** As `uname -r` gives it. */
  release: string;
  vmlinuz: Bytes;
  /** Files of `lib/modules/RELEASE/` with that prefix, indexes included. */
  files: Map<string, Bytes>;
  /** For the initramfs, in load order, unpacked. */
  bootModules: { name: string; data: Bytes }[];
}

/** Files that moduleIndex reads besides the modules. */
const LISTS = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/** @throws {UserError} when something is missing or a wanted module is unknown. */
export function takeKernel(
  { info, entries }: Pick<OpenPackage, "info" | "entries">,
  options: { flavour: string; modules: "all" | readonly string[] },
): Kernel {
  const bad = (why: string) => new UserError(`use the kernel of ${info.name}`, why);
  const files = new Map(
    entries.flatMap(({ path, kind, data }) => kind === "file" ? [[path, data!] as const] : []),
  );
  const vmlinuz = files.get(`boot/vmlinuz-${options.flavour}`);
  if (!vmlinuz) throw bad(`it has no boot/vmlinuz-${options.flavour}`);
  const all = new Map<string, Bytes>();
  const releases = new Set<string>();
  for (const [path, data] of files) {
    const match = /^(?:usr\/)?lib\/modules\/([^/]+)\/(.+)$/.exec(path);
    if (!match) continue;
    releases.add(match[1]!);
    if (isModulePath(match[2]!) || LISTS.includes(match[2]!)) all.set(match[2]!, data);
  }
  const [release, second] = releases;
  if (release === undefined) throw bad("it has no lib/modules");
  if (second !== undefined) throw bad(`it has modules for both ${release} and ${second}`);

  const index = moduleIndex(all);
  // With modules.builtin: what a kernel has built in is no module and not missing either.
  const known = new Map([...all, ...index]);
  let kept = all;
  let keptIndex = index;
  if (options.modules !== "all") {
    const wanted = new Set(moduleClosure([...options.modules, ...BOOT_MODULES], known));
    kept = new Map([...all].filter(([path]) => !isModulePath(path) || wanted.has(path)));
    keptIndex = moduleIndex(kept);
  }
  const prefix = `lib/modules/${release}/`;
  const placed = new Map<string, Bytes>();
  for (const [path, data] of [...kept, ...keptIndex]) placed.set(prefix + path, data);
  const bootModules = moduleClosure(BOOT_MODULES, known).map((path) => ({
    name: path.replace(/^.*\//, "").replace(/\.ko\..*$/, ".ko"),
    data: unpackModule(path, all.get(path)!),
  }));
  return { release, vmlinuz, files: placed, bootModules };
}

/** The text of `/modules/order` for overlay/boot/init. */
export function moduleOrder(modules: readonly { name: string }[]): Bytes {
  return lineFile("modules/order", modules.map(({ name }) => name));
}

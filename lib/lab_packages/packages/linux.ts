/**
 * linux-virt and linux-lts: Debian's cloud and generic kernels with all their modules, under Alpine's
 * file names. As Alpine's, they hold no modules.dep: whoever makes the image computes it.
 *
 * @module
 */
import { utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import type { DebContent } from "../debian.ts";
import { type Draft, file, fromDeb, type Pick } from "./recipe.ts";

/** Kernel packages of Alpine's that Debian has a counterpart of. */
export const KERNEL_FLAVOURS = ["virt", "lts"] as const;
export type KernelFlavour = typeof KERNEL_FLAVOURS[number];

const DESCRIPTIONS: Record<KernelFlavour, string> = {
  virt: "Linux kernel for virtual machines",
  lts: "Linux kernel for hardware and virtual machines",
};

/** Debian's package that always depends on the newest kernel of a flavour. */
export function kernelMetaPackage(flavour: KernelFlavour, debianArch: string): string {
  return flavour === "virt" ? `linux-image-cloud-${debianArch}` : `linux-image-${debianArch}`;
}

/** The package of one kernel. @throws {UserError} when Debian's package has another shape. */
export function linux(content: DebContent, flavour: KernelFlavour): Draft {
  const image = content.entries.find(({ path }) => path.startsWith("boot/vmlinuz-"));
  if (!image) throw new UserError(`build package linux-${flavour}`, "Debian's has no kernel");
  const release = image.path.slice("boot/vmlinuz-".length);
  const pick: Pick = (path) => {
    if (path === image.path) return `boot/vmlinuz-${flavour}`;
    // Debian's System.map only says where the real one is.
    if (path === `boot/config-${release}` || path.startsWith("lib/modules")) return path;
    return undefined;
  };
  return fromDeb(
    content,
    {
      name: `linux-${flavour}`,
      description: DESCRIPTIONS[flavour],
      license: "GPL-2.0-only",
    },
    pick,
    [file(`usr/share/kernel/${flavour}/kernel.release`, utf8(`${release}\n`))],
  );
}

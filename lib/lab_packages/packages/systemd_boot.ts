/**
 * systemd-boot: the EFI boot loader that Debian builds.
 *
 * @module
 */
import type { DebContent } from "../debian.ts";
import { type Draft, fromDeb } from "./recipe.ts";

/** The package. */
export function systemdBoot(content: DebContent): Draft {
  return fromDeb(
    content,
    { name: "systemd-boot", description: "Simple UEFI boot manager", license: "LGPL-2.1-or-later" },
    (path) =>
      /^usr\/lib\/systemd\/boot\/efi\/systemd-boot[a-z0-9]+\.efi$/.test(path) ? path : undefined,
  );
}

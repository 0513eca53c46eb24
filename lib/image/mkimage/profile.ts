/**
 * The scripts that mkimage.sh runs for us, rendered from the templates in `overlay/mkimage`: the profile
 * (what the image is) and the overlay script. Pure text; words that a shell could take for more than a
 * word are quoted or refused.
 *
 * @module
 */
import { nearest } from "../../nearest.ts";
import { UserError } from "../../errors.ts";
import type { ImageDefinition } from "../definition.ts";

/** What `profile_…() {` is called; mkimage.sh finds functions by their exact spelling. */
export const PROFILE = "psyopsos";
/** Longest volume id of ISO 9660, and of the label by which GRUB looks for its medium. */
export const MAX_VOLUME_ID = 32;
const ABBREV = "ps";

/** Names of an image that depend on its version. */
export interface ImageNames {
  /** What --tag gets. */
  tag: string;
  volumeId: string;
  /** What mkimage.sh calls the ISO. */
  file: string;
}

/**
 * Tag, volume id and file name. A version that is too long for the volume id is cut, with a number made of
 * all of it at the end: GRUB looks for its medium by this label, so two versions must not share one.
 */
export function imageNames(version: string, arch: string): ImageNames {
  // mkimage.sh cuts the tag at _rc for the volume id.
  const plain = version.replaceAll("_", "-");
  const room = MAX_VOLUME_ID - `alpine-${ABBREV}  ${arch}`.length;
  const tag = plain.length <= room && plain === version
    ? version
    : `${plain.slice(0, room - 9)}-${fingerprint(version)}`;
  return {
    tag,
    volumeId: `alpine-${ABBREV} ${tag} ${arch}`,
    file: `alpine-${PROFILE}-${tag}-${arch}.iso`,
  };
}

/** What the profile depends on; not the version, so that a new one keeps the caches. */
export interface ProfileInput {
  definition: ImageDefinition;
  arch: string;
  /** Whole kernel command line. */
  cmdline: string;
}

/** Packages on the medium: those of the image and those that Alpine's start from a medium needs. */
export function mediumPackages({ packages, mkimage }: ImageDefinition): string[] {
  return [...new Set([...packages, ...mkimage.packages])].sort();
}

/** Packages that only go into kernel, modules and boot loader. */
export function bootPackages(definition: ImageDefinition, arch: string): string[] {
  const { flavour } = definition.kernel;
  return [
    `linux-${flavour}`,
    "linux-firmware",
    "wireless-regdb",
    ...microcode(definition, arch),
  ];
}

/** Name of the node before it has one; also that of the overlay's file on the medium. */
export function hostnameOf(definition: ImageDefinition): string {
  return definition.name.toLowerCase();
}

/** Fills in the profile's template. @throws {UserError} for words that must not reach a shell. */
export function renderProfile(template: string, input: ProfileInput): string {
  const { definition, arch, cmdline } = input;
  const { flavour, modules } = definition.kernel;
  if (modules !== "all") {
    throw new UserError(
      "build with mkimage",
      "kernel.modules is a list, mkimage.sh takes all",
      {
        hint: "set kernel.modules to all in overlay/image.yaml, or use --engine embedded",
      },
    );
  }
  const ucode = microcode(definition, arch);
  return fill(template, {
    ABBREV,
    ARCH: word(arch),
    FLAVOUR: word(flavour),
    FEATURES: definition.mkimage.features.map(word).join(" "),
    MODULES: definition.mkimage.modules.length > 0
      ? `modules=${definition.mkimage.modules.map(word).join(",")}`
      : "",
    CMDLINE: quote(cmdline),
    SERIAL: serialOf(cmdline),
    MICROCODE: ucode.map(word).join(" "),
    MICROCODE_IMAGES: ucode.map((name) => `/boot/${word(name)}.img`).join(" "),
    PACKAGES: mediumPackages(definition).map(word).join(" "),
    HOSTNAME: word(hostnameOf(definition)),
  });
}

/** Fills in the overlay script's template. `sha256` is that of the overlay's archive, in hex. */
export function renderGenapkovl(template: string, sha256: string): string {
  return fill(template, { SHA256: word(sha256) });
}

/** syslinux's form of the last serial console in a kernel command line, e.g. "0 115200"; or nothing. */
export function serialOf(cmdline: string): string {
  const found = [...cmdline.matchAll(/(?:^| )console=ttyS(\d)(?:,(\d+))?\S*/g)].at(-1);
  return found ? `${found[1]} ${found[2] ?? "9600"}` : "";
}

function microcode({ mkimage }: ImageDefinition, arch: string): readonly string[] {
  return arch === "x86_64" || arch === "x86" ? mkimage.microcode : [];
}

/** `value` as one word of a shell. */
export function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Names, package constraints and versions: none has a character that means something inside quotes. */
function word(value: string): string {
  if (!/^[\w.+:@<>=~-]*$/.test(value)) {
    throw new UserError(
      "write a script of mkimage.sh",
      `${JSON.stringify(value)} has a character that means something in it`,
    );
  }
  return value;
}

/** Replaces every `@NAME@`. A name that is not known, or not there, is a mistake in the template. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  const used = new Set<string>();
  const filled = template.replaceAll(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) {
      const near = nearest(name, Object.keys(values));
      throw new UserError(
        `fill in @${name}@ of a template in overlay/mkimage`,
        `no such word${near ? `, did you mean @${near}@?` : ""}`,
      );
    }
    used.add(name);
    return value;
  });
  const missing = Object.keys(values).find((name) => !used.has(name));
  if (missing !== undefined) {
    throw new UserError("use a template in overlay/mkimage", `it has no @${missing}@`);
  }
  return filled;
}

/** 8 hex digits of a text (FNV-1a): tells names apart, protects nothing. */
function fingerprint(value: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(value)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}

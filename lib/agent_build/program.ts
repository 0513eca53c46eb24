/**
 * What a compiled program is for: architecture, C library, Deno's version. Read from its bytes, so that a program of
 * another machine can be judged. Supports 64-bit little-endian ELF.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { elfDynamic } from "../formats/elf_dynamic.ts";
import type { Architecture } from "../schema/fields.ts";

/** Facts of a program. */
export interface ProgramFacts {
  /** Undefined for an architecture that psyopsOS does not know. */
  arch?: Architecture;
  libc?: "musl" | "glibc";
  /** Path of its dynamic loader. */
  interpreter: string;
  /** Names of the libraries it needs. */
  needed: string[];
  /** Highest minor version of "GLIBC_2.x" in it; 0 for none. */
  glibcMinor: number;
}

const MACHINES: Record<number, Architecture> = { 62: "x86_64", 183: "aarch64" };

/** Facts of `bytes`; undefined when they are no dynamic program. */
export function programFacts(bytes: Uint8Array): ProgramFacts | undefined {
  const elf = elfDynamic(bytes);
  if (!elf?.interpreter) return undefined;
  const name = elf.interpreter.split("/").at(-1)!;
  const libc = name.startsWith("ld-musl-")
    ? "musl"
    : name.startsWith("ld-linux-")
    ? "glibc"
    : undefined;
  const arch = MACHINES[elf.machine];
  return {
    ...(arch ? { arch } : {}),
    ...(libc ? { libc } : {}),
    interpreter: elf.interpreter,
    needed: elf.needed,
    glibcMinor: glibcMinor(bytes),
  };
}

/** The x of the highest "GLIBC_2.x" in a program or library: what it needs, or what it has. */
export function glibcMinor(bytes: Uint8Array): number {
  return Math.max(0, ...texts(bytes, "GLIBC_2.", /^\d{1,3}/).map(Number));
}

/**
 * The versions that a Deno program calls itself by, oldest first, e.g. ["2.4.2"]; there may be others' among them. A
 * prerelease's or canary's suffix is left out.
 */
export function denoVersions(bytes: Uint8Array): string[] {
  return [...new Set(texts(bytes, "Deno/", /^\d+\.\d+\.\d+/))]
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** Longest text that is looked at behind a mark. */
const MAX_TEXT = 32;

/** What stands behind each `mark`, where it has the form. */
function texts(bytes: Uint8Array, mark: string, form: RegExp): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: string[] = [];
  for (let at = buffer.indexOf(mark); at >= 0; at = buffer.indexOf(mark, at + 1)) {
    const start = at + mark.length;
    const match = form.exec(buffer.toString("latin1", start, start + MAX_TEXT));
    if (match) found.push(match[0]);
  }
  return found;
}

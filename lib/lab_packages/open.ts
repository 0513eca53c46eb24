/**
 * Opens the lab repository for an image: packages with names of Alpine and programs of Debian.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import { KERNEL_FLAVOURS } from "./packages/linux.ts";
import { type LabRepository, labRepository } from "./repository.ts";

/** What {@linkcode openLabPackages} needs. */
export interface OpenLabOptions {
  /** Keeps downloads, the signing key and the repository between runs. */
  cacheDir: string;
  arch: Architecture;
  /** Kernel that the image wants. */
  flavour: string;
  /** Deno's program that may go into the repository. */
  deno?: { path: string; version: string };
  onStage: (line: string) => void;
}

/** Makes or refreshes the repository. @throws {UserError} when it has no such kernel. */
export async function openLabPackages(host: Host, options: OpenLabOptions): Promise<LabRepository> {
  const { cacheDir, arch, deno, onStage } = options;
  const flavour = KERNEL_FLAVOURS.find((known) => known === options.flavour);
  if (!flavour) {
    throw new UserError(
      `take the kernel ${options.flavour} from the lab repository`,
      `it has ${KERNEL_FLAVOURS.join(" and ")}`,
    );
  }
  return await labRepository(host, {
    cacheDir,
    arch,
    flavours: [flavour],
    ...(deno ? { runningDeno: deno } : {}),
    onStage,
  });
}

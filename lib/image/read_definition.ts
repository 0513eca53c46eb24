/**
 * Reads the definition of a checkout's image.
 *
 * @module
 */
import type { Host } from "../host.ts";
import { readRepositoryText } from "../repository_file.ts";
import { type ImageDefinition, MAX_DEFINITION, parseDefinition } from "./definition.ts";

/** Where a checkout has it. */
export const DEFINITION_FILE = "overlay/image.yaml";

/** The definition in the checkout at `root`. @throws {UserError} when there is none, or it is none. */
export async function readDefinition(host: Host, root: string): Promise<ImageDefinition> {
  const file = `${root}/${DEFINITION_FILE}`;
  return parseDefinition(
    await readRepositoryText(host, file, MAX_DEFINITION),
    file.replace(/^\.\//, ""),
  );
}

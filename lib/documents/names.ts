/**
 * What a node may be called: an RFC 1123 label in lower case, since the name is a host name, a file name and a URL part.
 *
 * @module
 */

/** 1 to 63 lower-case letters, digits and inner hyphens. */
export const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Names with another meaning: `nodes/global.yaml` and `nodes/os-update.yaml` are no nodes, and `localhost` is every machine. */
export const RESERVED_NAMES: readonly string[] = ["global", "os-update", "localhost"];

/** Whether `name` may be a node's name. */
export function isNodeName(name: string): boolean {
  return NODE_NAME.test(name) && !RESERVED_NAMES.includes(name);
}

/** What a tag may be called. */
export const TAG_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

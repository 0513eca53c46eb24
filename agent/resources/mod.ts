/**
 * All resources in the order in which they are applied: later ones need what earlier ones make (files belong to users,
 * scripts find their files).
 *
 * @module
 */
import type { NodeConfig } from "../../lib/documents/site.ts";
import { bind, type Bound } from "./resource.ts";
import { files } from "./files.ts";
import { hostname } from "./hostname.ts";
import { scripts } from "./scripts.ts";
import { ssh } from "./ssh.ts";
import { users } from "./users.ts";

/** What acts on each key; "course" is what the agent's course reads by itself. A key that nobody acts on does not compile. */
const KEYS = {
  hostname: bind(hostname),
  users: bind(users),
  files: bind(files),
  scripts: bind(scripts),
  report: "course",
  check: "course",
} satisfies { [Key in keyof Required<NodeConfig>]: Bound | "course" };

/** What a configuration is applied with. `ssh` follows the identity drive and no key. */
export const RESOURCES: readonly Bound[] = [
  KEYS.hostname,
  KEYS.users,
  bind(ssh),
  KEYS.files,
  KEYS.scripts,
];

/** What is done as soon as the node knows who it is, before it has any configuration. */
export const EARLY: readonly Bound[] = [KEYS.hostname];

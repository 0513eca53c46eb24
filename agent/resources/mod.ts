/**
 * All resources in the order in which they are applied: later ones need what earlier ones make (files belong to users,
 * scripts find their files).
 *
 * @module
 */
import { bind, type Bound } from "../resource.ts";
import { files } from "./files.ts";
import { hostname } from "./hostname.ts";
import { scripts } from "./scripts.ts";
import { ssh } from "./ssh.ts";
import { users } from "./users.ts";

/** What a configuration is applied with. */
export const RESOURCES: readonly Bound[] = [
  bind(hostname),
  bind(users),
  bind(ssh),
  bind(files),
  bind(scripts),
];

/** What is done as soon as the node knows who it is, before it has any configuration. */
export const EARLY: readonly Bound[] = [bind(hostname)];

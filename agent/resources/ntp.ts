/**
 * Whom the agent asks for the time. It reads that where it asks (agent/course/course.ts): nothing on the node is to be changed.
 *
 * @module
 */
import type { KeyResource, Step } from "./resource.ts";

export const ntp: KeyResource<"ntp", undefined, Step> = {
  read: () => Promise.resolve(undefined),
  plan: () => [],
  apply: () => Promise.resolve(),
  observe: (_host, { servers = [] }) => Promise.resolve([...servers]),
};

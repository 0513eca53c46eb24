/**
 * A status document for tests.
 *
 * @module
 */
import type { Status } from "../../lib/documents/status.ts";

/** A small one; `over` is laid over it. */
export function exampleStatus(over: Partial<Status> = {}): Status {
  return {
    node: "alpha",
    phase: "configured",
    image: { version: "2026.11.30.1200", kernel: "6.12.1-0-virt" },
    agent: { version: "0.2.0", commit: "abc", form: "bundle" },
    source: "site",
    serial: 7,
    expires: "2026-12-07T00:00:00Z",
    rollbackGuard: "drive",
    steps: [],
    reached: { starting: 5.1, configured: 9.8 },
    updated: "2026-11-30T12:00:00Z",
    ...over,
  };
}

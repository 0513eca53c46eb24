import { assertEquals } from "@std/assert";
import { agentFacts } from "../../../agent/report/facts.ts";

Deno.test("agentFacts() gives what the bundle's first line says, and its absence from sources", () => {
  const place = globalThis as { psyopsosAgent?: unknown };
  assertEquals(agentFacts(), { version: "unknown", commit: "unknown", form: "source" });
  try {
    place.psyopsosAgent = { version: "1", commit: "c0ffee", form: "glibc" };
    assertEquals(agentFacts(), { version: "1", commit: "c0ffee", form: "glibc" });
  } finally {
    delete place.psyopsosAgent;
  }
});

import { assertEquals } from "@std/assert";
import { worldWithAgent } from "../../../lib/agent_build/forms.ts";

const WORLD = ["busybox", "deno>2", "denort-not"];

Deno.test("worldWithAgent() leaves Deno out of an image with a compiled agent", () => {
  const musl = { form: "musl", packages: ["so:libgcc_s.so.1"] } as const;
  assertEquals(worldWithAgent(WORLD, musl), ["busybox", "denort-not", "so:libgcc_s.so.1"]);
  assertEquals(worldWithAgent(WORLD, { form: "glibc", packages: [] }), ["busybox", "denort-not"]);
});

Deno.test("worldWithAgent() keeps the definition's Deno for the bundle, or adds one", () => {
  const bundle = { form: "bundle", packages: ["deno"] } as const;
  assertEquals(worldWithAgent(WORLD, bundle), WORLD);
  assertEquals(worldWithAgent(["busybox"], bundle), ["busybox", "deno"]);
});

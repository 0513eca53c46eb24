import { assertEquals } from "@std/assert";
import { mergedProblems } from "../../../lib/config/mod.ts";

Deno.test("two accounts with one home are refused, each would be given the other's", () => {
  const problems = (users: Record<string, object>) =>
    mergedProblems({ users }).map(({ path, message }) => `${path.join(".")}: ${message}`);
  assertEquals(problems({ ann: { home: "/home/bob" }, bob: {}, root: {} }), [
    "users.bob.home: users.bob.home: /home/bob is the home of ann already",
  ]);
  assertEquals(problems({ ann: { home: "/root" }, root: {} }).length, 1);
  assertEquals(problems({ a: { system: true }, b: { system: true }, c: {}, d: {} }), []);
});

/** What holds for all keys at once: see `whole_properties.ts`. Many more tries: `whole_long_test.ts`. */
import { assertEquals } from "@std/assert";
import { unmarkedSecrets } from "../../support/config_arbitrary.ts";
import { killing, settling } from "./whole_properties.ts";

const RUNS = 100;

Deno.test("every secret field of the schemas has a value that is looked for", () => {
  assertEquals(unmarkedSecrets(), []);
});

Deno.test("all keys: applying again does nothing, a plan tells what is done, and nobody is told a secret", () =>
  settling(RUNS));

Deno.test("all keys: the next round makes good whatever an agent that was killed has left", () =>
  killing(RUNS));

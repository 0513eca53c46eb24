/** What holds for all keys at once, tried more often than CI has time for. */
import { killing, settling } from "./whole_properties.ts";

const RUNS = 5000;

Deno.test("all keys, many times: applying again does nothing, a plan tells what is done, and nobody is told a secret", () =>
  settling(RUNS));

Deno.test("all keys, many times: the next round makes good whatever an agent that was killed has left", () =>
  killing(RUNS));

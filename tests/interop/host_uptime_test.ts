import { assertEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { RIGHTS } from "../../lib/agent_build/rights.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();

Deno.test({
  name: "uptime() is the kernel's, which goes on while the machine sleeps",
  ...needTool("/proc/uptime"),
  fn: async () => {
    const kernel = parseFloat(await Deno.readTextFile("/proc/uptime")) * 1000;
    assertEquals(Math.abs(host.uptime() - kernel) < 2_000, true, `${host.uptime()} ${kernel}`);
  },
});

Deno.test("the agent's rights let it read the uptime, and no other fact of the system", () => {
  assertEquals(RIGHTS.filter((right) => right.startsWith("--allow-sys")), ["--allow-sys=osUptime"]);
});

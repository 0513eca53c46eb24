import { assertEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
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

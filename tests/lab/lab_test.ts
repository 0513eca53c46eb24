/** The lab command itself: firmware, boot loader, disk image, two nodes at once, and its report. */
import { assert, assertEquals } from "@std/assert";
import { main } from "../../tasks/lab.ts";
import { host, labImage, NEEDS } from "./support.ts";

Deno.test({
  name: "deno task lab boots two nodes through the firmware and ends with what they are",
  ...NEEDS,
  fn: async () => {
    await labImage();
    const code = await main(["--nodes", "2", "--packages", "lab"], host);
    assertEquals(code, 0);
    for (const name of ["lab-1", "lab-2"]) {
      const log = await host.readTextFile(`build/lab/machines/${name}/console.log`);
      assert(log.includes("systemd-boot") || log.includes("Linux version"), name);
    }
  },
});

Deno.test({
  name: "deno task lab refuses what it can't do",
  ...NEEDS,
  fn: async () => {
    assertEquals(await main(["--nodes", "0"], host), 2);
    assertEquals(await main(["--nodes", "3", "--keep"], host), 2);
    assertEquals(await main(["--packages", "moon"], host), 2);
  },
});

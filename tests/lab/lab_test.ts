/** The lab command itself: firmware, boot loader, disk image, two nodes at once, and its report. */
import { assert, assertEquals } from "@std/assert";
import { main } from "../../tasks/lab.ts";
import { host, labImage, NEEDS } from "./support.ts";

Deno.test({
  name: "deno task lab boots two nodes through the firmware and ends with what they are",
  ...NEEDS,
  fn: async () => {
    await labImage();
    // A folder of its own, so that a lab in use is left alone; packages and image are the shared ones.
    const dir = "build/tests/task-lab";
    await host.mkdir(dir);
    for (const part of ["packages", "image-virt", "image-cache"]) {
      await host.remove(`${dir}/${part}`);
      await host.symlink(`../../lab/${part}`, `${dir}/${part}`);
    }
    const code = await main(["--nodes", "2", "--packages", "lab", "--work", dir], host);
    assertEquals(code, 0);
    for (const name of ["lab-1", "lab-2"]) {
      const log = await host.readTextFile(`${dir}/machines/${name}/console.log`);
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

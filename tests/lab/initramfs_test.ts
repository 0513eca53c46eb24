/**
 * `overlay/boot/init` in the machine it is for: what it refuses, and that it then leaves the next try to the boot loader.
 */
import { assert } from "@std/assert";
import { Machine } from "../../lib/lab/machine.ts";
import { DIRECT_MS, host, labImage, NEEDS } from "./support.ts";

/** Boots the image's kernel with a changed initrd and waits for the line, then for the panic that reboots. */
async function refuses(
  name: string,
  expected: string,
  change: { initrd?: (bytes: Uint8Array) => Uint8Array; cmdline?: string },
): Promise<void> {
  const image = await labImage();
  const dir = `build/tests/initramfs-${name}`;
  await host.mkdir(dir);
  let { initrd } = image;
  if (change.initrd) {
    initrd = `${dir}/initrd`;
    await host.writeFile(initrd, change.initrd(await host.readFile(image.initrd)));
  }
  const machine = await Machine.start(host, {
    name,
    memoryMiB: 768,
    cpus: 1,
    accelerator: "tcg",
    boot: {
      kind: "kernel",
      kernel: image.kernel,
      initrd,
      cmdline: `${image.cmdline} ${change.cmdline ?? ""}`.trim(),
    },
    drives: [],
    network: "none",
  }, { workDir: dir });
  try {
    await machine.line(`psyopsOS: cannot boot: ${expected}`, { timeoutMs: DIRECT_MS });
    await machine.line("Attempted to kill init", { timeoutMs: DIRECT_MS });
    const shell = machine.console.lines.some(({ text }) => /^\/ #|login:/.test(text));
    assert(!shell, "nobody gets a shell out of a failed boot");
  } finally {
    await machine.stop();
    if (change.initrd) await host.remove(dir);
  }
}

Deno.test({
  name: "init refuses a root file system that was cut short",
  ...NEEDS,
  fn: () =>
    // The kernel gives the file its full size before it fills it: only the sum tells.
    refuses("cut", "the root file system is damaged", {
      initrd: (bytes) => bytes.subarray(0, bytes.length - (1 << 20)),
    }),
});

Deno.test({
  name: "init refuses to start without a root file system",
  ...NEEDS,
  fn: () =>
    refuses("missing", "the root file system is missing", {
      // Only the first archive: up to the header of the second one's only file.
      initrd: (bytes) => {
        const head = new TextDecoder("latin1").decode(bytes.subarray(0, 8 << 20));
        return bytes.subarray(0, head.indexOf("rootfs.squashfs\0") - 110);
      },
    }),
});

Deno.test({
  name: "init refuses a root file system with one flipped bit",
  ...NEEDS,
  fn: () =>
    refuses("flipped", "the root file system is damaged", {
      initrd: (bytes) => {
        // Far from both ends: in the middle of the file system.
        bytes[bytes.length >> 1]! ^= 1;
        return bytes;
      },
    }),
});

Deno.test({
  name: "init refuses a size of the writable layer that is none",
  ...NEEDS,
  fn: () =>
    refuses("size", "psyopsos.overlay is not a size", { cmdline: "psyopsos.overlay=lots,suid" }),
});

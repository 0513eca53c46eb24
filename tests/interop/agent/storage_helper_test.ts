/** The program that sees and does for the agent what takes a right to /proc, /sys and /dev, under the shells of nodes. */
import { assert, assertEquals } from "@std/assert";
import { parseDevices } from "../../../agent/storage/devices.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { judgedTest } from "../../support/tools.ts";

const SOURCE = new URL("../../../overlay/root/usr/lib/psyopsos/storage", import.meta.url);

/** Disks as the kernel shows them: files below /sys, each with its content. */
const SYS = {
  "devices/pci0/ata1/block/sda": {
    size: "2000",
    ro: "0",
    removable: "0",
    "device/model": "Maker X      ",
    "device/vpd_pg80": "\0\x80\0\x08  WD-42  ",
    "sda1/partition": "1",
    "sda1/size": "1000",
    "sda1/ro": "1",
    "sda1/holders/dm-0/dm/name": "psyopsos-data",
  },
  "devices/pci0/usb1/1-2/block/sdb": {
    size: "4000",
    ro: "0",
    removable: "1",
    "device/vpd_pg80": "\0\x80\0\x02S2",
  },
  "devices/pci0/nvme/nvme0/nvme0n1": { size: "8000", ro: "0", "device/serial": "NV 1\n" },
  "devices/virtio1/block/vda": { size: "100", ro: "1", serial: "DATA", "holders/md0/x": "" },
  "devices/virtual/block/loop0": { size: "100", ro: "0" },
  "devices/virtual/block/zram0": { size: "100", ro: "0" },
  "devices/mmc/block/mmcblk0boot0": { size: "100", ro: "0" },
  "devices/ata2/block/sr0": { size: "100", ro: "0" },
  "devices/usb/block/sdc": { size: "0", ro: "0" },
};

const MOUNTINFO = [
  "20 1 0:20 / / rw - overlay overlay rw",
  "21 20 7:0 / /lower ro - squashfs /dev/loop0 ro",
  "22 20 0:5 / /run rw shared:2 - tmpfs run rw",
  "23 20 254:0 / /data rw,noatime shared:3 - ext4 /dev/mapper/psyopsos-data rw",
  "24 20 0:40 / /data/nas rw - nfs4 nas:/x rw",
  "25 20 254:0 /app /var/lib/my\\040app rw - ext4 /dev/mapper/psyopsos-data rw",
  "26 22 254:16 / /run/psyopsos/identity ro - ext4 /dev/vdb1 ro",
  "",
].join("\n");

/** Runs `body` with the program in a tree of its own; what it runs is noted and done by nobody. */
async function withProgram(
  dir: string,
  shell: readonly string[],
  body: (
    run: (...args: string[]) => Promise<{ code: number; out: string; err: string }>,
  ) => Promise<void>,
): Promise<void> {
  for (const [place, files] of Object.entries(SYS)) {
    for (const [name, content] of Object.entries(files)) {
      const path = `${dir}/sys/${place}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(path, content);
    }
  }
  await Deno.mkdir(`${dir}/sys/block`);
  for (const place of Object.keys(SYS)) {
    await Deno.symlink(
      `../${place}`,
      `${dir}/sys/block/${place.slice(place.lastIndexOf("/") + 1)}`,
    );
  }
  await Deno.mkdir(`${dir}/mapper`);
  await Deno.writeTextFile(`${dir}/mapper/psyopsos-data`, "");
  await Deno.writeTextFile(`${dir}/mountinfo`, MOUNTINFO);
  const note = (name: string) => `${name}() { echo "${name} $*" >>${dir}/log; }\n`;
  // What has a time limit is run without one, so that it is these.
  const tools = ["umount", "swapoff", "sync"].map(note).join("") +
    `cryptsetup() { echo "cryptsetup $*" >>${dir}/log; : >${dir}/mountinfo; }\n`;
  const source = (await Deno.readTextFile(SOURCE))
    .replaceAll(/timeout \d+ (umount|mount|cryptsetup)/g, "$1")
    .replaceAll("/dev/mapper/psyopsos-*", `${dir}/mapper/psyopsos-*`)
    .replaceAll("/proc/self/mountinfo", `${dir}/mountinfo`)
    .replaceAll("/sys/", `${dir}/sys/`)
    .replace("run=/run/psyopsos/storage", `run=${dir}/run`)
    .replace("patience=3", "patience=1");
  await Deno.writeTextFile(`${dir}/storage`, tools + source);
  await body(async (...args) => {
    const [program = "", ...words] = [...shell, `${dir}/storage`, ...args];
    const { code, stdout, stderr } = await new Deno.Command(program, { args: words }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), err: text(stderr) };
  });
}

for (const { name, tools, command } of SHELLS) {
  judgedTest(`disks are told apart by what the kernel shows (${name})`, tools, async (dir) => {
    await withProgram(await Deno.realPath(dir), await command(), async (run) => {
      const { code, out, err } = await run("disks");
      assertEquals([code, err], [0, ""]);
      const found = parseDevices(out).map((
        one,
      ) => [one.name, one.disk ?? "", one.serial, one.holders.join()]);
      assertEquals(found, [
        ["nvme0n1", "", "NV 1", ""],
        ["sda", "", "WD-42", ""],
        ["sda1", "sda", "", "psyopsos-data"],
        ["sdb", "", "S2", ""],
        ["vda", "", "DATA", "md0"],
      ]);
      const [, sda, part, sdb, vda] = parseDevices(out);
      assertEquals([sda?.model, sda?.path], ["Maker X", "pci0/ata1/block/sda"]);
      assertEquals([part?.partition, part?.sectors, part?.isReadOnly], [1, 1000, true]);
      assertEquals([sdb?.isUsb, sdb?.isRemovable, sda?.isUsb, sda?.isRemovable], [
        true,
        true,
        false,
        false,
      ]);
      assertEquals([vda?.isReadOnly, vda?.sectors], [true, 100]);
    });
  });

  judgedTest(`all is unmounted, newest first, and closed (${name})`, tools, async (dir) => {
    await withProgram(await Deno.realPath(dir), await command(), async (run) => {
      const { code, err } = await run("stop");
      assertEquals([code, err], [0, ""]);
      assertEquals((await Deno.readTextFile(`${dir}/log`)).trim().split("\n"), [
        "swapoff -a",
        "umount /run/psyopsos/identity",
        "umount /var/lib/my app",
        "umount -f /data/nas",
        "umount /data",
        "sync ",
        "cryptsetup close psyopsos-data",
      ]);
    });
  });

  judgedTest(
    `a mount over the network is tried aside and waited for by nobody (${name})`,
    tools,
    async (dir) => {
      await withProgram(await Deno.realPath(dir), await command(), async (run) => {
        assertEquals((await run("later", "/a", "true")).code, 0);
        const { code, err } = await run(
          "later",
          "/a",
          "sh",
          "-c",
          "echo no; echo such host >&2; exit 32",
        );
        assertEquals([code, err], [1, "such host\n"]);
        const start = Date.now();
        assertEquals((await run("later", "/b", "sleep", "50")).code, 3);
        assert(Date.now() - start < 5000);
        // The same one again, and another beside it.
        assertEquals((await run("later", "/b", "false")).code, 3);
        assertEquals((await run("later", "/c", "true")).code, 0);
        const running = () =>
          new Deno.Command("pgrep", { args: ["-f", `${dir}/run/mount-`] }).output();
        assertEquals((await running()).code, 0);
        assertEquals((await run("never", "/b")).code, 0);
        assertEquals((await running()).code, 1);
        assertEquals((await run("later", "/b", "true")).code, 0);
      });
    },
  );

  judgedTest(`names that are none of a device are refused (${name})`, tools, async (dir) => {
    await withProgram(await Deno.realPath(dir), await command(), async (run) => {
      for (const wrong of ["", "../sda", "a/b", "a b", "nothere"]) {
        for (const verb of ["blank", "mark", "unmark"]) {
          assertEquals((await run(verb, wrong, "data")).code, 1, `${verb} ${wrong}`);
        }
      }
    });
  });
}

import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { inspectDevice, writeDevice } from "../../../lib/identity/write_device.ts";
import { putDevice } from "../../support/fake_device.ts";
import { FakeHost } from "../../support/fake_host.ts";

const NEED = 16 * 1024 * 1024;
const STICK = {
  name: "sdb",
  type: "disk",
  size: 15_500_000_000,
  ro: false,
  rm: true,
  hotplug: true,
  model: "DataTraveler ",
  mountpoints: [null],
  children: [{ name: "sdb1", type: "part", mountpoints: [null] as (string | null)[] }],
};

/** A host where lsblk describes /dev/sdb so. */
function host(device: Record<string, unknown> = STICK): FakeHost {
  const fake = new FakeHost();
  putDevice(fake, "/dev/sdb", device);
  for (const tool of ["wipefs", "dd", "blockdev", "cmp"]) fake.programs.set(tool, () => "");
  return fake;
}

Deno.test("inspectDevice() describes a USB stick", async () => {
  assertEquals(await inspectDevice(host(), "/dev/sdb", { need: NEED }), {
    path: "/dev/sdb",
    size: 15_500_000_000,
    description: "DataTraveler, 15.5 GB, 1 partition",
  });
});

const [part] = STICK.children;
const WRONG: [string, Record<string, unknown>, string][] = [
  [
    "with a mounted partition",
    { children: [{ ...part, mountpoints: ["/media/x"] }] },
    "/dev/sdb1 is in use at /media/x",
  ],
  ["that is mounted itself", { mountpoints: ["/mnt"] }, "/dev/sdb is in use at /mnt"],
  ["used as swap", { mountpoints: ["[SWAP]"] }, "is in use at [SWAP]"],
  [
    "with an encrypted volume that is open",
    { children: [{ ...part, children: [{ name: "c", type: "crypt", mountpoints: ["/"] }] }] },
    "/dev/sdb1 is in use by another device",
  ],
  [
    "that belongs to a RAID",
    { children: [{ ...part, type: "raid1" }] },
    "in use by another device",
  ],
  ["that is read-only", { ro: true }, "it is read-only"],
  ["that is too small", { size: NEED - 1 }, "are needed"],
  ["that is built in", { rm: false, hotplug: false }, "it is not removable"],
  ["that lsblk does not know well", { size: null }, "lsblk does not tell what it is"],
];
for (const [what, change, message] of WRONG) {
  Deno.test(`inspectDevice() refuses a device ${what}`, async () => {
    const fake = host({ ...STICK, ...change });
    await assertRejects(() => inspectDevice(fake, "/dev/sdb", { need: NEED }), UserError, message);
  });
}

Deno.test("inspectDevice() takes a built-in device only when told, a mounted one never", async () => {
  const options = { need: NEED, fixed: true };
  await inspectDevice(host({ ...STICK, rm: false, hotplug: false }), "/dev/sdb", options);
  const mounted = host({ ...STICK, mountpoints: ["/"] });
  await assertRejects(() => inspectDevice(mounted, "/dev/sdb", options), UserError, "in use at /");
});

Deno.test("inspectDevice() takes nothing but a block device below /dev", async () => {
  const fake = host();
  fake.put("/dev/file", "");
  await fake.symlink("/dev/sdb", "/dev/link");
  const cases = {
    "sdb": "must be a path below /dev",
    "/etc/passwd": "must be a path below /dev",
    "/dev/../etc/passwd": "must be a path below /dev",
    "/dev/--help x": "must be a path below /dev",
    "/dev/none": "there is no such device",
    "/dev/file": "it is no block device",
    "/dev/link": "it is a link",
  };
  for (const [path, message] of Object.entries(cases)) {
    await assertRejects(() => inspectDevice(fake, path, { need: NEED }), UserError, message);
  }
});

Deno.test("writeDevice() wipes, writes, flushes and reads back", async () => {
  const fake = host();
  fake.put("/a.img", "12345");
  await writeDevice(fake, "/a.img", await inspectDevice(fake, "/dev/sdb", { need: 5 }));
  assertEquals(fake.log.slice(2), [
    "run wipefs --all --quiet /dev/sdb",
    "run dd if=/a.img of=/dev/sdb bs=1M conv=fsync status=none",
    "run blockdev --flushbufs /dev/sdb",
    "run cmp --bytes 5 /a.img /dev/sdb",
  ]);
});

Deno.test("writeDevice() stops at the first step that fails", async () => {
  const fake = host();
  fake.put("/a.img", "12345");
  fake.programs.set("dd", () => ({ code: 1, stderr: utf8("dd: no medium found\n") }));
  const device = { path: "/dev/sdb", size: 5, description: "" };
  await assertRejects(
    () => writeDevice(fake, "/a.img", device),
    UserError,
    "Cannot write to /dev/sdb: writing failed: dd: no medium found",
  );
  assertEquals(fake.log.at(-1)?.startsWith("run dd"), true);
});

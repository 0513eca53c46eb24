import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { diskImage, MIN_SIZE_MIB } from "../../../../lib/image/release/disk.ts";

const files = new Map([
  ["EFI/BOOT/BOOTX64.EFI", utf8("loader")],
  ["loader/loader.conf", utf8("timeout 0\n")],
]);
const disk = (more = {}) => diskImage({ files, label: "PSYOPSOS", seed: "s", ...more });

Deno.test("diskImage() is the same for the same seed and another for another", () => {
  // Fixed, since it depends on what it is given alone.
  assertEquals(disk().partition.guid, "52e9bea2-1b3b-8987-b07c-0b3a58238e81");
  assertNotEquals(disk({ seed: "t" }).partition.guid, disk().partition.guid);
  const reversed = new Map([...files].reverse());
  assertEquals(disk(), disk({ files: reversed }));
});

Deno.test("diskImage() gives sorted extents that do not overlap", () => {
  const { size, extents } = disk();
  let end = 0;
  for (const { offset, data } of extents) {
    assert(offset >= end, `extent at ${offset} overlaps`);
    end = offset + data.length;
  }
  assertEquals(end, size);
});

Deno.test("diskImage() is 512 MiB, more for much content, or what is asked for", () => {
  const mib = 2 ** 20;
  assertEquals(disk().size, 512 * mib);
  assertEquals(disk({ sizeMiB: MIN_SIZE_MIB }).size, MIN_SIZE_MIB * mib);
  const large = new Map([["a", new Uint8Array(200 * mib)]]);
  assertEquals(disk({ files: large }).size, 768 * mib);
  assertThrows(() => disk({ files: large, sizeMiB: 200 }), UserError, "room for 197 MiB");
  for (const sizeMiB of [0, -1, 35, 1.5, 2 ** 21]) {
    assertThrows(() => disk({ sizeMiB }), UserError, "Cannot make a disk image");
  }
});

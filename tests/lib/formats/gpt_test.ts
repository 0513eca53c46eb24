import { assertEquals, assertThrows } from "@std/assert";
import { sha256Hex } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { flatten } from "../../../lib/formats/extents.ts";
import { ESP_TYPE, gpt, guidBytes, SECTOR, type Table } from "../../../lib/formats/gpt.ts";

const GUID = "01234567-89ab-4cde-8f01-23456789abcd";
const table = (more: Partial<Table["partitions"][number]> = {}, sectors = 4096): Table => ({
  sectors,
  diskGuid: GUID,
  partitions: [
    { type: ESP_TYPE, guid: GUID, firstSector: 2048, lastSector: 3000, name: "ESP", ...more },
  ],
});

Deno.test("guidBytes() swaps the first three groups", () => {
  assertEquals([...guidBytes("00112233-4455-6677-8899-aabbccddeeff")], [
    ...[0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66],
    ...[0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff],
  ]);
  assertThrows(() => guidBytes("0011"), UserError, "no GUID");
});

Deno.test("gpt() mirrors header and entries at the end of the disk", () => {
  const disk = flatten(4096 * SECTOR, gpt(table()));
  const view = new DataView(disk.buffer);
  const signature = (sector: number) =>
    String.fromCharCode(...disk.subarray(sector * SECTOR, sector * SECTOR + 8));
  assertEquals(signature(1), "EFI PART");
  assertEquals(signature(4095), "EFI PART");
  assertEquals(view.getBigUint64(SECTOR + 32, true), 4095n);
  assertEquals(view.getBigUint64(4095 * SECTOR + 32, true), 1n);
  assertEquals(disk.subarray(2 * SECTOR, 34 * SECTOR), disk.subarray(4063 * SECTOR, 4095 * SECTOR));
  assertEquals(view.getUint16(510), 0x55aa);
  // Fixed, since it depends on what it is given alone.
  assertEquals(sha256Hex(disk), "8f7e9f981d2d78bcc4e805ae89593f4209864aa609d66f5491f32458ac3e9d63");
});

Deno.test("gpt() refuses partitions outside the usable sectors", () => {
  gpt(table({ firstSector: 34, lastSector: 4062 }));
  for (
    const [firstSector, lastSector] of [[33, 100], [100, 4063], [200, 100], [34, Infinity]] as const
  ) {
    assertThrows(() => gpt(table({ firstSector, lastSector })), UserError, "not within 34-4062");
  }
  assertThrows(() => gpt(table({}, 60)), UserError, "too small");
  assertThrows(() => gpt(table({ name: "n".repeat(37) })), UserError, "too long");
  const twice = table();
  assertThrows(
    () => gpt({ ...twice, partitions: [...twice.partitions, ...twice.partitions] }),
    UserError,
    "not within 3001-4062",
  );
});

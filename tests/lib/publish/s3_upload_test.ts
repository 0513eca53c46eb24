import { assertEquals } from "@std/assert";
import { entityTagOf, isInParts, PART_BYTES } from "../../../lib/publish/s3_upload.ts";
import { inMemory } from "../../../lib/publish/target.ts";

/** Content of `size` zeros, in pieces of `piece`. */
function zeros(size: number, piece: number) {
  return {
    ...inMemory(new Uint8Array(0)),
    size,
    async *chunks() {
      for (let at = 0; at < size; at += piece) yield new Uint8Array(Math.min(piece, size - at));
    },
  };
}

Deno.test("entityTagOf() is the MD5 of what goes as a whole", async () => {
  assertEquals(await entityTagOf(inMemory(new Uint8Array())), "d41d8cd98f00b204e9800998ecf8427e");
  assertEquals(isInParts(zeros(PART_BYTES - 1, 1)), false);
});

// As Python's hashlib tells of the parts and of their sums one behind the other.
for (const piece of [PART_BYTES, 1_000_003, PART_BYTES * 2]) {
  Deno.test(`entityTagOf() is that of our parts, in whatever pieces of ${piece} they are read`, async () => {
    assertEquals(isInParts(zeros(PART_BYTES, piece)), true);
    assertEquals(await entityTagOf(zeros(PART_BYTES, piece)), "3692065fc617ab1acea6dc7e886dc48a-1");
    assertEquals(
      await entityTagOf(zeros(PART_BYTES + 5, piece)),
      "e7f662b99e7818aab885371b15dcccbe-2",
    );
  });
}

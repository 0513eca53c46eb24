import { assertEquals, assertThrows } from "@std/assert";
import { flatten, shifted } from "../../../lib/formats/extents.ts";

const extents = [{ offset: 1, data: Uint8Array.of(1, 2) }, { offset: 5, data: Uint8Array.of(3) }];

Deno.test("flatten() fills gaps with zeros and refuses extents behind the end", () => {
  assertEquals(flatten(7, extents), Uint8Array.of(0, 1, 2, 0, 0, 3, 0));
  assertThrows(() => flatten(5, extents), RangeError);
});

Deno.test("shifted() moves extents without copying", () => {
  const moved = shifted(extents, 10);
  assertEquals(moved.map(({ offset }) => offset), [11, 15]);
  assertEquals(moved[0]!.data === extents[0]!.data, true);
});

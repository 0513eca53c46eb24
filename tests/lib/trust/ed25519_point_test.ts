import { assertEquals } from "@std/assert";
import { ed25519 } from "@noble/curves/ed25519.js";
import { isKeyPoint, isOfSmallOrder } from "../../../lib/trust/ed25519_point.ts";
import { generateKey } from "../../../lib/trust/minisign_sign.ts";

const { Point } = ed25519;
/** A point of order 8, of which all points of small order are multiples. */
const TORSION = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");

/** Encodings of one coordinate that are not canonical: p and more, with either sign. */
const OVERLONG = Array.from({ length: 19 }, (_, i) =>
  [0x7f, 0xff].map((top) => {
    const bytes = new Uint8Array(32).fill(0xff);
    bytes[0] = 0xed + i;
    bytes[31] = top;
    return bytes;
  })).flat();

Deno.test("isOfSmallOrder() knows all eight points of small order, and every other encoding of them", () => {
  let point = Point.ZERO;
  for (let i = 0; i < 8; i++, point = point.add(TORSION)) {
    assertEquals(isOfSmallOrder(point.toBytes()), true);
    assertEquals(isKeyPoint(point.toBytes()), false);
  }
  for (const bytes of OVERLONG) {
    let order: boolean | undefined;
    try {
      order = Point.fromBytes(bytes, true).isSmallOrder();
    } catch {
      // There is no point of that coordinate.
    }
    if (order === true) assertEquals(isOfSmallOrder(bytes), true);
    assertEquals(isKeyPoint(bytes), false);
  }
});

Deno.test("isKeyPoint() takes keys, also those with a part of small order", () => {
  for (let i = 0; i < 20; i++) {
    const { key } = generateKey();
    assertEquals([isKeyPoint(key), isOfSmallOrder(key)], [true, false]);
    const mixed = Point.fromBytes(key).add(TORSION).toBytes();
    assertEquals([isKeyPoint(mixed), isOfSmallOrder(mixed)], [true, false]);
  }
});

Deno.test("isKeyPoint() refuses coordinates of no point, and other lengths", () => {
  const none = new Uint8Array(32).with(0, 2);
  for (const bytes of [none, new Uint8Array(31), new Uint8Array(33), new Uint8Array()]) {
    assertEquals(isKeyPoint(bytes), false);
  }
});

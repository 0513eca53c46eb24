import { assert, assertEquals } from "@std/assert";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import * as node from "node:crypto";
import { Buffer } from "node:buffer";
import { concat, utf8 } from "../../../lib/bytes.ts";
import * as browser from "../../../site/page/node_crypto.ts";

const SPKI = new Uint8Array([0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0]);

Deno.test("createHash() is what Node gives, at every edge and in pieces", () => {
  for (const name of ["sha256", "blake2b512"] as const) {
    for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 127, 128, 129, 255, 256, 257, 5000]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i * 7);
      const expected = node.createHash(name).update(data).digest("hex");
      assertEquals(
        browser.createHash(name).update(data).digest("hex"),
        expected,
        `${name} ${size}`,
      );
      const pieces = browser.createHash(name);
      for (let at = 0; at < size; at += 33) pieces.update(data.subarray(at, at + 33));
      assertEquals(pieces.digest(), new Uint8Array(Buffer.from(expected, "hex")));
    }
  }
  const base64 = node.createHash("sha256").update(utf8("x")).digest("base64");
  assertEquals(browser.createHash("sha256").update(utf8("x")).digest("base64"), base64);
});

Deno.test("verify() accepts what Node signed, and nothing that Node refuses", () => {
  const { publicKey, privateKey } = node.generateKeyPairSync("ed25519");
  const der = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const key = browser.createPublicKey({ key: der });
  const message = utf8("the message");
  const signature = new Uint8Array(node.sign(null, message, privateKey));
  assert(browser.verify(null, message, key, signature));
  for (let bit = 0; bit < 8 * signature.length; bit += 3) {
    const changed = signature.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert(!browser.verify(null, message, key, changed), `bit ${bit} of the signature`);
  }
  assert(!browser.verify(null, utf8("the massage"), key, signature));
  assert(!browser.verify(null, message, key, signature.subarray(1)));
  const other = browser.createPublicKey({ key: concat([SPKI, new Uint8Array(32).fill(9)]) });
  assert(!browser.verify(null, message, other, signature));
});

Deno.test("verify() refuses a signature whose number is not reduced, as Node does", () => {
  const { publicKey, privateKey } = node.generateKeyPairSync("ed25519");
  const der = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const signature = new Uint8Array(node.sign(null, utf8("m"), privateKey));
  // S + L verifies wherever only the curve's equation is checked (RFC 8032, section 8.4).
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let sum = order;
  for (let i = 0; i < 32; i++) sum += BigInt(signature[32 + i]!) << BigInt(8 * i);
  for (let i = 0; i < 32; i++) signature[32 + i] = Number((sum >> BigInt(8 * i)) & 255n);
  const object = node.createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
  assert(!node.verify(null, utf8("m"), object, signature));
  assert(!browser.verify(null, utf8("m"), browser.createPublicKey({ key: der }), signature));
});

Deno.test("verify() and Node agree on keys with a part of small order, for which chance decides", () => {
  const { Point } = ed25519;
  const torsion = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  const scalar = 123456789n;
  const key = new Uint8Array(Point.BASE.multiply(scalar).add(torsion).toBytes());
  const object = node.createPublicKey(
    {
      ...{ key: Buffer.from(concat([SPKI, key])), format: "der", type: "spki" },
    } as const,
  );
  const held = [0, 0];
  for (let i = 1n; i <= 64n; i++) {
    const half = new Uint8Array(Point.BASE.multiply(i).toBytes());
    const message = utf8(`message ${i}`);
    const hash = sha512(concat([half, key, message])).toReversed();
    const factor = BigInt(`0x${Buffer.from(hash).toString("hex")}`) % Point.Fn.ORDER;
    const number = ((i + factor * scalar) % Point.Fn.ORDER).toString(16).padStart(64, "0");
    const signature = concat([half, new Uint8Array(Buffer.from(number, "hex").reverse())]);
    const expected = node.verify(null, message, object, signature);
    assertEquals(browser.verify(null, message, key, signature), expected);
    held[expected ? 0 : 1]!++;
  }
  assert(held[0]! > 0 && held[1]! > 0, `${held}`);
});

Deno.test("timingSafeEqual() compares all bytes", () => {
  const a = utf8("same");
  assert(browser.timingSafeEqual(a, utf8("same")));
  for (let i = 0; i < a.length; i++) {
    const b = a.slice();
    b[i]! ^= 128;
    assert(!browser.timingSafeEqual(a, b));
  }
});

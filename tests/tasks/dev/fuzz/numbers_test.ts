import { assert, assertEquals } from "@std/assert";
import {
  changeNumber,
  FORM_BYTES,
  type NumberForm,
  readNumber,
  tellingNumber,
  writeNumber,
} from "../../../../tasks/dev/fuzz/numbers.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();
const AROUND = { offset: 1024, total: 4096, unit: 512 };

function written(form: NumberForm, size: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  writeNumber(bytes, form, value);
  return bytes;
}

Deno.test("writeNumber() and readNumber() agree in every form", () => {
  const texts = { octal: 12, hex: 8, decimal: 10 };
  for (const [form, size] of Object.entries({ ...FORM_BYTES, ...texts })) {
    for (const value of [0, 1, 100]) {
      const bytes = written(form as NumberForm, size, value);
      assertEquals(readNumber(bytes, form as NumberForm), value, `${form} ${value}`);
    }
  }
});

Deno.test("writeNumber() writes what tar, cpio and ar hold below zero and beyond their fields", () => {
  assertEquals(hex(written("octal", 12, -512)), `${"ff".repeat(10)}fe00`);
  assertEquals(hex(written("octal", 8, 2 ** 40)), "8000010000000000");
  assertEquals(hex(written("hex", 8, -1)), "4646464646464646");
  assertEquals(new TextDecoder().decode(written("decimal", 10, -60)), "-60       ");
  assertEquals(hex(written("u16le", 2, -1)), "ffff");
  assertEquals(hex(written("u64le", 8, -512)), "00feffffffffffff");
  assertEquals(hex(written("both32", 8, 0x01020304)), "0403020101020304");
});

Deno.test("tellingNumber() leads back by a block and by all that lies before, and to every edge", () => {
  const seen = new Set(
    Array.from({ length: 3000 }, (_, i) => tellingNumber(7, AROUND, new Random(1, i))),
  );
  const wanted = [0, -1, -512, -1024, -1536, 6, 8, 1024, 4096, 4097, 0xffff, 0xffffffff, 2 ** 53];
  for (const value of wanted) assert(seen.has(value), String(value));
});

Deno.test("changeNumber() stays within its field", () => {
  for (const [form, size] of [["octal", 12], ["hex", 8], ["decimal", 10], ["both32", 8]] as const) {
    for (let i = 0; i < 500; i++) {
      const whole = new Uint8Array(size + 2).fill(0xaa);
      changeNumber(whole.subarray(1, 1 + size), form, AROUND, new Random(1, i));
      assertEquals([whole[0], whole.at(-1)], [0xaa, 0xaa]);
    }
  }
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { gunzip, gunzipStart, gzip, gzipMember, gzipMembers } from "../../../lib/formats/gzip.ts";

Deno.test("gzip() writes a header without time or name", () => {
  const bytes = gzip(utf8("x"), 1);
  assertEquals([...bytes.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]);
  assertEquals(bytes, gzip(utf8("x"), 1));
});

Deno.test("gzipMembers() tells where each member lies", () => {
  const parts = [utf8("one"), new Uint8Array(), utf8("three".repeat(10000))];
  const packed = parts.map((part) => gzip(part));
  const members = gzipMembers(concat(packed));
  assertEquals(members.map(({ data }) => data), parts);
  assertEquals(members.map(({ length }) => length), packed.map(({ length }) => length));
  let offset = 0;
  for (const member of members) {
    assertEquals(member.offset, offset);
    offset += member.length;
  }
});

Deno.test("gunzip() undoes gzip()", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 0, max: 9 }),
    (parts, level) => {
      assertEquals(gunzip(concat(parts.map((part) => gzip(part, level)))), concat(parts));
    },
  ));
});

Deno.test("gzipMembers() reads a view into a larger buffer", () => {
  const packed = gzip(utf8("content"));
  const padded = concat([utf8("abc"), packed, utf8("def")]);
  assertEquals(gunzip(padded.subarray(3, 3 + packed.length)), utf8("content"));
});

Deno.test("gzipMembers() refuses a cut anywhere and any changed byte of sums", () => {
  const packed = gzip(utf8("some content, some content"));
  for (let size = 0; size < packed.length; size++) {
    assertThrows(() => gzipMembers(packed.slice(0, size)), UserError, "truncated");
  }
  for (let i = packed.length - 8; i < packed.length; i++) {
    const copy = new Uint8Array(packed);
    copy[i]! ^= 1;
    assertThrows(() => gzipMembers(copy), UserError, "wrong");
  }
});

Deno.test("gzipMembers() refuses trailing bytes, foreign headers and damage", () => {
  const packed = gzip(utf8("x".repeat(100)));
  for (const tail of [[0], [1, 2, 3], new Array(20).fill(0)]) {
    assertThrows(() => gzipMembers(concat([packed, Uint8Array.from(tail)])), UserError);
  }
  const changed = (at: number, byte: number) => {
    const copy = new Uint8Array(packed);
    copy[at] = byte;
    return copy;
  };
  assertThrows(() => gzipMembers(changed(0, 0x50)), UserError, "no gzip data");
  assertThrows(() => gzipMembers(changed(2, 7)), UserError, "method");
  assertThrows(() => gzipMembers(changed(3, 0x80)), UserError, "flags");
  assertThrows(() => gzipMembers(changed(10, 0xff)), UserError, "damaged");
});

Deno.test("gzipMembers() skips name, comment, extra field and header sum", () => {
  const packed = gzip(utf8("x"));
  const head = (flags: number, ...more: number[]) =>
    concat([Uint8Array.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 2, 3, ...more])]);
  const rest = packed.subarray(10);
  for (
    const header of [
      head(8, 0x61, 0),
      head(16, 0x61, 0x62, 0),
      head(4, 2, 0, 7, 7),
      head(4 + 8 + 16, 1, 0, 7, 0x61, 0, 0x62, 0),
    ]
  ) {
    assertEquals(gunzip(concat([header, rest])), utf8("x"));
  }
  assertThrows(() => gunzip(concat([head(2, 1, 2), rest])), UserError, "header CRC");
  assertThrows(() => gunzip(head(8, 0x61)), UserError, "truncated");
  assertThrows(() => gunzip(concat([head(4, 0xff, 0xff), rest])), UserError, "truncated");
});

Deno.test("gzipMembers() stops a bomb at the bound", () => {
  const bomb = gzip(new Uint8Array(10_000_000));
  assertThrows(() => gzipMembers(bomb, { maxBytes: 9_999_999 }), UserError, "more bytes");
  assertEquals(gunzip(bomb, { maxBytes: 10_000_000 }).length, 10_000_000);
  const two = concat([bomb, bomb]);
  assertThrows(() => gzipMembers(two, { maxBytes: 15_000_000 }), UserError, "more bytes");
  assertThrows(() => gzipMembers(two, { maxMembers: 1 }), UserError, "more than 1 members");
  const empty = concat([gzip(new Uint8Array(4)), gzip(new Uint8Array())]);
  assertEquals(gunzip(empty, { maxBytes: 4 }).length, 4);
});

Deno.test("gzipMember() reads one member, whatever follows it", () => {
  const [first, second] = [gzip(utf8("one")), gzip(utf8("two"))];
  const bytes = concat([first, second, utf8("rubbish")]);
  assertEquals(gzipMember(bytes, 0, 3).length, first.length);
  assertEquals(gzipMember(bytes, first.length, 3).data, utf8("two"));
  assertThrows(() => gzipMember(bytes, first.length, 2), UserError, "more bytes");
  assertThrows(() => gzipMember(bytes, first.length + second.length, 9), UserError);
});

/** Bytes that do not get shorter by packing. */
const noise = new Uint8Array(100_000);
for (let i = 0, x = 1; i < noise.length; i++) {
  x = (Math.imul(x, 1103515245) + 12345) >>> 0;
  noise[i] = x >>> 16;
}

Deno.test("gunzipStart() gives the first bytes of a member and no more", () => {
  const bytes = concat([gzip(utf8("before")), gzip(noise), utf8("whatever follows")]);
  const offset = gzip(utf8("before")).length;
  for (const enough of [0, 1, 5000, 60_000]) {
    assertEquals(gunzipStart(bytes, offset, enough), noise.slice(0, enough));
  }
  // It looks at 64 KiB of the input at most.
  const most = gunzipStart(bytes, offset, 200_000);
  assertEquals(most, noise.slice(0, most.length));
  assertEquals(most.length > 60_000 && most.length <= 64 * 1024, true);
  assertEquals(gunzipStart(gzip(noise.slice(0, 50_000)), 0, 200_000), noise.slice(0, 50_000));
  assertEquals(text(gunzipStart(bytes, 0, 3)), "bef");
  // A bomb costs no more than one piece of it unpacks to.
  assertEquals(gunzipStart(gzip(new Uint8Array(1 << 26)), 0, 1000), new Uint8Array(1000));
});

Deno.test("gunzipStart() gives what comes before damage, and refuses what is no member", () => {
  const cut = gzip(noise).subarray(0, 60_000);
  const start = gunzipStart(cut, 0, 100_000);
  assert(start.length > 50_000 && start.length < noise.length);
  assertEquals(start, noise.slice(0, start.length));
  const damaged = gzip(utf8("x")).fill(0xff, 10);
  assertEquals(gunzipStart(damaged, 0, 10), new Uint8Array());
  assertThrows(() => gunzipStart(utf8("no gzip data"), 0, 10), UserError, "is no gzip data");
  assertThrows(() => gunzipStart(gzip(utf8("x")).subarray(0, 5), 0, 10), UserError, "truncated");
});

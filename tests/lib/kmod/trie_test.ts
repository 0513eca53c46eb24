import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UserError } from "../../../lib/errors.ts";
import { Trie } from "../../../lib/kmod/trie.ts";

/** All pairs in an index file, read as libkmod does. */
function pairs(bytes: Uint8Array): [key: string, value: string, priority: number][] {
  const view = new DataView(bytes.buffer);
  const found: [string, string, number][] = [];
  assertEquals([view.getUint32(0), view.getUint32(4)], [0xb007f457, 0x00020001]);
  const stringAt = (at: number) => {
    const end = bytes.indexOf(0, at);
    return String.fromCharCode(...bytes.subarray(at, end));
  };
  const visit = (offset: number, key: string) => {
    let at = offset & 0x0fffffff;
    if (offset & 0x80000000) {
      const prefix = stringAt(at);
      key += prefix;
      at += prefix.length + 1;
    }
    const children: [number, string][] = [];
    if (offset & 0x20000000) {
      const [first, last] = [bytes[at]!, bytes[at + 1]!];
      at += 2;
      for (let char = first; char <= last; char++, at += 4) {
        const child = view.getUint32(at);
        if (child !== 0) children.push([child, key + String.fromCharCode(char)]);
      }
    }
    if (offset & 0x40000000) {
      const count = view.getUint32(at);
      at += 4;
      for (let i = 0; i < count; i++) {
        const value = stringAt(at + 4);
        found.push([key, value, view.getUint32(at)]);
        at += 5 + value.length;
      }
    }
    for (const [child, name] of children) visit(child, name);
  };
  visit(view.getUint32(8), "");
  return found;
}

Deno.test("Trie holds all pairs, values by priority", () => {
  const key = fc.stringMatching(/^[abc*_]{0,6}$/);
  const pair = fc.tuple(key, fc.stringMatching(/^[xyz]{0,3}$/), fc.integer({ min: 0, max: 9 }));
  fc.assert(fc.property(fc.array(pair, { maxLength: 40 }), (list) => {
    const trie = new Trie();
    for (const [key, value, priority] of list) trie.add(key, value, priority);
    const expected = [...list].reverse().sort((a, b) =>
      a[0] === b[0] ? a[2] - b[2] : a[0] < b[0] ? -1 : 1
    );
    assertEquals(pairs(trie.bytes()), expected);
  }));
});

Deno.test("Trie gives the same bytes in whatever order different keys come", () => {
  const keys = ["abc", "ab", "abd", "", "b", "abcde"];
  const file = (list: string[]) => {
    const trie = new Trie();
    for (const key of list) trie.add(key, key, 1);
    return trie.bytes();
  };
  assertEquals(file(keys), file(keys.toReversed()));
});

Deno.test("Trie refuses names that kmod can't look up", () => {
  assertThrows(() => new Trie().add("ü", "x", 0), UserError, "not ASCII");
  assertThrows(() => new Trie().add("x", "a\0b", 0), UserError, "not ASCII");
});

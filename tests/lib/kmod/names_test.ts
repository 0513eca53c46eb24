import { assertEquals } from "@std/assert";
import {
  aliasMatches,
  isModulePath,
  normalAlias,
  pathModuleName,
} from "../../../lib/kmod/names.ts";

Deno.test("pathModuleName() ends at the first dot", () => {
  assertEquals(pathModuleName("kernel/a/snd-hda.ko.gz"), "snd_hda");
  assertEquals(pathModuleName("x.ko"), "x");
  assertEquals(["a.ko", "a.ko.gz", "a.ko.zst", "a.o", "a.ko.bak"].map(isModulePath), [
    ...[true, true, true, false, false],
  ]);
});

Deno.test("normalAlias() leaves brackets alone and refuses unmatched ones", () => {
  assertEquals(normalAlias("usb:v-a[0-9]-b"), "usb:v_a[0-9]_b");
  assertEquals(normalAlias("a["), undefined);
  assertEquals(normalAlias("a]"), undefined);
  assertEquals(normalAlias(""), "");
});

Deno.test("aliasMatches() knows *, ? and sets; everything else is literal", () => {
  const cases: [string, string, boolean][] = [
    ["pci:v*d?", "pci:v00d1", true],
    ["pci:v*d?", "pci:v00d", false],
    ["a[0-3]b", "a2b", true],
    ["a[0-3]b", "a4b", false],
    ["a[!0-3]b", "a4b", true],
    ["a.b", "axb", false],
    ["a.b*", "a.bc", true],
    ["(a+)*", "(a+)x", true],
    ["a", "ab", false],
  ];
  for (const [pattern, text, expected] of cases) {
    assertEquals(aliasMatches(pattern, text), expected, `${pattern} ${text}`);
  }
});

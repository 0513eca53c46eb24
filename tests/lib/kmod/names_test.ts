import { assertEquals } from "@std/assert";
import { isModulePath, normalAlias, pathModuleName } from "../../../lib/kmod/names.ts";

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

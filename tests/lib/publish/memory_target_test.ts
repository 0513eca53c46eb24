import { assertEquals, assertRejects } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { MemoryTarget } from "../../../lib/publish/memory_target.ts";
import { inMemory } from "../../../lib/publish/target.ts";

const facts = (text: string, mark?: string) => ({
  contentType: "text/plain",
  cacheControl: "no-cache",
  sha256: sha256Hex(utf8(text)),
  mark,
});

Deno.test("MemoryTarget keeps files with their hash and mark, and counts requests", async () => {
  const target = new MemoryTarget();
  await target.put("a/b", inMemory(utf8("text")), facts("text", "mark"));
  assertEquals(await target.stat("a/b"), { size: 4, sha256: facts("text").sha256, mark: "mark" });
  assertEquals((await target.get("a/b", 4))?.bytes, utf8("text"));
  assertEquals(await Array.fromAsync(target.list("a/")), [{ path: "a/b", size: 4 }]);
  const file = { path: "a/b", size: 4 };
  assertEquals(await target.holds(file, inMemory(utf8("text"))), true);
  assertEquals(await target.holds(file, inMemory(utf8("teXt"))), false);
  await target.remove("a/b");
  assertEquals(await target.get("a/b", 4), undefined);
  assertEquals(target.requests, 8);
});

Deno.test("MemoryTarget refuses what is damaged, too long or put by two at once", async () => {
  const target = new MemoryTarget();
  const put = (text: string, sent: string, before?: string) =>
    target.put("a", inMemory(utf8(sent)), facts(text), {
      before: before === undefined ? undefined : { bytes: utf8(before) },
    });
  await assertRejects(() => put("text", "other"), UserError, "a came damaged");
  await put("text", "text");
  await assertRejects(() => put("new", "new"), UserError, "at the same time");
  await put("new", "new", "text");
  await assertRejects(() => target.get("a", 2), UserError, "longer than 2 bytes");
});

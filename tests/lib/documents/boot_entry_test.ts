import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  blessedName,
  type BootEntry,
  type EntryName,
  entryState,
  formatEntryName,
  parseEntry,
  parseEntryName,
  renderEntry,
  renderLoaderConfig,
  slotEntry,
  slotEntryId,
} from "../../../lib/documents/boot_entry.ts";
import { UserError } from "../../../lib/errors.ts";

Deno.test("renderEntry() writes a slot's entry", () => {
  const entry = slotEntry("1.2.3", {
    initrd: ["initrd-boot.cpio", "initrd-rootfs.cpio"],
    options: "console=ttyS0 panic=10",
  });
  assertEquals(
    renderEntry(entry),
    `title psyopsOS 1.2.3
sort-key psyopsos
version 1.2.3
linux /psyopsos/1.2.3/vmlinuz
initrd /psyopsos/1.2.3/initrd-boot.cpio
initrd /psyopsos/1.2.3/initrd-rootfs.cpio
options console=ttyS0 panic=10
`,
  );
  assertEquals(parseEntry(renderEntry(entry)), entry);
});

Deno.test("parseEntry() undoes renderEntry()", () => {
  const word = fc.stringMatching(/^[!-~]{1,20}$/).filter((s) => !s.includes("\\"));
  const line = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));
  const path = fc.stringMatching(/^\/[a-zA-Z0-9._+/-]{1,30}$/);
  const entry: fc.Arbitrary<BootEntry> = fc.record({
    title: line,
    linux: path,
    initrd: fc.array(path, { maxLength: 3 }),
    sortKey: word,
    version: word,
    options: line,
    other: fc.array(
      fc.tuple(fc.constantFrom("architecture", "machine-id", "devicetree"), line),
      { minLength: 1, maxLength: 3 },
    ),
  }, { requiredKeys: ["title", "linux", "initrd"] });
  fc.assert(fc.property(entry, (value) => assertEquals(parseEntry(renderEntry(value)), value)));
});

Deno.test("parseEntry() takes comments, odd spaces and several options lines", () => {
  const entry = parseEntry(
    "# comment\r\n\n title  A  title \r\nlinux\t/k\noptions a\noptions b c\nbare\nefi /x.efi\n",
  );
  assertEquals(entry, {
    title: "A  title",
    linux: "/k",
    initrd: [],
    options: "a b c",
    other: [["efi", "/x.efi"]],
  });
  assertThrows(() => parseEntry("title x\n"), UserError, "no linux line");
  assertThrows(() => parseEntry("linux /k\n" + "#".repeat(70000)), UserError, "too large");
});

Deno.test("renderEntry() refuses values that would become other lines", () => {
  const good: BootEntry = { title: "t", linux: "/k", initrd: [] };
  const bad: Partial<BootEntry>[] = [
    { title: "a\nlinux /evil" },
    { title: "" },
    { title: " a" },
    { options: "a\u0000b" },
    { linux: "relative" },
    { initrd: ["/with space"] },
    { initrd: ["\\back"] },
    { other: [["Bad key", "x"]] },
  ];
  for (const part of bad) {
    assertThrows(() => renderEntry({ ...good, ...part }), UserError, "Cannot render boot entry");
  }
});

Deno.test("formatEntryName() quotes no more of a wrong id than tells which it is", () => {
  const { message } = assertThrows(() => formatEntryName({ id: "+1".repeat(5000) }), UserError);
  assert(message.length < 200, message);
});

Deno.test("parseEntryName() reads the counters of systemd-boot", () => {
  const cases: [string, EntryName | undefined][] = [
    ["psyopsos-1.2.conf", { id: "psyopsos-1.2" }],
    ["psyopsos-1.2+3.conf", { id: "psyopsos-1.2", left: 3, done: 0 }],
    ["psyopsos-1.2+2-1.conf", { id: "psyopsos-1.2", left: 2, done: 1 }],
    ["psyopsos-1.2+0-3.conf", { id: "psyopsos-1.2", left: 0, done: 3 }],
    ["a+b+1.conf", { id: "a+b", left: 1, done: 0 }],
    ["a+b.conf", { id: "a+b" }],
    ["psyopsos-1.2.conf.tmp", undefined],
    ["psyopsos 1.conf", undefined],
    [".conf", undefined],
    ["x/y.conf", undefined],
  ];
  for (const [fileName, name] of cases) assertEquals(parseEntryName(fileName), name, fileName);
  assertEquals(entryState({ id: "a" }), "good");
  assertEquals(entryState({ id: "a", left: 1, done: 2 }), "trying");
  assertEquals(entryState({ id: "a", left: 0, done: 3 }), "bad");
});

Deno.test("formatEntryName() undoes parseEntryName(), blessedName() drops the counter", () => {
  const count = fc.integer({ min: 0, max: 999 });
  fc.assert(fc.property(fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/), count, count, (id, l, d) => {
    const name = { id, left: l, done: d };
    assertEquals(parseEntryName(formatEntryName(name)), name);
    assertEquals(parseEntryName(formatEntryName({ id })), { id });
    assertEquals(blessedName(formatEntryName(name)), `${id}.conf`);
  }));
  assertThrows(() => formatEntryName({ id: "a+3" }), UserError, "no proper id");
  assertThrows(() => formatEntryName({ id: "a/b" }), UserError, "no proper id");
  assertThrows(() => formatEntryName({ id: "a", left: -1 }), UserError, "tries");
  assertThrows(() => blessedName("x.txt"), UserError, "no boot entry");
});

Deno.test("slotEntryId() refuses versions that are no file names", () => {
  for (const version of ["", "../x", "1+3", "a b", "1.", "-1", "x".repeat(65)]) {
    assertThrows(() => slotEntryId(version), UserError, "a version is");
  }
  assertEquals(slotEntryId("2026.11.22-rc1"), "psyopsos-2026.11.22-rc1");
});

Deno.test("renderLoaderConfig() forbids the editor unless told otherwise", () => {
  assertEquals(renderLoaderConfig({ timeout: 0 }), "timeout 0\neditor no\n");
  assertEquals(
    renderLoaderConfig({ timeout: 3, editor: true, default: "psyopsos-*", consoleMode: "max" }),
    "timeout 3\neditor yes\ndefault psyopsos-*\nconsole-mode max\n",
  );
  assertThrows(() => renderLoaderConfig({ timeout: -1 }), UserError);
  assertThrows(() => renderLoaderConfig({ timeout: 0, default: "a b" }), UserError);
});

Deno.test("parseEntry() takes a line of blanks in its stride", () => {
  const title = `a${" ".repeat(60_000)}b`;
  const start = performance.now();
  assertEquals(parseEntry(`title ${title}  \nlinux /k\n`).title, title);
  assert(performance.now() - start < 2500);
});

import { assertEquals } from "@std/assert";
import { fileDiff } from "../../../agent/report/file_diff.ts";

const lines = (text: string) => text.split(" ").map((line) => `${line}\n`).join("");

Deno.test("fileDiff() shows what changes with three lines around it, as diff -u does", () => {
  assertEquals(fileDiff("/x", lines("a b c d e f g h i"), lines("a b c d E E2 f g h i")), [
    ...["--- /x", "+++ /x", "@@ -2,7 +2,8 @@"],
    ...[" b", " c", " d", "-e", "+E", "+E2", " f", " g", " h"],
  ]);
  assertEquals(fileDiff("/x", undefined, lines("a b")), [
    ...["--- /dev/null", "+++ /x", "@@ -0,0 +1,2 @@", "+a", "+b"],
  ]);
  assertEquals(fileDiff("/x", lines("a"), ""), ["--- /x", "+++ /x", "@@ -1,1 +0,0 @@", "-a"]);
});

Deno.test("fileDiff() tells a missing end of line, leaves the end of what is long out, and is nothing for the same", () => {
  assertEquals(fileDiff("/x", "a\n", "a").slice(3), ["-a", "+a\\ no end of line"]);
  assertEquals(fileDiff("/x", "a\n", "a\n"), []);
  const long = fileDiff("/x", undefined, "x\n".repeat(500));
  assertEquals([long.length, long.at(-1)], [204, "(and 300 lines more)"]);
});

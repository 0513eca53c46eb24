import { assertEquals } from "@std/assert";
import { safePath } from "../../../lib/formats/safe_path.ts";

Deno.test("safePath() takes plain relative paths only", () => {
  for (const path of ["a", "a/b.c", ".hidden", "..a/b..", "ünï/ x"]) {
    assertEquals(safePath(path), true, path);
  }
  for (const path of ["", ".", "..", "/a", "a/", "a//b", "./a", "a/./b", "../a", "a/..", "a\0b"]) {
    assertEquals(safePath(path), false, path);
  }
});

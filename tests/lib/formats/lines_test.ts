import { assertEquals, assertThrows } from "@std/assert";
import { text } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { lineFile } from "../../../lib/formats/lines.ts";

Deno.test("lineFile() ends every item with a line break", () => {
  assertEquals(text(lineFile("etc/apk/world", ["a", "", "b\tc\u2028"])), "a\n\nb\tc\u2028\n");
  assertEquals(text(lineFile("x", [])), "");
});

Deno.test("lineFile() refuses an item that would be read as two, or as less", () => {
  for (const item of ["a\nb", "\n", "a\0b"]) {
    assertThrows(
      () => lineFile("etc/apk/world", ["good", item]),
      UserError,
      `Cannot write /etc/apk/world: ${JSON.stringify(item)} is more than one line`,
    );
  }
});

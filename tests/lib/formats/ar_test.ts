import { assertEquals } from "@std/assert";
import { arMember } from "../../../lib/formats/ar.ts";
import { concat, utf8 } from "../../../lib/bytes.ts";

function member(name: string, data: string) {
  const header = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}` +
    `${"100644".padEnd(8)}${String(data.length).padEnd(10)}\`\n`;
  return utf8(header + data + (data.length % 2 ? "\n" : ""));
}

const ARCHIVE = concat([
  utf8("!<arch>\n"),
  member("debian-binary", "2.0\n"),
  member("control.tar.xz/", "odd"),
  member("data.tar.xz", "payload"),
]);

Deno.test("arMember() finds members behind odd sizes, with GNU's slash and without", () => {
  assertEquals(arMember(ARCHIVE, "debian-binary"), utf8("2.0\n"));
  assertEquals(arMember(ARCHIVE, "control.tar.xz"), utf8("odd"));
  assertEquals(arMember(ARCHIVE, "data.tar.xz"), utf8("payload"));
});

Deno.test("arMember() gives nothing of what is not there, cut or no archive", () => {
  assertEquals(arMember(ARCHIVE, "data.tar.gz"), undefined);
  assertEquals(arMember(ARCHIVE.subarray(0, ARCHIVE.length - 3), "data.tar.xz"), undefined);
  assertEquals(arMember(utf8("!<arch>"), "x"), undefined);
  assertEquals(arMember(utf8("PK\x03\x04 and more of it"), "x"), undefined);
  assertEquals(arMember(concat([ARCHIVE.subarray(0, 8), new Uint8Array(200)]), "x"), undefined);
});

Deno.test("arMember() takes nothing but digits for a size, or it would never end", () => {
  for (const size of ["-60", "-61", "1e1", "0x4", "", "4.0", "+4"]) {
    const header = new TextDecoder().decode(member("odd", "data"));
    const odd = header.slice(0, 48) + size.padEnd(10) + header.slice(58);
    assertEquals(arMember(concat([utf8(`!<arch>\n${odd}`), member("b", "data")]), "b"), undefined);
  }
});

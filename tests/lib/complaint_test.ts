import { assertEquals } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import { complaintOf, firstLine, linesOf } from "../../lib/complaint.ts";

const said = (stderr: string, code = 1) => ({ code, stderr: utf8(stderr) });

Deno.test("complaintOf() is the line that says why, or the exit code", () => {
  assertEquals(
    complaintOf(said("warning: old\nmount: no such device \n\n")),
    "mount: no such device",
  );
  assertEquals(complaintOf(said("\n error: no file\n  at x\n"), firstLine), "error: no file");
  assertEquals(complaintOf(said(" \n", 32)), "exit code 32");
  assertEquals(complaintOf(said("", 32), firstLine), "exit code 32");
});

Deno.test("complaintOf() lets a program quote nothing that steers a terminal or turns the direction of writing", () => {
  const name = "\x1b[2J\x9b\u202egnp.exe\u2069\u2028Status: ok";
  assertEquals(
    complaintOf(said(`mount: can't find LABEL=${name}`)),
    "mount: can't find LABEL=?[2J??gnp.exe? Status: ok",
  );
  assertEquals(complaintOf(said("x".repeat(100_000))).length, 300);
});

Deno.test("complaintOf() takes bytes that are no text", () => {
  const bytes = new Uint8Array([0x61, 0xff, 0xfe, 0x62, 0x0a]);
  assertEquals(complaintOf({ code: 1, stderr: bytes }), "a\ufffd\ufffdb");
  assertEquals(linesOf(bytes), ["a\ufffd\ufffdb"]);
});

import { assertEquals } from "@std/assert";
import { denoVersions, glibcMinor, programFacts } from "../../../lib/agent_build/program.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { elfFile, LOADERS } from "../../support/elf.ts";

Deno.test("programFacts() tells architecture, C library and what is needed", () => {
  const text = "GLIBC_2.9\0GLIBC_2.27\0GLIBC_2.3.4\0GLIBC_2.x";
  const needed = ["libm.so.6", "libc.so.6"];
  assertEquals(programFacts(elfFile({ interpreter: LOADERS.glibc, needed, text })), {
    arch: "x86_64",
    libc: "glibc",
    interpreter: LOADERS.glibc,
    needed,
    glibcMinor: 27,
  });
  const musl = elfFile({ machine: 183, interpreter: "/lib/ld-musl-aarch64.so.1" });
  assertEquals(programFacts(musl), {
    arch: "aarch64",
    libc: "musl",
    interpreter: "/lib/ld-musl-aarch64.so.1",
    needed: [],
    glibcMinor: 0,
  });
});

Deno.test("programFacts() knows no other machines and libraries, and no file that is no program", () => {
  const other = programFacts(elfFile({ machine: 8, interpreter: "/libexec/ld-elf.so.1" }));
  assertEquals([other?.arch, other?.libc], [undefined, undefined]);
  assertEquals(programFacts(elfFile({ soname: "libx.so" })), undefined);
  assertEquals(programFacts(utf8("#!/bin/sh\n")), undefined);
  assertEquals(programFacts(new Uint8Array()), undefined);
});

Deno.test("denoVersions() and glibcMinor() read the text at the end of a file, too", () => {
  assertEquals(denoVersions(utf8("x Deno/2.10.2 y Deno/2.10.2-rc.1 Deno/2.9.0")), [
    "2.9.0",
    "2.10.2",
  ]);
  assertEquals(denoVersions(utf8("Deno/ Deno/2.4 Deno/")), []);
  assertEquals(glibcMinor(utf8("GLIBC_2.36")), 36);
  assertEquals(glibcMinor(utf8("GLIBC_2.")), 0);
});

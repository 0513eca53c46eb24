import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../../../lib/errors.ts";
import { neededLibraries } from "../../../../lib/lab_packages/packages/library.ts";
import type { Draft } from "../../../../lib/lab_packages/packages/recipe.ts";

function draft(name: string, depends: string[], provides: string[] = []): Draft {
  const facts = { version: "1-r0", description: "", url: "", license: "", builddate: 0 };
  return { info: { name, ...facts, depends, provides }, entries: [] };
}

const LIBRARIES = [
  draft("libunused", ["so:libc.so.6"], ["so:libunused.so.1=1"]),
  draft("libssl3", ["so:libc.so.6"], ["so:libssl.so.3=3", "so:libcrypto.so.3=3"]),
  draft("libc6", [], ["so:libc.so.6=6", "so:libm.so.6=6"]),
];

Deno.test("neededLibraries() follows libraries of libraries and takes no other", () => {
  const sshd = draft("sshd", ["/bin/sh", "so:libcrypto.so.3", "so:libssl.so.3"]);
  const chosen = neededLibraries([sshd], ["so:libm.so.6"], LIBRARIES);
  assertEquals(chosen.map(({ info }) => info.name), ["libssl3", "libc6"]);
});

Deno.test("neededLibraries() names the library that is nowhere, and who needs it", () => {
  const error = assertThrows(
    () => neededLibraries([draft("sshd", ["so:libz.so.1"])], [], LIBRARIES),
    UserError,
  );
  assertEquals(error.message, "Cannot build package sshd: no Debian package has so:libz.so.1");
});

import { assertEquals } from "@std/assert";
import { systemFailure } from "../../../lib/cli/system_error.ts";

/** Messages as Deno 2.9 gives them, and what we say instead. */
const CASES: [message: string, said: string][] = [
  ["Permission denied (os error 13): open 'secret'", "Cannot open secret: permission denied"],
  [
    "Permission denied (os error 13): open 'ro/minisign.seckey.tmp-b69a73ba'",
    "Cannot open ro/minisign.seckey: permission denied",
  ],
  [
    "Permission denied (os error 13): mkdir 'ro/x.img.tmp-2b29c621.d'",
    "Cannot make the directory ro/x.img: permission denied",
  ],
  ["Permission denied (os error 13): readdir 'nodes'", "Cannot list nodes: permission denied"],
  [
    "Permission denied (os error 13): rename 'ro.next/index.html' -> 'ro/index.html'",
    "Cannot write ro/index.html: permission denied",
  ],
  ["File exists (os error 17): symlink '/a' -> '/b'", "Cannot make /b: file exists"],
  ["Not a directory (os error 20): readdir 'f.txt/a'", "Cannot list f.txt/a: not a directory"],
  ["No space left on device (os error 28)", "Cannot go on: no space left on device"],
  ["Failed to spawn 'vi': Permission denied (os error 13)", "Cannot run vi: permission denied"],
  [
    "Failed to spawn 'qemu': entity not found",
    "Cannot run qemu: there is no such program on the PATH",
  ],
  [
    'Requires all access to "/proc/x", run again with the --allow-all flag',
    "Cannot use /proc/x: Deno lets this task reach ordinary files only",
  ],
];
for (const [message, said] of CASES) {
  Deno.test(`systemFailure() tells ${message}`, () => {
    assertEquals(systemFailure(new Error(message))?.message, said);
  });
}

Deno.test("systemFailure() leaves all else to those who know it", () => {
  const others = [
    new TypeError("x is not a function"),
    new Error("Cannot read keys/a: it says (os error 13) in the middle"),
    new Error('Requires net access to "x:80", run again with the --allow-net flag'),
    "Permission denied (os error 13)",
  ];
  for (const other of others) assertEquals(systemFailure(other), undefined);
});

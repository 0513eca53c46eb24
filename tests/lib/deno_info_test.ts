import { assertEquals } from "@std/assert";
import { infoOf } from "../../lib/deno_info.ts";

Deno.test("infoOf() reads numbers of either size, and tells types apart by the bits of the mode", () => {
  const kinds: [mode: number, kind: string][] = [
    [0o100644, "file"],
    [0o040755, "directory"],
    [0o120777, "symlink"],
    [0o060660, "block"],
    [0o020666, "char"],
    [0o010600, "other"],
    [0o140600, "other"],
  ];
  for (const [mode, kind] of kinds) {
    const facts = { mode, size: 7, uid: 1000, gid: 5, mtime: new Date(1_999) };
    const big = { mode: BigInt(mode), size: 7n, uid: 1000n, gid: 5n, mtime: new Date(1_999) };
    const expected = { kind, mode: mode & 0o7777, size: 7, uid: 1000, gid: 5, mtime: 1 };
    assertEquals([infoOf(facts), infoOf(big)] as unknown[], [expected, expected]);
  }
});

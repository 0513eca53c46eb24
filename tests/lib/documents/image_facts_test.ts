import { assertEquals, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import { formatImageFacts, parseImageFacts } from "../../../lib/documents/image_facts.ts";
import { UnreadableError } from "../../../lib/schema/read.ts";

const FACTS = {
  version: "2026.11.22",
  arch: "x86_64",
  epoch: 1_795_000_000,
  engine: "embedded",
  kernel: "6.18.1-0-lts",
} as const;

Deno.test("parseImageFacts() reads what formatImageFacts() writes, in one order of keys", () => {
  assertEquals(parseImageFacts(formatImageFacts(FACTS)), FACTS);
  const { kernel, version, ...rest } = FACTS;
  assertEquals(formatImageFacts({ kernel, ...rest, version }), formatImageFacts(FACTS));
  // As the ISO's overlay has it: mkimage.sh has not yet chosen the kernel.
  const before = { version: "7", epoch: 0 };
  assertEquals(parseImageFacts(formatImageFacts(before)), before);
});

Deno.test("parseImageFacts() leaves out what it does not know, and names what is wrong", () => {
  const more = utf8(JSON.stringify({ ...FACTS, later: { any: "thing" } }));
  assertEquals(parseImageFacts(more), FACTS);
  const cases: [string, string][] = [
    ["", "it is no JSON"],
    ["[]", "the document: must be a mapping"],
    ["{}", "version: is missing"],
    ['{"version":"7","epoch":-1}', "epoch: must be 0 to"],
    ['{"version":"7","epoch":1,"arch":"vax"}', "arch: must be x86_64 or aarch64"],
    [text(more).padEnd(65 * 1024), "it is longer than 65536 bytes"],
  ];
  for (const [given, state] of cases) {
    assertThrows(() => parseImageFacts(utf8(given)), UnreadableError, state);
  }
});

import { assert, assertEquals } from "@std/assert";
import { type Bytes, utf8 } from "../../../../lib/bytes.ts";
import { mutateBytes, splice } from "../../../../tasks/dev/fuzz/mutate_bytes.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";

const SAMPLE: Bytes = utf8("The quick brown fox jumps over the lazy dog. ".repeat(4));

Deno.test("mutateBytes() changes nearly always something, in every way it knows, and the same for the same number", () => {
  const ways = new Set<string>();
  const before = SAMPLE.slice();
  let changed = 0;
  for (let i = 0; i < 1000; i++) {
    const { bytes, step } = mutateBytes(SAMPLE, new Random(1, i));
    assertEquals(mutateBytes(SAMPLE, new Random(1, i)), { bytes, step });
    ways.add(step.replaceAll(/\d+/g, "#"));
    if (String(bytes) !== String(SAMPLE)) changed++;
  }
  assertEquals(SAMPLE, before);
  assert(changed > 950, `${changed} of 1000`);
  assert(ways.size >= 9, [...ways].join("; "));
});

Deno.test("mutateBytes() copes with nothing and with one byte", () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(1)]) {
    for (let i = 0; i < 200; i++) mutateBytes(bytes, new Random(2, i));
  }
});

Deno.test("splice() joins a beginning and an end", () => {
  const { bytes } = splice(utf8("aaaa"), utf8("bbbb"), new Random(3));
  assert(/^a*b*$/.test(new TextDecoder().decode(bytes)));
});

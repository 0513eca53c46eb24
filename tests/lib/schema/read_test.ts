import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { utf8 } from "../../../lib/bytes.ts";
import { readJson, UnreadableError } from "../../../lib/schema/read.ts";

const SCHEMA = v.object({ a: v.optional(v.unknown()) });
const read = (text: string) => readJson(SCHEMA, utf8(text), 4 * 1024 * 1024);

Deno.test("readJson() refuses nesting that whatever walks it would run out of stack with", () => {
  for (const [open, close] of [["[", "]"], ['{"a":', "}"]] as const) {
    const nested = (levels: number) => `{"a":${open.repeat(levels)}0${close.repeat(levels)}}`;
    assertEquals(Object.keys(read(nested(60))), ["a"]);
    for (const levels of [64, 20_000, 60_000]) {
      assertThrows(() => read(nested(levels)), UnreadableError, "it is nested more than 64 deep");
    }
  }
});

Deno.test("readJson() gives the parser no more lists and mappings than documents have, whatever texts hold", () => {
  for (const one of ["[]", "{}", "[[]]"]) {
    const many = (count: number) => `{"a":[${Array(count).fill(one).join()}]}`;
    assertEquals(Object.keys(read(many(32_000))), ["a"]);
    for (const count of [70_000, 800_000]) {
      assertThrows(() => read(many(count)), UnreadableError, "it has more than 65536 lists");
    }
  }
  const words = '[{\\"{[\\\\'.repeat(20_000);
  assertEquals(read(`{"a":"${words}"}`), { a: JSON.parse(`"${words}"`) });
});

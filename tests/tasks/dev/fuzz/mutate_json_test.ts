import { assert, assertEquals, assertThrows } from "@std/assert";
import { text } from "../../../../lib/bytes.ts";
import { canonicalJson } from "../../../../lib/json.ts";
import { mutateJson } from "../../../../tasks/dev/fuzz/mutate_json.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";

const JSON_TEXT = canonicalJson({ a: 1, b: ["x", { c: null }], d: { e: "f" }, g: true });

Deno.test("mutateJson() gives other JSON, nearly always canonical, and the same for the same number", () => {
  const before = JSON_TEXT.slice();
  let same = 0, odd = 0;
  for (let i = 0; i < 1000; i++) {
    const { bytes, steps } = mutateJson(JSON_TEXT, new Random(1, i));
    assertEquals(mutateJson(JSON_TEXT, new Random(1, i)).bytes, bytes);
    if (text(bytes) === text(JSON_TEXT)) same++;
    if (steps.includes("spell it oddly")) odd++;
    else if (!steps.some((step) => step.endsWith(" deep"))) JSON.parse(text(bytes));
  }
  assertEquals(JSON_TEXT, before);
  assert(same < 100 && odd > 0 && odd < 100, `${same} the same, ${odd} odd`);
});

Deno.test("mutateJson() reaches keys that mean something to JavaScript, and deep nesting", () => {
  const seen = new Set<string>();
  let deepest = 0;
  for (let i = 0; i < 3000; i++) {
    const plain = text(mutateJson(JSON_TEXT, new Random(2, i)).bytes);
    for (const key of ["__proto__", "constructor"]) if (plain.includes(`"${key}":`)) seen.add(key);
    deepest = Math.max(deepest, /\[{1000,}|(\{"a":){1000,}/.exec(plain)?.[0].length ?? 0);
  }
  assertEquals([...seen].sort(), ["__proto__", "constructor"]);
  assert(deepest >= 20_000, `${deepest}`);
});

Deno.test("mutateJson() takes JSON only", () => {
  assertThrows(() => mutateJson(new Uint8Array(), new Random(1)), SyntaxError);
});

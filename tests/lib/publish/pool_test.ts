import { assert, assertEquals, assertRejects } from "@std/assert";
import { inParallel } from "../../../lib/publish/pool.ts";

/** Lets everything that is ready go on. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

for (const width of [1, 3, 50]) {
  Deno.test(`inParallel() does everything once, at most ${width} at a time, begun in order`, async () => {
    const begun: number[] = [];
    let now = 0;
    let most = 0;
    await inParallel(Array.from({ length: 20 }, (_, i) => i), width, async (i) => {
      begun.push(i);
      most = Math.max(most, ++now);
      await turn();
      now--;
    });
    assertEquals(begun, Array.from({ length: 20 }, (_, i) => i));
    assertEquals(most, Math.min(width, 20));
  });
}

Deno.test("inParallel() begins nothing after a failure, and waits for what had begun", async () => {
  const ended: number[] = [];
  let begun = 0;
  const work = async (i: number) => {
    begun++;
    if (i === 2) throw new Error("the third");
    await turn();
    ended.push(i);
  };
  const items = Array.from({ length: 20 }, (_, i) => i);
  await assertRejects(() => inParallel(items, 3, work), Error, "the third");
  assertEquals(ended.length, begun - 1);
  assert(begun <= 5, `${begun} were begun`);
});

Deno.test("inParallel() of nothing does nothing", async () => {
  await inParallel([], 4, () => Promise.reject(new Error("called")));
});

import { assertEquals } from "@std/assert";
import { readAtMost } from "../../lib/body.ts";

/** A body of `parts` parts of three bytes, and what became of it. */
function body(parts: number) {
  const seen = { given: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (seen.given === parts) return controller.close();
      controller.enqueue(new Uint8Array([seen.given++, 0, 0]));
    },
    cancel: () => void (seen.cancelled = true),
  }, { highWaterMark: 0 });
  return { stream, seen };
}

Deno.test("readAtMost() gives a whole body up to the very byte", async () => {
  const { stream } = body(2);
  let told = 0;
  const bytes = await readAtMost(stream, 6, () => told++);
  assertEquals([bytes, told], [new Uint8Array([0, 0, 0, 1, 0, 0]), 2]);
  assertEquals(await readAtMost(null, 0), new Uint8Array());
});

Deno.test("readAtMost() reads no further than what is too much", async () => {
  const { stream, seen } = body(Infinity);
  assertEquals(await readAtMost(stream, 5), undefined);
  assertEquals(seen, { given: 2, cancelled: true });
});

Deno.test("readAtMost() takes no more memory for a body in many small parts, each a view of a large buffer", async () => {
  const parts = 20_000;
  let given = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (given === parts) return controller.close();
      // Filled, so that the system really gives the memory.
      controller.enqueue(new Uint8Array(65_536).fill(given++).subarray(0, 1));
    },
  }, { highWaterMark: 0 });
  const before = Deno.memoryUsage().rss;
  const bytes = await readAtMost(stream, parts);
  const grown = Deno.memoryUsage().rss - before;
  assertEquals([bytes?.length, bytes?.[300]], [parts, 300 % 256]);
  // All of them together are 1.3 GB.
  assertEquals(grown < 400_000_000, true, `${grown}`);
});

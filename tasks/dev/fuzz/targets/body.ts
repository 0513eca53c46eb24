/**
 * Target: bodies that a server sends in parts, each a view of a larger buffer.
 *
 * @module
 */
import { type Bytes, concat, equal } from "../../../../lib/bytes.ts";
import { readAtMost } from "../../../../lib/body.ts";
import { type Member, struct } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";

/** Most bytes of a body. */
const MAX_BYTES = 100_000;

/** A case: the lengths of the parts, each in two bytes. */
const lengths = (...given: number[]): Member[] => given.map((length) => ["u16be", length]);

/** Bodies and how their parts are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [
      sample([struct(lengths(1, 0, 16_383, 1, 40_000))]),
      sample([struct(lengths(...Array.from({ length: 100 }, () => 1)))]),
      sample([struct(lengths(65_535, 34_465))]),
    ],
    unit: 2,
    read: async (input) => {
      const parts = partsOf(partOf(input));
      const size = parts.reduce((sum, length) => sum + length, 0);
      const body = await readAtMost(streamOf(parts), MAX_BYTES);
      if ((body === undefined) !== (size > MAX_BYTES)) throw new WrongAnswer("its length is wrong");
      if (body && !equal(body, contentOf(parts))) {
        throw new WrongAnswer("it is another body");
      }
      return body;
    },
  });
}

function partsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length >> 1 }, (_, i) => view.getUint16(2 * i));
}

/** All parts in one. */
function contentOf(parts: readonly number[]): Bytes {
  return concat(parts.map((length, i) => new Uint8Array(length).fill(i % 256)));
}

function streamOf(parts: readonly number[]): ReadableStream<Uint8Array> {
  let i = 0;
  return new ReadableStream({
    pull(controller) {
      if (i === parts.length) return controller.close();
      const buffer = new Uint8Array(parts[i]! + 1).fill(i++ % 256);
      controller.enqueue(buffer.subarray(0, -1));
    },
  }, { highWaterMark: 0 });
}

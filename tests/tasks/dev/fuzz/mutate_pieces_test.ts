import { assert, assertEquals } from "@std/assert";
import { type Bytes, utf8 } from "../../../../lib/bytes.ts";
import { mutatePieces, type Work } from "../../../../tasks/dev/fuzz/mutate_pieces.ts";
import { joined, type Piece, struct, textPieces } from "../../../../tasks/dev/fuzz/pieces.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";

/** The last byte is the sum of those before. */
function seal(bytes: Bytes): void {
  if (bytes.length === 0) return;
  bytes[bytes.length - 1] = sumOf(bytes);
}

function sumOf(bytes: Bytes): number {
  return bytes.subarray(0, -1).reduce((sum, byte) => sum + byte, 0) & 0xff;
}

const record = (value: number): Piece => {
  const piece = struct([["u32le", value], ["text", "name", 8], ["u8", 0]], { seal, group: value });
  seal(piece.bytes);
  return piece;
};
const RECORDS = [1, 2, 3, 4].map(record);

function work(pieces: readonly Piece[] = RECORDS): Work {
  return { pieces: [...pieces], others: RECORDS, unit: 13, steps: [] };
}

Deno.test("mutatePieces() changes fields and pieces in every way, and the same for the same number", () => {
  const ways = new Set<string>();
  const before = joined(RECORDS).slice();
  for (let i = 0; i < 2000; i++) {
    const [one, two] = [work(), work()];
    mutatePieces(one, new Random(1, i), "grammar");
    mutatePieces(two, new Random(1, i), "grammar");
    assertEquals(joined(one.pieces), joined(two.pieces));
    for (const step of one.steps) {
      ways.add(step.replaceAll(/\d+/g, "#").split(" ").slice(0, 2).join(" "));
    }
  }
  assertEquals(joined(RECORDS), before);
  for (const way of ["leave out", "repeat piece", "repeat pieces", "move piece", "swap pieces"]) {
    assert(ways.has(way), `${way} of ${[...ways].join("; ")}`);
  }
});

Deno.test("mutatePieces() makes the sums of what it has changed right, mostly", () => {
  let sealed = 0, broken = 0;
  for (let i = 0; i < 1000; i++) {
    const one = work();
    mutatePieces(one, new Random(2, i), "grammar");
    for (const { bytes } of one.pieces) {
      if (bytes.length === 0) continue;
      if (bytes.at(-1) === sumOf(bytes)) sealed++;
      else broken++;
    }
  }
  assert(broken > 0 && broken < sealed / 20, `${broken} of ${sealed}`);
});

Deno.test("mutatePieces() reaches a number that leads back to its own beginning", () => {
  const values = new Set<number>();
  for (let i = 0; i < 3000; i++) {
    const one = work();
    mutatePieces(one, new Random(3, i), "grammar");
    for (const { bytes } of one.pieces) {
      if (bytes.length >= 4) {
        values.add(new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true));
      }
    }
  }
  for (const value of [-13, -26, 0, -1, 2 ** 31 - 1]) assert(values.has(value), String(value));
});

Deno.test("mutatePieces() changes what is inside of base64, with and without padding", () => {
  for (const text of ["QUJD".repeat(15), "QUJD".repeat(10) + "QUI"]) {
    const pieces = textPieces(text, [{ kind: "number", at: 4, size: 4, form: "u32be" }]);
    let inside = 0;
    for (let i = 0; i < 300; i++) {
      const one: Work = { pieces: [...pieces], others: [], unit: 1, steps: [] };
      mutatePieces(one, new Random(4, i), "grammar");
      const changed = new TextDecoder().decode(joined(one.pieces));
      if (
        one.steps.some((step) => step.includes("u32be at 4")) && /^[A-Za-z0-9+/]+$/.test(changed)
      ) {
        inside++;
      }
    }
    assert(inside > 10, `${inside}`);
  }
});

Deno.test("mutatePieces() copes with no pieces, and with pieces that are empty", () => {
  for (const pieces of [[], [{ bytes: new Uint8Array(), fields: [] }], textPieces("a")]) {
    for (const by of ["grammar", "bytes"] as const) {
      for (let i = 0; i < 200; i++) mutatePieces(work(pieces), new Random(5, i), by);
    }
  }
});

Deno.test("mutatePieces() repeats a piece up to many times, within bounds", () => {
  let longest = 0;
  for (let i = 0; i < 3000; i++) {
    const one = work([...RECORDS, ...textPieces(utf8("x").toString())]);
    mutatePieces(one, new Random(6, i), "grammar");
    longest = Math.max(longest, joined(one.pieces).length);
  }
  assert(longest > 100_000 && longest < 5_000_000, `${longest}`);
});

Deno.test("mutatePieces() moves and repeats hundreds of thousands of pieces", () => {
  const many = Array.from({ length: 200_000 }, () => ({ ...RECORDS[0]!, group: 1 }));
  for (let i = 0; i < 20; i++) mutatePieces(work(many), new Random(7, i), "grammar");
});

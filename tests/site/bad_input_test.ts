/** Whatever is wrong in the fleet's files: one message, with file, line, column and what to do about it, soon. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { loadFleet, parseFleet } from "../../site/fleet/fleet.ts";
import { FakeHost } from "../support/fake_host.ts";
import { ROWS } from "./bad_input_table.ts";
import { RECIPIENTS } from "./support.ts";

const MARK = "⟦";
/** No file may take longer, however bad it is; machines that run tests are slow at times. */
const MAX_MS = 5000;

/** The source without its mark, and where that was: line and column from 1. */
function unmarked(given: string): { source: string; place: string } {
  const [before = "", ...rest] = given.split(MARK);
  assertEquals(rest.length, 1, "one mark is needed");
  const lines = before.split("\n");
  return { source: before + rest[0], place: `${lines.length}:${lines.at(-1)!.length + 1}` };
}

/** The one message for these files. */
function messageOf(files: ReadonlyMap<string, string>): string {
  const start = performance.now();
  const error = assertThrows(() => parseFleet(files), UserError);
  assert(performance.now() - start < MAX_MS, "it took too long");
  assertEquals(error.hint, undefined, "more than one message");
  assertEquals(error.message.includes("\n"), false);
  return error.message;
}

Deno.test("the table of bad input has at least 200 rows, each of another kind", () => {
  assert(ROWS.length >= 200, `${ROWS.length} rows`);
  assertEquals(
    new Set(ROWS.map(([what, path, source]) => `${what} ${path} ${source}`)).size,
    ROWS.length,
  );
});

for (const [what, path, marked, message, others = {}] of ROWS) {
  Deno.test(`a fleet is refused: ${what}`, () => {
    const { source, place } = unmarked(marked);
    const told = messageOf(new Map([...Object.entries(others), [path, source]]));
    const start = `Cannot read the fleet: nodes/${path}:${place}: `;
    assertEquals(told.slice(0, start.length), start, told);
    assert(told.includes(message), told);
    assert(told.length < 400, `${told.length} characters`);
  });
}

const NODE = `recipient: ${RECIPIENTS[0]}\n`;
const nine = (name: string) => Array(9).fill(`*${name}`).join(", ");
const BIG = 10 * 1024 * 1024;
const BOMBS: [what: string, source: string, message: string][] = [
  ["a text of 10 MB", `${NODE}notes: ${"x".repeat(BIG)}\n`, "1:1: is over 8388608 characters"],
  ["lines of 10 MB", `${NODE}notes: |\n${"  line\n".repeat(BIG / 7)}`, "1:1: is over"],
  ["blanks of 10 MB", NODE + " ".repeat(BIG), "1:1: is over"],
  ["notes of 4 MB", `${NODE}notes: ${"x".repeat(4 << 20)}\n`, "2:8: notes must be at most 65536"],
  ["a key of 4 MB", `${NODE}${"k".repeat(4 << 20)}: x\n`, "2:1: "],
  [
    "a billion laughs",
    `${NODE}a: &a [${Array(9).fill("x").join(", ")}]\n` +
    [..."bcdefghij"].map((name, i) => `${name}: &${name} [${nine("abcdefghi"[i]!)}]\n`).join(""),
    "alias",
  ],
  [
    "quadratic aliases",
    `${NODE}a: &a [${Array(2000).fill("x").join(", ")}]\nb: [${
      Array(2000).fill("*a").join(", ")
    }]\n`,
    "alias",
  ],
  ["an alias of itself", `${NODE}config: &a {users: *a}\n`, "2:20: is an alias of what it is in"],
  ["lists 5,000 deep", `${NODE}notes: ${"[".repeat(5000)}${"]".repeat(5000)}\n`, ""],
  ["lists 100,000 deep, open", `${NODE}notes: ${"[".repeat(100_000)}\n`, ""],
  [
    "mappings 3,000 deep",
    NODE + Array.from({ length: 3000 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
    "",
  ],
];
for (const [what, source, message] of BOMBS) {
  Deno.test(`a fleet is refused soon: ${what}`, () => {
    const told = messageOf(new Map([["n.yaml", source]]));
    assert(/^Cannot read the fleet: nodes\/n\.yaml:\d+:\d+: /.test(told), told.slice(0, 300));
    assert(told.includes(message), told.slice(0, 300));
    assert(told.length < 400, `${told.length} characters`);
  });
}

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const utf16 = (text: string) => Uint8Array.from([...text].flatMap((l) => [l.charCodeAt(0), 0]));
const ENCODINGS: [what: string, data: Uint8Array<ArrayBuffer>, place: string][] = [
  ["Latin-1", bytes(`${NODE}notes: caf\xe9\n`), "2:11"],
  ["half a letter", bytes(`${NODE}notes: a\xc3\n`), "2:9"],
  ["a surrogate in UTF-8", bytes(`${NODE}notes: \xed\xa0\x80\n`), "2:8"],
  ["an overlong letter", bytes(`${NODE}notes: \xc0\xaf\n`), "2:8"],
  ["UTF-16", Uint8Array.from([0xff, 0xfe, ...utf16(NODE)]), "1:1"],
  ["a gzip file", Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), "1:2"],
  ["a null", bytes(`${NODE}notes: a\0b\n`), "2:9"],
  ["a control character", bytes(`${NODE}notes: a\x1b[31mb\n`), "2:9"],
];
for (const [what, data, place] of ENCODINGS) {
  Deno.test(`a file of the fleet is refused: ${what}`, async () => {
    const host = new FakeHost();
    host.put("/nodes/n.yaml", data);
    const { message, hint } = await assertRejects(() => loadFleet(host, "/nodes"), UserError);
    assertEquals(hint, undefined);
    assert(message.startsWith(`Cannot read the fleet: /nodes/n.yaml:${place}: `), message);
    assert(message.includes("not"), message);
  });
}

/**
 * Changes JSON by what it means: values of other kinds and sizes, keys that are missing, unknown or mean something to
 * JavaScript, lists that are long, nesting that is deep. What comes out is JSON, in its canonical spelling.
 *
 * @module
 */
import { type Bytes, text, utf8 } from "../../../lib/bytes.ts";
import { canonicalJson } from "../../../lib/json.ts";
import type { Random } from "./random.ts";
import { shownWord, tellingWord } from "./words.ts";

/** Values of every kind that a schema may have forgotten. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  -1e308,
  2 ** 53,
  "",
  "0",
  [],
  {},
  [[]],
  [null],
  { a: null },
  JSON.parse('{"__proto__":{"a":1},"constructor":1}'),
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59Z",
];
const KEYS = ["__proto__", "constructor", "prototype", "toString", "", "a.b", "\u2028", "0", "x"];
const MANY = 5000;
/** Stands for nesting that can only be written as text: making it of values takes as much stack as reading it. */
const DEEP = "deep-";
const DEPTHS = [10, 70, 20_000];

interface Place {
  holder: Record<string, unknown> | unknown[];
  key: string | number;
  path: string;
}

/** The text of `json` with one to three changes, and what was done. */
export function mutateJson(json: Bytes, random: Random): { bytes: Bytes; steps: string[] } {
  const root = { value: JSON.parse(text(json)) as unknown };
  const steps: string[] = [];
  for (let i = random.once(3) ? 1 + random.below(2) : 0; i >= 0; i--) {
    steps.push(change(root, random));
  }
  root.value ??= null;
  if (random.once(40)) {
    return { bytes: respelled(root.value, random), steps: [...steps, "spell it oddly"] };
  }
  return { bytes: nested(canonicalJson(root.value), steps), steps };
}

/** The text with nesting where it is asked for. */
function nested(json: Bytes, steps: readonly string[]): Bytes {
  if (!steps.some((step) => step.endsWith(" deep"))) return json;
  return utf8(
    text(json).replaceAll(/"deep-(list|map):(\d+)"/g, (_, kind, digits) => {
      const [open, close] = kind === "list" ? ["[", "]"] : ['{"a":', "}"];
      return `${open.repeat(Number(digits))}0${close.repeat(Number(digits))}`;
    }),
  );
}

function change(root: { value: unknown }, random: Random): string {
  const { holder, key, path } = random.pick(places(root));
  const old = (holder as Record<string | number, unknown>)[key];
  const set = (value: unknown, what: string) => {
    // Plain assignment would make a prototype of one key.
    Object.defineProperty(holder, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return `${path}: ${what}`;
  };
  switch (random.below(10)) {
    case 0: {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return `${path}: left out`;
    }
    case 1: {
      const name = random.pick(KEYS);
      const value = oddValue(random);
      if (typeof old !== "object" || old === null || Array.isArray(old)) {
        return set({ [name]: 1 }, "a mapping");
      }
      return set(
        Object.fromEntries([...Object.entries(old), [name, value]]),
        `a key ${shownWord(name)}`,
      );
    }
    case 2: {
      if (!Array.isArray(old)) return set([old], "a list of it");
      const times = random.once(30) ? MANY : 2;
      const more = Array.from({ length: times }, () => old).flat().slice(0, MANY);
      return set(more, `${more.length} entries`);
    }
    case 3: {
      if (random.once(2) && Array.isArray(old)) return set(old.toReversed(), "turned round");
      const other = random.pick(places(root));
      const value = (other.holder as Record<string | number, unknown>)[other.key];
      return set(structuredClone(value), `what ${other.path} is`);
    }
    case 4: {
      if (!random.once(10)) return set(oddValue(random), "of another kind");
      const depth = random.pick(DEPTHS);
      return set(`${DEEP}${random.pick(["list", "map"])}:${depth}`, `${depth} levels deep`);
    }
    case 5:
    case 6:
      if (typeof old === "number") {
        const number = random.pick([0, 1, -1, old + 1, old - 1, -old, old + 0.5, 2 ** 31, 2 ** 53]);
        return set(number, String(number));
      }
      return set(oddValue(random), "of another kind");
    default: {
      if (typeof old !== "string") return set(oddValue(random), "of another kind");
      const word = tellingWord(old, random);
      return set(word, shownWord(word));
    }
  }
}

/** A copy, as a later change may write into it. */
function oddValue(random: Random): unknown {
  return structuredClone(random.pick(VALUES));
}

/** Every value in the tree, by what holds it; of long lists the beginning. */
function places(root: { value: unknown }): Place[] {
  const found: Place[] = [];
  const todo: Place[] = [{ holder: root, key: "value", path: "$" }];
  for (let place = todo.pop(); place && found.length < 300; place = todo.pop()) {
    found.push(place);
    const value = (place.holder as Record<string | number, unknown>)[place.key];
    if (typeof value !== "object" || value === null) continue;
    const holder = value as Record<string, unknown> | unknown[];
    for (const key of Object.keys(holder).slice(0, 40)) {
      const inList = Array.isArray(holder);
      todo.push({
        holder,
        key: inList ? Number(key) : key,
        path: `${place.path}.${key.slice(0, 20)}`,
      });
    }
  }
  return found;
}

/** The same value in another spelling, or one that no reader may take. */
function respelled(value: unknown, random: Random): Bytes {
  const plain = JSON.stringify(value) ?? "null";
  switch (random.below(5)) {
    case 0:
      return utf8(plain);
    case 1:
      return utf8(`\ufeff${plain}`);
    case 2:
      return utf8(plain.replace(/"([^"]*)":/, '"$1":null,"$1":'));
    case 3:
      return utf8(plain.replaceAll(/\d+/g, (digits) => `${digits}.0e0`));
    default:
      return utf8(`${plain}\n${plain}`);
  }
}

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseDocument } from "yaml";
import { appendItem, putArmored } from "../../../site/fleet/yaml_edit.ts";
import { type ParsedYaml, parseYaml } from "../../../site/fleet/yaml_file.ts";
import { pathKey, plainText, quoted } from "../../../site/fleet/yaml_text.ts";
import { NOT_ONLY_TEXT } from "../yaml_words.ts";

const ARMORED = "-----BEGIN AGE ENCRYPTED FILE-----\nQUJD\n-----END AGE ENCRYPTED FILE-----\n";

/** What readers of both versions of YAML make of `source`; they know dates and sexagesimals, too. */
function readings(source: string): unknown[] {
  return (["1.2", "1.1"] as const).map((version) => {
    const document = parseDocument(source, { version, logLevel: "error" });
    assertEquals([...document.errors, ...document.warnings], [], source);
    return document.toJS();
  });
}

function parsed(source: string): ParsedYaml {
  const given = parseYaml("nodes/x.yaml", source);
  if (Array.isArray(given)) throw new Error(JSON.stringify(given));
  return given;
}

/** Any text, and often such as YAML takes for something else. */
const anyText = fc.oneof(
  fc.constantFrom(...NOT_ONLY_TEXT),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."0123456789_.:-+xobeE~#&*!|>'\"%@`,[]{}? \tyn") }),
);

Deno.test("plainText() is read as the text that it was, as a value, a key and in flow", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const word = plainText(text);
      const ours = [`a: ${word} # c\n`, `? ${word}\n: b\n`, `[${word}, ${word}]\n`];
      const expected = [{ a: text }, { [text]: "b" }, [text, text]];
      // A key of this name is no key for JavaScript; fleets have none.
      if (text === "__proto__") return;
      for (const [i, source] of ours.entries()) {
        for (const reading of readings(source)) assertEquals(reading, expected[i], source);
        assertEquals(parsed(source).value, expected[i]);
      }
    }),
    { numRuns: 2000, examples: NOT_ONLY_TEXT.map((one) => [one]) },
  );
});

Deno.test("plainText() has no quotes where none are needed", () => {
  for (
    const text of ["lab", "/etc/k3s/token", "age1qqq", "ssh-ed25519 AAAA+/= alpha", "a.b-c", "nose"]
  ) {
    assertEquals(plainText(text), text);
  }
});

Deno.test("quoted() escapes what YAML's texts must not hold", () => {
  assertEquals(quoted("a\x7f\x85\u2028\ufeffb"), '"a\\u007f\\u0085\\u2028\\ufeffb"');
});

Deno.test("putArmored() can add below any name, in lines and in braces", () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom("", "private: {}\n", "{}\n", "private:\n  z: 1\n"), (
      name,
      source,
    ) => {
      if (["__proto__", "z"].includes(name)) return;
      const edited = putArmored(parsed(source), ["private", name, "content"], ARMORED);
      assertEquals(parsed(edited).sealed.map(({ path }) => path), [["private", name, "content"]]);
    }),
    { numRuns: 500, examples: NOT_ONLY_TEXT.map((one) => [one, ""]) },
  );
});

const LISTS: [what: string, source: string, expected: string][] = [
  ["a block", "# c\na:\n  - x # x\n\nz: 1\n", "# c\na:\n  - x # x\n  - 'new'\n\nz: 1\n"],
  ["a block at the key's own column", "a:\n- x\nz: 1\n", "a:\n- x\n- 'new'\nz: 1\n"],
  ["a block without a last newline", "a:\n    - x", "a:\n    - x\n    - 'new'\n"],
  ["a block with line ends of DOS", "a:\r\n  - x\r\n", "a:\r\n  - x\r\n  - 'new'\r\n"],
  ["brackets", "a: [x] # c\n", "a: [x, 'new'] # c\n"],
  ["brackets with a last comma", "a: [x, ]\n", "a: [x, 'new', ]\n"],
  ["empty brackets", "a: []\n", "a: ['new']\n"],
  ["a file in braces", "{a: [x], b: 1}\n", "{a: [x, 'new'], b: 1}\n"],
];
for (const [what, source, expected] of LISTS) {
  Deno.test(`appendItem() adds to ${what}, and nothing else changes`, () => {
    assertEquals(appendItem(parsed(source), "a", "2024"), expected.replace("'new'", '"2024"'));
  });
}

Deno.test("pathKey() is the same for an index and its digits, and for no two other paths", () => {
  assertEquals(pathKey(["a", 0]), pathKey(["a", "0"]));
  const paths = [["a", "b"], ["a\0b"], ["a.b"], ['a","b'], ["a", "b", ""]];
  assertEquals(new Set(paths.map(pathKey)).size, paths.length);
});

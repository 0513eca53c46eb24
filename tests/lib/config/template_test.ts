import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { mergedProblems } from "../../../lib/config/mod.ts";
import { rendered, templateProblem } from "../../../lib/config/template.ts";

const FACTS = {
  name: "alpha",
  tags: ["edge", "gpu"],
  addresses: [
    ["eth0", "192.0.2.5/24"],
    ["eth0", "192.0.2.6/24"],
    ["eth0", "2001:db8::5/64"],
    ["br-lan.7", "2001:db8::7/64"],
  ],
} as const;

Deno.test("rendered() fills in facts, and leaves all other braces", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["a { b } }} c", "a { b } }} c"],
    ["{{name}} is {{ tags }}", "alpha is edge,gpu"],
    [
      "{{address.eth0}} {{address6.eth0}} {{\taddress6.br-lan.7 }}",
      "192.0.2.5 2001:db8::5 2001:db8::7",
    ],
    ["{{{{name}}", "{{name}}"],
    ["{{{{ {{name}} }}", "{{ alpha }}"],
    ["{ {{name}} }", "{ alpha }"],
  ];
  for (const [template, text] of cases) {
    assertEquals(templateProblem(template), undefined, template);
    assertEquals(rendered(template, FACTS), { text });
  }
  assertEquals(rendered("{{tags}}", { ...FACTS, tags: [] }), { text: "" });
});

Deno.test("rendered() says which address a node has not got", () => {
  assertEquals(rendered("{{address.eth1}}", FACTS), { lacks: "eth1 has no IPv4 address" });
  assertEquals(rendered("{{address.br-lan.7}}", FACTS), { lacks: "br-lan.7 has no IPv4 address" });
  assertEquals(rendered("{{address6.lo}}", FACTS), { lacks: "lo has no IPv6 address" });
});

Deno.test("templateProblem() refuses what is no fact with its line, and tells nothing of the text", () => {
  const bad = [
    "{{",
    "{{nmae}}",
    "{{ }}",
    "{{address}}",
    "{{address.}}",
    "{{address.a b}}",
    "{{{name}}}",
  ];
  for (const text of bad) {
    const problem = templateProblem(`hunter2\n{{name}} ${text}`);
    assertMatch(
      problem ?? "",
      /^line 2 has \{\{…\}\} that is no fact of a node: there are \{\{name\}\}/,
      text,
    );
    assertEquals(problem!.includes("nmae") || problem!.includes("hunter2"), false);
    assertEquals(rendered(text, FACTS).text, undefined);
  }
});

Deno.test("any text comes out as it was once its double braces are doubled", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("{", "}", "name", " ", "\n") }), (text) => {
      // Of an odd number in a row the last stands alone, and must not begin a fact with the next.
      fc.pre(!/\{{3}/.test(text));
      assertEquals(rendered(text.replaceAll("{{", "{{{{"), FACTS), { text });
    }),
  );
});

Deno.test("the build refuses templates with their place", () => {
  assertEquals(
    mergedProblems({
      files: {
        "/a": { content: "{{name}}", template: true },
        "/b": { content: "{{other}}" },
        "/c": { content: "x\n{{other}}", template: true },
        "/d": { content: "AAAA", encoding: "base64", template: true },
      },
    }).map(({ path, message }) => [path, message.split(":")[0], message.split(":")[1]]),
    [
      [["files", "/c"], "files./c", " line 2 has {{…}} that is no fact of a node"],
      [["files", "/d"], "files./d", " a template must be text, without encoding"],
    ],
  );
});

import { assertEquals } from "@std/assert";
import { escapeHtml, markup } from "../../../site/page/html.ts";

Deno.test("markup escapes what is put in, and nothing twice", () => {
  const inner = markup`<b title="${`"'`}">${"<i>&amp;"}</b>`;
  assertEquals(inner.text, '<b title="&quot;&#39;">&lt;i&gt;&amp;amp;</b>');
  assertEquals(
    markup`<p>${inner}${[inner, "&"]}</p>`.text,
    `<p>${inner.text}${inner.text}&amp;</p>`,
  );
});

Deno.test("markup takes numbers, lists and nothing", () => {
  assertEquals(markup`${0}|${undefined}|${[1, [2, "<"]]}`.text, "0||12&lt;");
});

Deno.test("escapeHtml() leaves no control character but tab and newline", () => {
  const all = String.fromCharCode(...Array.from({ length: 0x20 }, (_, i) => i), 0x7f);
  const kept = [...escapeHtml(all)].filter((character) => character !== "\ufffd");
  assertEquals(kept, ["\t", "\n"]);
  assertEquals(escapeHtml("ä日🜁"), "ä日🜁");
});

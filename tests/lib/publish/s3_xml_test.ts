import { assertEquals, assertThrows } from "@std/assert";
import { childText, parseXml, XmlError } from "../../../lib/publish/s3_xml.ts";

Deno.test("parseXml() reads a listing as servers send it", () => {
  const root = parseXml(
    `<?xml version="1.0" encoding="UTF-8"?>
<!-- a proxy was here -->
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
  <Contents><Key>a &lt;b&gt; &amp;amp; &#34;c&#x22; &apos;&quot;</Key><Size>7</Size><Owner/></Contents>
  <Contents><Key><![CDATA[<raw> & so]]></Key><Size> 8 </Size></Contents>
</ListBucketResult>
`,
  );
  assertEquals([root.name, childText(root, "IsTruncated")], ["ListBucketResult", "false"]);
  const contents = root.children.filter(({ name }) => name === "Contents");
  assertEquals(contents.map((row) => childText(row, "Key")), [
    `a <b> &amp; "c" '"`,
    "<raw> & so",
  ]);
  assertEquals(childText(contents[0]!, "Owner"), "");
  assertEquals(childText(contents[0]!, "None"), undefined);
});

const WRONG: [string, string][] = [
  ["nothing", ""],
  ["text alone", "hello"],
  ["two roots", "<a/><b/>"],
  ["text beside the root", "<a/>b"],
  ["what is not closed", "<a><b></b>"],
  ["what is closed twice", "<a></a></a>"],
  ["what is closed in another order", "<a><b></a></b>"],
  ["a tag without an end", "<a><b"],
  ["a comment without an end", "<a/><!-- "],
  ["a tag without a name", "<a>< b></a>"],
  ["a document type", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
  ["too many levels", "<a>".repeat(17) + "</a>".repeat(17)],
  ["too many elements", `<L>${"<a/>".repeat(200_000)}</L>`],
  ["too many comments", `<L>${"<!---->x".repeat(200_000)}</L>`],
  ["too many entities in one text", `<L>${"&lt;".repeat(20_000)}</L>`],
];

for (const [name, source] of WRONG) {
  Deno.test(`parseXml() refuses ${name}`, () => {
    assertThrows(() => parseXml(source), XmlError);
  });
}

Deno.test("parseXml() leaves what is no entity, and takes no number beyond the last character", () => {
  assertEquals(
    parseXml("<a>&x; & &#x110000; &constructor;</a>").text,
    "&x; & \ufffd &constructor;",
  );
});

Deno.test("parseXml() reads the longest page that S3 sends, and ten times as many keys", () => {
  const key = "&amp;".repeat(1024);
  const facts = [
    "LastModified",
    "ETag",
    "ChecksumAlgorithm",
    "ChecksumType",
    "Size",
    "StorageClass",
  ];
  const of = (names: readonly string[]) => names.map((name) => `<${name}>x</${name}>`).join("");
  const owner = `<Owner>${of(["DisplayName", "ID"])}</Owner>`;
  const restore = `<RestoreStatus>${
    of(["IsRestoreInProgress", "RestoreExpiryDate"])
  }</RestoreStatus>`;
  const row = (name: string, more = "") =>
    `<Contents><Key>${name}</Key>${of(facts)}${more}</Contents>`;
  const page = `<ListBucketResult>${row(key, owner + restore).repeat(1000)}</ListBucketResult>`;
  assertEquals(childText(parseXml(page).children.at(-1)!, "Key"), "&".repeat(1024));
  assertEquals(parseXml(`<L>${row("k").repeat(10_000)}</L>`).children.length, 10_000);
});

Deno.test("parseXml() takes time in proportion to the text", () => {
  const rows = "<Contents><Key>psyopsOS/a&amp;b</Key></Contents>".repeat(49_000);
  const start = performance.now();
  assertEquals(parseXml(`<L>${rows}</L>`).children.length, 49_000);
  for (const odd of ["<", "&", "<a ", "<!--", "]]>", "&#", "<a/>"]) {
    try {
      parseXml(`<L>${odd.repeat(300_000)}</L>`);
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
    }
  }
  const seconds = (performance.now() - start) / 1000;
  assertEquals(seconds < 10, true, `${seconds} s`);
});

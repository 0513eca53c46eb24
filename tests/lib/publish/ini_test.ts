import { assertEquals } from "@std/assert";
import { parseSections } from "../../../lib/publish/ini.ts";

/** As plain objects. */
function sections(source: string): Record<string, Record<string, string>> {
  return Object.fromEntries(
    [...parseSections(source)].map(([name, values]) => [name, Object.fromEntries(values)]),
  );
}

Deno.test("parseSections() reads sections, values, comments and nested values", () => {
  const source = `# at the top
[default]
region = eu-west-1
aws_secret_access_key=ab/cd+ef==
; another comment
[profile   fleet ] # says who
s3 =
    addressing_style = path
    max_concurrent_requests=4
endpoint_url = http://127.0.0.1:9000 # mine
region = x
`;
  assertEquals(sections(source), {
    default: { region: "eu-west-1", aws_secret_access_key: "ab/cd+ef==" },
    "profile fleet": {
      s3: "",
      "s3.addressing_style": "path",
      "s3.max_concurrent_requests": "4",
      endpoint_url: "http://127.0.0.1:9000",
      region: "x",
    },
  });
});

Deno.test("parseSections() joins a section that comes twice, and skips what it can't read", () => {
  const source = "stray = 1\n[a]\r\nx = 1\r\nno value here\n[b]\n[a]\ny = 2\n[a\nz = 3\n";
  assertEquals(sections(source), { a: { x: "1", y: "2", z: "3" }, b: {} });
  assertEquals(sections(""), {});
});

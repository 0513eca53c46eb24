import { assert, assertEquals, assertThrows } from "@std/assert";
import { AwsFileError, parseAwsFile, wordsOf } from "../../../lib/publish/aws_ini.ts";

/** As plain objects. */
function sections(source: string): Record<string, Record<string, unknown>> {
  const file = parseAwsFile(source);
  return Object.fromEntries(
    file.names.map((name) => [
      name,
      Object.fromEntries(
        [...file.section(name)!].map(([key, value]) => [
          key,
          typeof value === "string" ? value : Object.fromEntries(value),
        ]),
      ),
    ]),
  );
}

Deno.test("parseAwsFile() reads sections, keys, comments, values over lines and keys within values", () => {
  const source = `# at the top
[default]
region = eu-west-1
aws_secret_access_key=ab/cd+ef==
; another comment
[profile   fleet] # says who
s3 =
    addressing_style = path

    max_concurrent_requests=4
Endpoint_URL: http://127.0.0.1:9000 # mine
region = x
  y
`;
  assertEquals(sections(source), {
    default: { region: "eu-west-1", aws_secret_access_key: "ab/cd+ef==" },
    "profile   fleet": {
      s3: { addressing_style: "path", max_concurrent_requests: "4" },
      endpoint_url: "http://127.0.0.1:9000 # mine",
      region: "x\ny",
    },
  });
  assertEquals(sections(""), {});
});

const WRONG: [string, string][] = [
  ["[a]\nx = 1\n[b]\n[a]\ny = MARKED\n", "line 4: [a] comes twice"],
  ["[a]\nx = 1\nX = MARKED\n", "line 3: x comes twice in its section"],
  ["stray = MARKED\n", "line 1: it belongs to no [section]"],
  ["[a]\nMARKED\n", "line 2: it is no section, key or comment"],
  ["[a]\n= MARKED\n", "line 2: it is no section, key or comment"],
  ["[a\nx = MARKED\n", "line 1: it belongs to no [section]"],
  ["[a]\ns3 =\n  MARKED\n", "[a] s3: a line in it is no key = value"],
];

for (const [source, says] of WRONG) {
  Deno.test(`parseAwsFile() says: ${says}`, () => {
    const { message } = assertThrows(() => parseAwsFile(source), AwsFileError);
    assertEquals(message, says);
  });
}

Deno.test("parseAwsFile() repeats no more of a name than tells which it is", () => {
  const long = "n".repeat(4000);
  for (const source of [`[${long}]\n[${long}]`, `[a]\n${long}=\n${long}=`, `[a]\n${long}=\n  x`]) {
    const { message } = assertThrows(() => parseAwsFile(source), AwsFileError);
    assert(message.includes("nnn…") && message.length < 200, message);
  }
});

const WORDS: [string, string[] | undefined][] = [
  ["profile fleet", ["profile", "fleet"]],
  ["  a\tb ", ["a", "b"]],
  [`a "b c" 'd "e' f'g h'"i"`, ["a", "b c", 'd "e', "fg hi"]],
  [String.raw`a\ b "c\"d\e" 'f\'`, ["a b", String.raw`c"d\e`, "f\\"]],
  ["", []],
  ["''", [""]],
  [`a "b`, undefined],
  ["a 'b", undefined],
  ["a\\", undefined],
];

for (const [name, words] of WORDS) {
  Deno.test(`wordsOf() splits ${name || "nothing"} as a shell does`, () => {
    assertEquals(wordsOf(name), words);
  });
}

Deno.test("parseAwsFile() and wordsOf() take time in proportion to the text", () => {
  const blanks = " ".repeat(300_000);
  const start = performance.now();
  for (const odd of [`k${blanks}1`, `k =${blanks}1`, `[a${blanks}`, `[b${blanks}]`, `=${blanks}`]) {
    try {
      sections(`[x]\n${odd}\n`);
    } catch (error) {
      if (!(error instanceof AwsFileError)) throw error;
    }
  }
  const keys = Array.from({ length: 20_000 }, (_, i) => `k${i} = 1`).join("\n");
  const many = Array.from({ length: 20_000 }, (_, i) => `[s${i}]`).join("\n");
  assertEquals(parseAwsFile(`[DEFAULT]\n${keys}\n${many}\n`).names.length, 20_000);
  for (
    const one of [
      blanks,
      '"'.repeat(300_001),
      `"${blanks}`,
      "\\".repeat(300_001),
      "a".repeat(300_000),
    ]
  ) {
    wordsOf(one);
  }
  assert(performance.now() - start < 5000);
});

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { labDefinition, parseDefinition } from "../../../lib/image/definition.ts";

const FILE = "overlay/image.yaml";
const source = await Deno.readTextFile(FILE);

/** The message for the definition with one part replaced. */
function messageFor(from: string, to: string): string {
  const changed = source.replace(from, to);
  if (changed === source) throw new Error(`${JSON.stringify(from)} is not in ${FILE}`);
  return assertThrows(() => parseDefinition(changed), UserError).message;
}

Deno.test("parseDefinition() reads the project's own image.yaml", () => {
  const definition = parseDefinition(source);
  assertEquals(definition.name, "psyopsOS");
  assertEquals(definition.services.default, ["psyopsos-agent"]);
});

Deno.test("parseDefinition() names the nearest key of an unknown one, with its place", () => {
  assertEquals(
    messageFor("  flavour: virt", "  flavor: virt").replace(/:\d+:/, ":N:"),
    `Cannot read ${FILE}:N:3: unknown key kernel.flavor, did you mean flavour?`,
  );
  assertEquals(
    messageFor("\npackages:", "\npackagess:").replace(/:\d+:/, ":N:"),
    `Cannot read ${FILE}:N:1: unknown key packagess, did you mean packages?`,
  );
});

Deno.test("parseDefinition() gives the line of a wrong value", () => {
  const line = source.split("\n").findIndex((text) => text.startsWith("disk:")) + 1;
  assertEquals(
    messageFor("sizeMiB: 512", "sizeMiB: large"),
    `Cannot read ${FILE}:${line}:8: disk.sizeMiB must be a number`,
  );
});

Deno.test("parseDefinition() refuses values of the wrong kind", () => {
  const cases: [string, string, RegExp][] = [
    ["modules: all", "modules: 3", /kernel\.modules must be all, or a list/],
    ["modules: all", "modules: [a b]", /kernel\.modules/],
    ["- busybox-openrc", "- 'a b'", /packages\.\d+ must be a package name/],
    ['"0600"', "0600", /must be four octal digits/],
    ["50-psyopsos.conf: {", "../50-psyopsos.conf: {", /permissions/],
    ["klogd: 100", "klogd: 0", /accounts\.users\.klogd must be at least 1/],
    ["panic=10", "panic=10\\n", /./],
    ["level: 15", "level: 23", /squashfs\.level must be at most 22/],
    ["main\n", "main/\n", /repositories\.0\.url/],
    [/sha256: \w+/.exec(source)![0], "sha256: 00ff", /keys\.0\.sha256 must be a SHA-256 in 64 hex/],
    ["flavour: virt\n", "flavour: virt\n  flavour: lts\n", /Map keys must be unique/],
    ["disk: {sizeMiB: 512}\n", "", /disk is missing/],
  ];
  for (const [from, to, expected] of cases) {
    const message = from === "panic=10"
      ? messageFor("cmdline: console=tty0", 'cmdline: "a\\tb" #')
      : messageFor(from, to);
    assertEquals(expected.test(message), true, message);
  }
});

Deno.test("parseDefinition() refuses aliases, other documents and oversized files", () => {
  const texts = ["", "- a", "name: &x a\nboot: *x", "a: 1\n---\nb: 2", "x".repeat(300_000)];
  for (const text of texts) assertThrows(() => parseDefinition(text), UserError);
  // Short enough, but of many parts.
  assertThrows(() => parseDefinition(`[${",".repeat(250_000)}]`), UserError, "words, blanks");
});

for (
  const [what, source, message] of [
    ["a tag whose content would be dropped", "permissions: !!omap [a: b]", "1:21: tags (!…) are"],
    ["a key that would have another name", "0x10: a", "1:1: a key must be text"],
    ["YAML 1.1", "%YAML 1.1\n---\na: no", "1:1: must be YAML 1.2"],
  ] as const
) {
  Deno.test(`parseDefinition() refuses ${what}`, () => {
    const error = assertThrows(() => parseDefinition(source), UserError);
    assertStringIncludes(error.message, `overlay/image.yaml:${message}`);
  });
}

Deno.test("labDefinition() leaves out what the lab repository can't give", () => {
  const definition = parseDefinition(source);
  definition.lab.omit = { packages: ["deno"], services: ["syslog", "psyopsos-agent"] };
  const lab = labDefinition(definition);
  assertEquals(lab.packages.includes("deno"), false);
  assertEquals(lab.packages.length, definition.packages.length - 1);
  assertEquals(lab.services.default, []);
  assertEquals(lab.services.boot.includes("syslog"), false);
  assertEquals(lab.squashfs, definition.lab.squashfs);
});

Deno.test("parseDefinition() quotes no more of an unknown key than tells which it is", () => {
  const message = messageFor("\npackages:", `\n${"k".repeat(1000)}: 1\npackages:`);
  assertEquals([message.includes("unknown key kkk"), message.length < 300], [true, true]);
});

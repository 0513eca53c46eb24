import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  formatDependency,
  matches,
  parseDependency,
  parseProvide,
} from "../../../lib/apk/dependency.ts";
import { UserError } from "../../../lib/errors.ts";

Deno.test("parseDependency() reads names, operators, conflicts and tags", () => {
  assertEquals(parseDependency("/bin/sh"), { name: "/bin/sh", conflict: false, version: "" });
  assertEquals(parseDependency("!so:libc.musl-x86_64.so.1>=1.2"), {
    name: "so:libc.musl-x86_64.so.1",
    conflict: true,
    operator: ">=",
    version: "1.2",
  });
  assertEquals(parseDependency("k3s@edge~1.35"), {
    name: "k3s",
    conflict: false,
    operator: "~",
    version: "1.35",
    tag: "edge",
  });
});

Deno.test("formatDependency() undoes parseDependency()", () => {
  for (
    const text of [
      "a",
      "!a",
      "a=1-r0",
      "a<1",
      "a<=1",
      "a>1",
      "a>=1",
      "a~1",
      "a<~1",
      "a>~1",
      "a@t=1",
    ]
  ) assertEquals(formatDependency(parseDependency(text)), text);
  assertEquals(formatDependency(parseDependency("a~=1")), "a~1");
});

Deno.test("parseDependency() refuses what apk refuses, and quotes it", () => {
  const bad = [
    "",
    "!",
    "=1",
    "a=",
    "a==1",
    "a=x",
    "a<>1",
    "a b",
    "a@",
    "a@t@u",
    "!!a",
    "a".repeat(600),
  ];
  for (const text of bad) {
    assertThrows(() => parseDependency(text), UserError, "Cannot read the dependency", text);
  }
});

Deno.test("matches() lets only unversioned requests take an unversioned provide", () => {
  assert(matches(parseDependency("a"), undefined, ""));
  assert(matches(parseDependency("a"), "1", ""));
  assert(!matches(parseDependency("a>0"), undefined, ""));
  assert(matches(parseDependency("a>0"), "1", ""));
  assert(matches(parseDependency("a><Q1abc"), "1", "Q1abc"));
  assert(!matches(parseDependency("a><Q1abc"), "1", "Q1abd"));
});

Deno.test("parseProvide() splits at the first equals sign", () => {
  assertEquals(parseProvide("cmd:vi"), { name: "cmd:vi" });
  assertEquals(parseProvide("so:libz.so.1=1.3"), { name: "so:libz.so.1", version: "1.3" });
});

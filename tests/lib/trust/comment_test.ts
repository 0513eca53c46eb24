import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { type Facts, formatComment, isSitePath, parseComment } from "../../../lib/trust/comment.ts";

const HASH = "0123456789abcdef".repeat(4);
const FACTS: Facts = {
  type: "node",
  path: "psyopsOS/nodes/millennium.json",
  serial: 42,
  issued: "2026-11-22T20:00:00Z",
  sha256: HASH,
};
const COMMENT =
  `psyopsOS type=node path=psyopsOS/nodes/millennium.json serial=42 issued=2026-11-22T20:00:00Z sha256=${HASH}`;

Deno.test("formatComment() and parseComment() are inverse", () => {
  assertEquals(formatComment(FACTS), COMMENT);
  assertEquals(parseComment(COMMENT), FACTS);
  const { serial: _serial, issued: _issued, ...few } = FACTS;
  assertEquals(parseComment(formatComment(few)), few);
});

Deno.test("parseComment() takes any order and skips facts of later versions", () => {
  const other = `psyopsOS sha256=${HASH} channel=stable path=${FACTS.path} type=node`;
  assertEquals(parseComment(other).path, FACTS.path);
});

Deno.test("parseComment() refuses what it can't read without doubt", () => {
  const bad = [
    "",
    "timestamp:1\tfile:x\thashed",
    COMMENT.replace("psyopsOS", "psyopsos"),
    COMMENT.replace(" type=node", ""),
    COMMENT.replace("type=node", "type=toString"),
    COMMENT.replace("type=node", "type=Node"),
    COMMENT.replace(/ path=\S+/, ""),
    COMMENT.replace("nodes/", "../"),
    COMMENT.replace("path=psyopsOS", "path=/psyopsOS"),
    COMMENT.replace("serial=42", "serial=042"),
    COMMENT.replace("serial=42", "serial=0"),
    COMMENT.replace("serial=42", "serial=-1"),
    COMMENT.replace("serial=42", "serial=4e1"),
    COMMENT.replace("serial=42", "serial=9007199254740993"),
    COMMENT.replace("2026-11-22T20:00:00Z", "2026-11-22T20:00:00+00:00"),
    COMMENT.replace("2026-11-22T20:00:00Z", "2026-02-30T20:00:00Z"),
    COMMENT.replace(HASH, HASH.toUpperCase()),
    COMMENT.replace(HASH, HASH.slice(1)),
    COMMENT.replace(" serial", "  serial"),
    `${COMMENT} `,
    `${COMMENT} type=node`,
    `${COMMENT} type=global`,
    `${COMMENT} word`,
    `${COMMENT} x=ü`,
  ];
  for (const comment of bad) {
    assertEquals(
      assertThrows(() => parseComment(comment), RefusedError, undefined, comment).check,
      "malformed",
    );
  }
});

Deno.test("formatComment() refuses facts that would be read as others", () => {
  for (
    const wrong of [
      { path: "a b" },
      { path: "a type=global" },
      { path: "../x" },
      { serial: 0 },
      { serial: 1.5 },
      { issued: "yesterday" },
      { sha256: "" },
    ]
  ) {
    assertThrows(() => formatComment({ ...FACTS, ...wrong }), UserError, "Cannot sign");
  }
});

Deno.test("isSitePath() takes plain relative paths only", () => {
  for (const path of ["a", "psyopsOS/os/1.2+3/vmlinuz", "psyopsOS/tags/a-b_c/nodes.json"]) {
    assert(isSitePath(path), path);
  }
  for (
    const path of [
      "",
      "/a",
      "a/",
      "a//b",
      "a/../b",
      "..",
      ".",
      "a/.b",
      "a\\b",
      "a b",
      "a%2e",
      "a\n",
    ]
      .concat("x".repeat(256))
  ) assertFalse(isSitePath(path), path);
});

Deno.test("parseComment() repeats no word of a comment that is longer than keys are", () => {
  const key = "a".repeat(4000);
  const error = assertThrows(
    () => parseComment(`psyopsOS ${key}=1 ${key}=2`),
    RefusedError,
    "it is no list of key=value words",
  );
  assertEquals(error.message.length < 200, true);
});

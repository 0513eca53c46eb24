import { assertEquals } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import { answerFile, entityTag } from "../../../lib/lab/http_answer.ts";
import { sitePath } from "../../../lib/lab/site_server.ts";

const FILE = utf8("0123456789");

Deno.test("answerFile() gives a byte range, or says that it is outside", () => {
  const cases: [string, number, string][] = [
    ["bytes=0-3", 206, "0123"],
    ["bytes=8-", 206, "89"],
    ["bytes=8-100", 206, "89"],
    ["bytes=-2", 206, "89"],
    ["bytes=-100", 206, "0123456789"],
    ["bytes=10-", 416, ""],
    ["bytes=-0", 416, ""],
    ["bytes=5-2", 200, "0123456789"],
    ["bytes=0-1,3-4", 200, "0123456789"],
    ["lines=0-1", 200, "0123456789"],
    ["bytes=-", 200, "0123456789"],
  ];
  for (const [range, status, body] of cases) {
    const answer = answerFile({ method: "GET", range }, FILE);
    assertEquals([answer.status, text(answer.body)], [status, body], range);
  }
  const answer = answerFile({ method: "GET", range: "bytes=2-4" }, FILE);
  assertEquals(answer.headers["content-range"], "bytes 2-4/10");
});

Deno.test("answerFile() knows what the client has, and doesn't resume another file", () => {
  const etag = entityTag(FILE);
  assertEquals(answerFile({ method: "GET", ifNoneMatch: `"x", W/${etag}` }, FILE).status, 304);
  assertEquals(answerFile({ method: "GET", ifNoneMatch: '"x"' }, FILE).status, 200);
  assertEquals(answerFile({ method: "GET", range: "bytes=1-", ifRange: etag }, FILE).status, 206);
  assertEquals(answerFile({ method: "GET", range: "bytes=1-", ifRange: '"x"' }, FILE).status, 200);
});

Deno.test("answerFile() refuses other methods and says when there is nothing", () => {
  assertEquals(answerFile({ method: "POST" }, FILE).status, 405);
  assertEquals(answerFile({ method: "GET" }, undefined).status, 404);
});

Deno.test("sitePath() stays inside", () => {
  assertEquals(sitePath("/"), "index.html");
  assertEquals(sitePath("/psyopsOS/a%20b.json"), "psyopsOS/a b.json");
  for (const path of ["/../x", "/a/%2e%2e/x", "//x", "/a/./b", "/%ff"]) {
    assertEquals(sitePath(path), undefined, path);
  }
});

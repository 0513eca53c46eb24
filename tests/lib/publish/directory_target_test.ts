import { assertEquals, assertRejects } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import type { FileInfo } from "../../../lib/host.ts";
import { DirectoryTarget } from "../../../lib/publish/directory_target.ts";
import { inMemory, type ReadFile } from "../../../lib/publish/target.ts";
import { FakeHost } from "../../support/fake_host.ts";

const FACTS = { contentType: "text/plain", cacheControl: "no-cache", sha256: "" };
const put = (target: DirectoryTarget, path: string, text: string, before?: [ReadFile?]) =>
  target.put(path, inMemory(utf8(text)), FACTS, before && { before: before[0] });

Deno.test("DirectoryTarget puts, shows, lists and removes files", async () => {
  const host = new FakeHost();
  const target = new DirectoryTarget(host, "/srv/site");
  assertEquals(await target.get("a/b.json", 100), undefined);
  assertEquals(await target.stat("a"), undefined);
  await put(target, "a/b.json", "hello");
  await put(target, "a/c/d.json", "world!");
  await put(target, "e.html", "");
  assertEquals((await target.get("a/b.json", 100))?.bytes, utf8("hello"));
  host.clock = new Date(host.clock.getTime() + 90_000);
  assertEquals(await target.stat("a/b.json"), {
    size: 5,
    sha256: sha256Hex(utf8("hello")),
    ageMs: 90_000,
  });
  const listed = async (prefix: string) => {
    const found: string[] = [];
    for await (const { path, size, ageMs } of target.list(prefix)) {
      found.push(`${path} ${size} ${ageMs}`);
    }
    return found;
  };
  assertEquals(await listed("a/"), ["a/b.json 5 90000", "a/c/d.json 6 90000"]);
  assertEquals((await listed("")).length, 3);
  assertEquals(await listed("none/"), []);
  await target.remove("a/b.json");
  assertEquals(await target.stat("a/b.json"), undefined);
});

Deno.test("DirectoryTarget refuses what is too long, and what changed meanwhile", async () => {
  const target = new DirectoryTarget(new FakeHost(), "/srv/site");
  await put(target, "t.json", "first", []);
  const first = await target.get("t.json", 100);
  await assertRejects(() => target.get("t.json", 4), UserError, "is longer than 4 bytes");
  await put(target, "t.json", "second", [first]);
  for (const old of [[first], []] as [ReadFile?][]) {
    await assertRejects(() => put(target, "t.json", "x", old), UserError, "somebody else");
  }
  assertEquals((await target.get("t.json", 100))?.bytes, utf8("second"));
});

Deno.test("DirectoryTarget compares by content, whatever the time and size say", async () => {
  const target = new DirectoryTarget(new FakeHost(), "/srv/site");
  await put(target, "a", "first");
  const [file] = await Array.fromAsync(target.list(""));
  const holds = (text: string) => target.holds(file!, inMemory(utf8(text)));
  assertEquals([await holds("first"), await holds("fiRst"), await holds("f")], [
    true,
    false,
    false,
  ]);
});

Deno.test("DirectoryTarget names what lies in the place of a file or folder, and neither reads nor replaces it", async () => {
  const cases: [path: string, kind: FileInfo["kind"], state: string][] = [
    ["/srv/site/a/t.json", "directory", "/srv/site/a/t.json is a directory, not a file"],
    ["/srv/site/a/t.json", "other", "/srv/site/a/t.json is a pipe or a socket, not a file"],
    ["/srv/site/a/t.json", "symlink", "/srv/site/a/t.json is a symbolic link, not a file"],
    ["/srv/site/a", "file", "/srv/site/a is a file, not a directory"],
    ["/srv/site", "other", "/srv/site is a pipe or a socket, not a directory"],
  ];
  for (const [path, kind, state] of cases) {
    const host = new FakeHost();
    host.put(path, "");
    host.nodes.get(path)!.kind = kind;
    host.readFile = () => Promise.reject(new Error("it would wait"));
    const target = new DirectoryTarget(host, "/srv/site");
    const work: (() => Promise<unknown>)[] = [
      () => target.get("a/t.json", 100),
      () => target.stat("a/t.json"),
      () => put(target, "a/t.json", "x"),
      ...state.endsWith("a directory") ? [() => Array.fromAsync(target.list("a/"))] : [],
    ];
    for (const one of work) {
      const error = await assertRejects(one, UserError, state);
      assertEquals(error.hint, "move it away, or publish to another directory");
    }
    assertEquals(host.log.filter((line) => line.startsWith("write")), []);
  }
});

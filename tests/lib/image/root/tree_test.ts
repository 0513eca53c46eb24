import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { directory, file, RootTree, symlink } from "../../../../lib/image/root/tree.ts";

const tree = () => new RootTree(directory("test", 0));
const hello = () => file(utf8("hello"), "test", 50);

Deno.test("RootTree.place() makes missing parents and follows linked directories", () => {
  const root = tree();
  root.place("usr/lib", directory("test", 0));
  root.place("lib", symlink("usr/lib", "test", 0));
  assertEquals(root.place("lib/a/b.so", hello()), "usr/lib/a/b.so");
  assertEquals(root.get("usr/lib/a")?.kind, "directory");
  assertEquals(root.text("lib/a/b.so"), "hello");
});

Deno.test("RootTree resolves links within the tree only", () => {
  const root = tree();
  root.place("etc/real/f", hello());
  root.place("a/up", symlink("../../../../../etc/real", "test", 0));
  root.place("a/abs", symlink("/etc/real", "test", 0));
  assertEquals(root.resolve("a/up/f"), "etc/real/f");
  assertEquals(root.resolve("a/abs/f"), "etc/real/f");
  assertEquals(root.resolve("a/abs"), "a/abs");
  assertEquals(root.follow("a/abs")?.kind, "directory");
});

Deno.test("RootTree refuses paths that leave it, loops, and files used as directories", () => {
  const root = tree();
  root.place("l1", symlink("l2", "test", 0));
  root.place("l2", symlink("l1", "test", 0));
  root.place("f", hello());
  for (const path of ["../x", "/x", "a//b", "", "a/../b", "a\0b"]) {
    assertThrows(() => root.place(path, hello()), UserError, "is no path in it");
  }
  assertThrows(() => root.get("l1/x"), UserError, "loop of links");
  assertThrows(() => root.place("f/x", hello()), UserError, "is no directory");
  assertThrows(() => root.place("f", directory("p", 0)), UserError, "test has a file there");
});

Deno.test("RootTree.place() keeps the first mode of a directory", () => {
  const root = tree();
  root.place("var/empty", directory("a", 0, 0o555));
  root.place("var/empty", directory("b", 0, 0o755));
  assertEquals(root.get("var/empty")?.mode, 0o555);
});

Deno.test("RootTree.entries() sorts, clamps times, and writes an inode once", () => {
  const root = tree();
  const shared = file(utf8("zone"), "test", 50);
  root.place("z", shared);
  root.place("a", shared);
  root.place("+late", file(utf8(""), "test", 5000));
  const entries = [...root.entries(1000)];
  assertEquals(entries.map(({ path, kind, mtime }) => [path, kind, mtime]), [
    [".", "directory", 1000],
    ["+late", "file", 1000],
    ["a", "file", 50],
    ["z", "hardlink", 50],
  ]);
  assertEquals(entries[3]?.linkTarget, "a");
  assertStrictEquals(entries[3]?.data, undefined);
});

Deno.test("RootTree.setOwners() turns names into numbers and asks for each path", () => {
  const root = tree();
  root.place("etc/shadow", { ...hello(), uid: 190, gid: 188, owner: "root", group: "shadow" });
  const asked: string[] = [];
  root.setOwners((kind, name, path) => {
    asked.push(`${kind} ${name} ${path}`);
    return name === "shadow" ? 42 : 0;
  });
  assertEquals(asked, ["user root etc/shadow", "group shadow etc/shadow"]);
  const { uid, gid } = root.get("etc/shadow")!;
  assertEquals([uid, gid], [0, 42]);
});

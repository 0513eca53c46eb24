import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { importsOf } from "../../tasks/dev/gate/imports.ts";
import { BUILDERS } from "../../lib/lab/image.ts";
import { projectFolder, sourceDigest } from "../../lib/sources.ts";
import { FakeHost } from "../support/fake_host.ts";
import { projectSources } from "../support/sources.ts";

const PATHS = ["site", "deno.json"];

function tree(): FakeHost {
  return new FakeHost({
    "/p/deno.json": "{}",
    "/p/site/a.ts": "a",
    "/p/site/deep/er/b.ts": "b",
    "/p/site/note.md": "n",
  });
}

Deno.test("sourceDigest() sees a change of content, name and mode at any depth", async () => {
  const before = await sourceDigest(tree(), "/p/", PATHS);
  const changes: ((host: FakeHost) => unknown)[] = [
    (host) => host.put("/p/site/deep/er/b.ts", "c"),
    (host) => host.put("/p/site/deep/er/new.ts", ""),
    (host) => host.rename("/p/site/deep/er/b.ts", "/p/site/deep/b.ts"),
    (host) => host.put("/p/site/a.ts", "a", 0o755),
    (host) => host.put("/p/deno.json", "{ }"),
  ];
  for (const change of changes) {
    const host = tree();
    await change(host);
    assertNotEquals(await sourceDigest(host, "/p/", PATHS), before, `${change}`);
  }
  assertEquals(await sourceDigest(tree(), "/p/", PATHS), before);
});

Deno.test("sourceDigest() passes over other files of a folder, but not over a file that is named", async () => {
  const before = await sourceDigest(tree(), "/p/", PATHS, ".ts");
  const host = tree();
  host.put("/p/site/note.md", "other");
  assertEquals(await sourceDigest(host, "/p/", PATHS, ".ts"), before);
  host.put("/p/deno.json", "other");
  assertNotEquals(await sourceDigest(host, "/p/", PATHS, ".ts"), before);
});

Deno.test("sourceDigest() refuses a list that names what is not there", async () => {
  await assertRejects(() => sourceDigest(tree(), "/p/", ["lib"]), TypeError, "There is no lib");
});

Deno.test("projectFolder() looks for deno.json upwards, and gives nothing elsewhere", async () => {
  const at = (url: string) => projectFolder(tree(), url);
  assertEquals(await at("file:///p/site/deep/er/b.ts"), "/p/");
  assertEquals(await at("file:///p/mod.ts"), "/p/");
  assertEquals(await at("file:///elsewhere/b.ts"), undefined);
  assertEquals(await at("https://example.org/p/site/b.ts"), undefined);
});

Deno.test("the sources that decide what the lab's image holds are all that the engine imports", async () => {
  const sources = await projectSources();
  const reached = new Set(["lib/image/embedded.ts"]);
  for (const file of reached) {
    for (const target of importsOf(file, sources.get(file)!)) reached.add(target);
  }
  const forgotten = [...reached].filter((file) =>
    // The ground has no say in what is built.
    file.slice("lib/".length).includes("/") &&
    !BUILDERS.some((place) => file === place || file.startsWith(`${place}/`))
  );
  assert(reached.size > 30, `${reached.size} files`);
  assertEquals(forgotten.sort(), []);
});

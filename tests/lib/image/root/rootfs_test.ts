import { assertEquals, assertRejects } from "@std/assert";
import { text, utf8 } from "../../../../lib/bytes.ts";
import { EXIT, UserError } from "../../../../lib/errors.ts";
import { makeRootfs } from "../../../../lib/image/root/rootfs.ts";
import { directory, file, RootTree } from "../../../../lib/image/root/tree.ts";
import { FakeHost, type Program } from "../../../support/fake_host.ts";

const OPTIONS = { level: 3, epoch: 1000, cacheDir: "/cache" };

function tree(content = "x"): RootTree {
  const root = new RootTree(directory("test", 0));
  root.place("etc/f", file(utf8(content), "test", 5));
  return root;
}

/** A host whose mksquashfs writes how often it has run. */
function host(): FakeHost {
  const fake = new FakeHost();
  let runs = 0;
  const mksquashfs: Program = (args) => {
    if (args[0] === "-version") return "mksquashfs version 4.5.1\nCopyright\n";
    fake.put(args[1]!, `squashfs ${++runs}`);
    return {};
  };
  fake.programs.set("mksquashfs", mksquashfs);
  return fake;
}

Deno.test("makeRootfs() takes an unchanged file system from the cache", async () => {
  const fake = host();
  const first = await makeRootfs(fake, tree(), OPTIONS);
  const second = await makeRootfs(fake, tree(), OPTIONS);
  assertEquals([first.cached, second.cached], [false, true]);
  assertEquals([text(first.squashfs), text(second.squashfs)], ["squashfs 1", "squashfs 1"]);
});

Deno.test("makeRootfs() packs anew when content, level, epoch or mksquashfs change", async () => {
  const fake = host();
  await makeRootfs(fake, tree(), OPTIONS);
  assertEquals((await makeRootfs(fake, tree("y"), OPTIONS)).cached, false);
  assertEquals((await makeRootfs(fake, tree(), { ...OPTIONS, level: 4 })).cached, false);
  assertEquals((await makeRootfs(fake, tree(), { ...OPTIONS, epoch: 1001 })).cached, false);
  const before = fake.programs.get("mksquashfs")!;
  fake.programs.set("mksquashfs", (args, options) => {
    return args[0] === "-version" ? "mksquashfs version 4.6\n" : before(args, options);
  });
  assertEquals((await makeRootfs(fake, tree(), OPTIONS)).cached, false);
  // Only the newest few are kept.
  assertEquals((await fake.readDir("/cache")).length, 4);
});

Deno.test("makeRootfs() says what is missing or what mksquashfs says", async () => {
  const missing = await assertRejects(
    () => makeRootfs(new FakeHost(), tree(), OPTIONS),
    UserError,
    "mksquashfs is missing",
  );
  assertEquals(missing.exitCode, EXIT.missing);
  const fake = host();
  fake.programs.set(
    "mksquashfs",
    (args) => args[0] === "-version" ? "v\n" : { code: 1, stderr: utf8("boo\nno space\n") },
  );
  await assertRejects(
    () => makeRootfs(fake, tree(), OPTIONS),
    UserError,
    'mksquashfs says "no space"',
  );
});

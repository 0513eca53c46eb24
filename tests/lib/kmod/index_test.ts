import { assertEquals, assertThrows } from "@std/assert";
import { type Bytes, text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { moduleIndex } from "../../../lib/kmod/index.ts";
import { makeModule, type ModuleFacts } from "../../support/kernel_module.ts";

function index(modules: Record<string, ModuleFacts>, more: Record<string, string> = {}) {
  const files = new Map<string, Bytes>();
  for (const [path, facts] of Object.entries(modules)) files.set(path, makeModule(facts));
  for (const [path, content] of Object.entries(more)) files.set(path, utf8(content));
  return moduleIndex(files);
}

const ext4: Record<string, ModuleFacts> = {
  "kernel/fs/ext4/ext4.ko": {
    info: ["alias=fs-ext4", "depends=jbd2,mbcache", "softdep=pre: crc32c"],
    imports: ["mb_find", "jbd2_start"],
  },
  "kernel/fs/jbd2/jbd2.ko": { info: ["depends=crc16"], exports: ["jbd2_start"] },
  "kernel/fs/mbcache.ko": { info: ["depends="], exports: ["mb_find"] },
  "kernel/lib/crc16.ko": { info: ["license=GPL"] },
};
const order = "kernel/lib/crc16.ko\nkernel/fs/mbcache.ko\nkernel/fs/ext4/ext4.ko\n" +
  "kernel/fs/jbd2/jbd2.ko\nkernel/none.ko\n";

Deno.test("moduleIndex() lists what a module needs, in the order of modules.order", () => {
  const files = index(ext4, { "modules.order": order });
  assertEquals(
    text(files.get("modules.dep")!),
    `kernel/lib/crc16.ko:
kernel/fs/mbcache.ko:
kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko kernel/fs/mbcache.ko
kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko
`,
  );
  assertEquals(text(files.get("modules.alias")!).split("\n")[1], "alias fs-ext4 ext4");
  assertEquals(text(files.get("modules.softdep")!).split("\n")[1], "softdep ext4 pre: crc32c");
  assertEquals(
    text(files.get("modules.symbols")!).split("\n").slice(1),
    ["alias symbol:jbd2_start jbd2", "alias symbol:mb_find mbcache", ""],
  );
  assertEquals(files.has("modules.weakdep"), false);
  assertEquals(files.has("modules.builtin.bin"), false);
});

Deno.test("moduleIndex() names device nodes of modules with a devname", () => {
  const files = index({
    "a/loop-control.ko": { info: ["alias=devname:loop-control", "alias=char-major-10-237"] },
    "a/nothing.ko": { info: ["alias=devname:x", "alias=char-major-10-*"] },
    "a/disk.ko": { info: ["alias=block-major-8-1*", "alias=devname:disk"] },
  });
  assertEquals(text(files.get("modules.devname")!).split("\n").slice(1), [
    "disk disk b8:1",
    "loop_control loop-control c10:237",
    "",
  ]);
});

Deno.test("moduleIndex() lets updates/ win over a module of the same name", () => {
  const facts = { info: ["license=GPL"] };
  const files = index({ "kernel/m.ko": facts, "updates/m.ko": facts });
  assertEquals(text(files.get("modules.dep")!), "updates/m.ko:\n");
  assertThrows(
    () => index({ "kernel/a/m-x.ko": facts, "kernel/b/m_x.ko": facts }),
    UserError,
    "kernel/a/m-x.ko and kernel/b/m_x.ko have one name",
  );
});

Deno.test("moduleIndex() refuses missing needs and cycles", () => {
  assertThrows(
    () => index({ "a.ko": { info: ["depends=gone"] } }),
    UserError,
    "a.ko needs gone, which is missing",
  );
  assertThrows(
    () => index({ "a.ko": { info: ["depends=b"] }, "b.ko": { info: ["depends=a"] } }),
    UserError,
    "a, b need each other",
  );
});

Deno.test("moduleIndex() gives the same bytes whatever the order of files", () => {
  const reversed = Object.fromEntries(Object.entries(ext4).reverse());
  assertEquals(index(ext4), index(reversed));
});

Deno.test("moduleIndex() lets no module add a line to its indexes", () => {
  for (const info of ["alias=x\ninstall y /bin/sh", "softdep=pre: a\ninstall y /bin/sh"]) {
    assertThrows(
      () => index({ "kernel/a.ko": { info: [info] } }),
      UserError,
      "is more than one line",
    );
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { formatSlotDocument, parseSlotDocument } from "../../../lib/documents/slot.ts";
import { makeSlot } from "../../../lib/image/release/slot.ts";
import { UnreadableError } from "../../../lib/schema/read.ts";

const { document, files } = makeSlot({
  version: "1.2.3",
  arch: "x86_64",
  kernel: "6.18.1-0-lts",
  epoch: 1_700_000_000,
  cmdline: "console=ttyS0 panic=10",
  vmlinuz: utf8("kernel"),
  archives: new Map([["initrd-boot.cpio", utf8("boot")], ["initrd-rootfs.cpio", utf8("root")]]),
});

Deno.test("parseSlotDocument() reads what the image engines write", () => {
  assertEquals(parseSlotDocument(files.get("slot.json")!), document);
  assertEquals(document.initrd, ["initrd-boot.cpio", "initrd-rootfs.cpio"]);
  assertEquals(document.files[0], {
    name: "vmlinuz",
    size: 6,
    sha256: sha256Hex(utf8("kernel")),
  });
});

Deno.test("parseSlotDocument() leaves out what it does not know, and names what is wrong", () => {
  const changed = (change: object) => utf8(JSON.stringify({ ...document, ...change }));
  assertEquals(parseSlotDocument(changed({ later: 1 })), document);
  assertEquals(
    formatSlotDocument(parseSlotDocument(changed({ later: 1 }))),
    files.get("slot.json"),
  );
  const [first] = document.files;
  const cases: [object, string][] = [
    [{ slot: 2 }, "slot: must be 1"],
    [{ version: "../x" }, "version: must be a version"],
    [{ version: "1+3-0" }, "version: must be a version"],
    [{ initrd: ["../../etc/passwd"] }, "initrd.0: must be the name of a file"],
    [{ files: [{ ...first, name: ".hidden" }] }, "files.0.name: must be the name of a file"],
    [{ files: [{ ...first, size: -1 }] }, "files.0.size: must be at least 0"],
    [{ files: [{ ...first, sha256: "00" }] }, "files.0.sha256: must be a SHA-256"],
    [{ files: undefined }, "files: is missing"],
    [{ cmdline: "x".repeat(300_000) }, "it is longer than 262144 bytes"],
  ];
  for (const [change, state] of cases) {
    assertThrows(() => parseSlotDocument(changed(change)), UnreadableError, state);
  }
});

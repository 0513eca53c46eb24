import { assertEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { moduleClosure } from "../../../lib/kmod/closure.ts";

const index = new Map(
  Object.entries({
    "modules.dep": "fs/ext4.ko: fs/jbd2.ko lib/crc16.ko fs/mbcache.ko\nfs/jbd2.ko: lib/crc16.ko\n" +
      "lib/crc16.ko:\nfs/mbcache.ko:\ncrypto/crc32c-intel.ko.gz:\ncrypto/crc32c_generic.ko.gz:\n" +
      "net/virtio_net.ko:\n",
    "modules.alias": "# x\nalias crypto-crc32c crc32c_intel\nalias crypto-crc32c crc32c_generic\n" +
      "alias virtio:d00000001v* virtio_net\nalias virtio:d00000002v[0-9]? ext4\nalias odd[ ext4\n",
    "modules.softdep": "softdep ext4 pre: crypto-crc32c nothing post: virtio-net\n",
    "modules.builtin": "kernel/fs/tmpfs.ko\nkernel/net/af-packet.ko\n",
  }).map(([name, content]) => [name, utf8(content)]),
);

Deno.test("moduleClosure() gives load order, with soft dependencies around", () => {
  assertEquals(moduleClosure(["ext4"], index), [
    "fs/mbcache.ko",
    "lib/crc16.ko",
    "fs/jbd2.ko",
    "crypto/crc32c-intel.ko.gz",
    "crypto/crc32c_generic.ko.gz",
    "fs/ext4.ko",
    "net/virtio_net.ko",
  ]);
  assertEquals(moduleClosure(["ext4", "jbd2"], index, { soft: false }), [
    "fs/mbcache.ko",
    "lib/crc16.ko",
    "fs/jbd2.ko",
    "fs/ext4.ko",
  ]);
});

Deno.test("moduleClosure() takes - for _, aliases and patterns; what is built in gives nothing", () => {
  assertEquals(moduleClosure(["virtio-net"], index), ["net/virtio_net.ko"]);
  assertEquals(moduleClosure(["crc32c_intel"], index), ["crypto/crc32c-intel.ko.gz"]);
  assertEquals(moduleClosure(["virtio:d00000001v00001AF4"], index), ["net/virtio_net.ko"]);
  assertEquals(moduleClosure(["virtio:d00000002v7x"], index, { soft: false }).at(-1), "fs/ext4.ko");
  assertEquals(moduleClosure(["tmpfs", "af_packet"], index), []);
});

Deno.test("moduleClosure() names all that it can't find", () => {
  assertThrows(
    () => moduleClosure(["ext4", "foo", "bar", "odd["], index),
    UserError,
    "no foo, no bar, no odd[",
  );
  assertThrows(() => moduleClosure([], new Map()), UserError, "no modules.dep");
});

Deno.test("moduleClosure() names a malformed line, and a file that is no text", () => {
  const refused: [string, Uint8Array, string][] = [
    ["modules.dep", utf8("fs/ext4.ko\n"), 'modules.dep has the malformed line "fs/ext4.ko"'],
    ["modules.softdep", utf8("softdep\n"), 'modules.softdep has the malformed line "softdep"'],
    ["modules.alias", Uint8Array.of(0xff), "modules.alias is no UTF-8"],
  ];
  for (const [name, content, expected] of refused) {
    const changed = new Map([...index, [name, content]]);
    assertThrows(() => moduleClosure(["ext4"], changed), UserError, expected);
  }
});

Deno.test("moduleClosure() takes aliases that no pattern can be made of", () => {
  const aliases = utf8("alias x[z-a] ext4\nalias y*a*a*a*a*a*a*a*a*a*a*a*b ext4\n");
  const changed = new Map([...index, ["modules.alias", aliases] as const]);
  assertThrows(() => moduleClosure([`y${"a".repeat(5000)}`], changed), UserError, "no y");
});

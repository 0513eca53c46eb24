import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { gunzip } from "../../../../lib/formats/gzip.ts";
import { readTar } from "../../../../lib/formats/tar.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import { type ApkovlInput, makeApkovl } from "../../../../lib/image/mkimage/apkovl.ts";
import type { OverlayFile } from "../../../../lib/image/root/overlay.ts";

const definition = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));

function file(path: string, content: string, more: Partial<OverlayFile> = {}): OverlayFile {
  return {
    path,
    kind: "file",
    mode: 0o644,
    owner: "root",
    group: "root",
    data: utf8(content),
    ...more,
  };
}

const INPUT: ApkovlInput = {
  definition,
  overlay: [
    file("etc/hostname", "psyopsos\n"),
    file("etc/inittab", "tty1::respawn:/sbin/getty 38400 tty1\n"),
    file("etc/ssh/secret", "x", { mode: 0o600, group: "sshd" }),
  ],
  agent: new Map([["/usr/lib/psyopsos/agent.js", { data: utf8("agent"), mode: 0o644 }]]),
  keys: new Map([["k.rsa.pub", "PEM"]]),
  repositories: ["https://x/main"],
  facts: { version: "1", arch: "x86_64", epoch: 1_700_000_000, engine: "mkimage" },
  cmdline: "console=tty0 console=ttyS0,115200 panic=10",
};

function entriesOf(input: ApkovlInput) {
  return new Map(readTar(gunzip(makeApkovl(input))).map((entry) => [entry.path, entry]));
}

Deno.test("makeApkovl() holds everything that is no package", () => {
  const entries = entriesOf(INPUT);
  const content = (path: string) => text(entries.get(path)!.data!);
  assertEquals(content("etc/apk/world").split("\n").slice(0, -1), [...definition.packages].sort());
  assertEquals(content("etc/apk/repositories"), "https://x/main\n");
  assertEquals(content("etc/apk/keys/k.rsa.pub"), "PEM");
  assertEquals(content("usr/lib/psyopsos/agent.js"), "agent");
  assertEquals(JSON.parse(content("etc/psyopsos/image.json")).engine, "mkimage");
  const link = entries.get("etc/runlevels/sysinit/modloop")!;
  assertEquals([link.kind, link.linkTarget], ["symlink", "/etc/init.d/modloop"]);
  assert(entries.has("etc/runlevels/default/psyopsos-agent"));
  const secret = entries.get("etc/ssh/secret")!;
  assertEquals([secret.mode, secret.uid, secret.gid], [0o600, 0, 22]);
});

Deno.test("makeApkovl() locks root, whom Alpine lets in without a password", () => {
  const shadow = entriesOf(INPUT).get("etc/shadow")!;
  assertEquals([text(shadow.data!), shadow.mode, shadow.gid], ["root:*::0:::::\n", 0o640, 42]);
  const own = { ...INPUT, overlay: [...INPUT.overlay, file("etc/shadow", "root:!:::::::\n")] };
  assertEquals(text(entriesOf(own).get("etc/shadow")!.data!), "root:!:::::::\n");
});

Deno.test("makeApkovl() names each console in inittab, so that no second login is added", () => {
  const lines = text(entriesOf(INPUT).get("etc/inittab")!.data!);
  assertStringIncludes(lines, "\ntty0::once:/bin/true\nttyS0::once:/bin/true\n");
  assertEquals(lines.match(/^tty1:/gm)?.length, 1);
});

Deno.test("makeApkovl() gives every folder before what is in it, sorted, dated, and root's", () => {
  const entries = [...entriesOf(INPUT).values()];
  const paths = entries.map(({ path }) => path);
  assertEquals(paths, [...paths].sort());
  for (const { path, mtime } of entries) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    assert(parent === "" || paths.indexOf(parent) < paths.indexOf(path), path);
    assertEquals(mtime, 1_700_000_000);
  }
});

Deno.test("makeApkovl() gives the same bytes for the same input, and others for another", () => {
  const again = { ...INPUT, overlay: [...INPUT.overlay].reverse() };
  assertEquals(makeApkovl(again), makeApkovl(INPUT));
  const agent = new Map([["usr/lib/psyopsos/agent.js", { data: utf8("other"), mode: 0o644 }]]);
  assert(!(makeApkovl({ ...INPUT, agent }).toString() === makeApkovl(INPUT).toString()));
});

Deno.test("makeApkovl() refuses paths and owners that make no sense", () => {
  const withFile = (extra: OverlayFile) => () =>
    makeApkovl({ ...INPUT, overlay: [...INPUT.overlay, extra] });
  assertThrows(withFile(file("../x", "")), UserError, "no path");
  assertThrows(withFile(file("etc/hostname/x", "")), UserError, "/etc/hostname is no directory");
  assertThrows(
    withFile(file("etc/y", "", { owner: "nobody2" })),
    UserError,
    "there is no user nobody2",
  );
});

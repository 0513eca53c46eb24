import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sha256Hex, text, utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { readTar, writeTar } from "../../../../lib/formats/tar.ts";
import { assemble, type AssembleInput } from "../../../../lib/image/root/assemble.ts";
import {
  basePackages,
  dirEntry,
  type FakePackage,
  fakePackage,
  fileEntry,
  linkEntry,
} from "../../../support/image_packages.ts";

const EPOCH = 1_700_000_000;

function input(more: Partial<AssembleInput> = {}): AssembleInput {
  return {
    packages: basePackages(),
    world: ["busybox", "alpine-baselayout"],
    arch: "x86_64",
    repositories: ["https://mirror.example/main"],
    accounts: { users: { chrony: 100 }, groups: { chrony: 101 } },
    services: { sysinit: [], boot: [], default: [], shutdown: [] },
    privileged: [],
    overlay: [],
    extra: new Map(),
    epoch: EPOCH,
    ...more,
  };
}

/** The base with one more package. */
function withPackage(name: string, facts: FakePackage, more: Partial<AssembleInput> = {}) {
  return assemble(input({ packages: [...basePackages(), fakePackage(name, facts)], ...more }));
}

const SERVICE = fileEntry("etc/init.d/chronyd", "#!/sbin/openrc-run\n", 0o755);
const PRE_INSTALL = "addgroup -S chrony\nadduser -S -D -H -G chrony chrony\n";

Deno.test("assemble() links busybox's applets but replaces nothing", () => {
  const { tree } = withPackage("mount", { entries: [fileEntry("bin/mount", "real", 0o755)] });
  assertEquals(tree.get("bin/sh")?.target, "/bin/busybox");
  assertEquals(tree.get("sbin/init")?.target, "/bin/busybox");
  assertEquals(tree.text("bin/mount"), "real");
});

Deno.test("assemble() links bbsuid's applets in place of busybox's", () => {
  const { tree } = withPackage(
    "busybox-suid",
    { entries: [fileEntry("bin/bbsuid", "x", 0o4111)] },
    { privileged: ["bin/bbsuid"] },
  );
  assertEquals(tree.get("bin/mount")?.target, "/bin/bbsuid");
  assertEquals(tree.get("usr/bin/passwd")?.target, "/bin/bbsuid");
});

Deno.test("assemble() owns by name, not by the builder's numbers, and locks root", () => {
  const { tree } = assemble(input());
  const shadow = tree.get("etc/shadow")!;
  assertEquals([shadow.uid, shadow.gid, shadow.mode], [0, 42, 0o640]);
  assertStringIncludes(text(shadow.data!), "root:*::0:::::\n");
});

Deno.test("assemble() makes a package's accounts with their fixed numbers", () => {
  const { tree, deferred } = withPackage("chrony", {
    scripts: { "pre-install": PRE_INSTALL },
    entries: [
      {
        ...dirEntry("var/lib/chrony", 0o750),
        uid: 190,
        gid: 188,
        uname: "chrony",
        gname: "chrony",
      },
      SERVICE,
    ],
  }, { services: { sysinit: [], boot: [], default: ["chronyd"], shutdown: [] } });
  assertEquals(deferred, []);
  const folder = tree.get("var/lib/chrony")!;
  assertEquals([folder.uid, folder.gid, folder.mode], [100, 101, 0o750]);
  assertStringIncludes(tree.text("etc/passwd"), "chrony:x:100:101:");
  assertEquals(tree.get("etc/runlevels/default/chronyd")?.target, "/etc/init.d/chronyd");
});

Deno.test("assemble() gives adduser's home directory to the account", () => {
  const { tree } = withPackage("chrony", {
    scripts: { "pre-install": PRE_INSTALL.replace("-H", "-h /var/lib/chrony") },
    entries: [dirEntry("var/lib/chrony", 0o750)],
  });
  const { uid, gid, mode } = tree.get("var/lib/chrony")!;
  assertEquals([uid, gid, mode], [100, 101, 0o2755]);
});

Deno.test("assemble() refuses an owner that nobody makes", () => {
  assertThrows(
    () => withPackage("x", { entries: [{ ...fileEntry("x"), uname: "ghost" }] }),
    UserError,
    "Cannot own /x of x: there is no user ghost",
  );
});

Deno.test("assemble() leaves a script it does not understand to the node, owners included", () => {
  const { tree, deferred } = withPackage("odd", {
    scripts: { "pre-install": "useradd odd\n" },
    entries: [
      { ...fileEntry("var/odd", "", 0o4750), uname: "odd" },
      fileEntry("etc/init.d/psyopsos-scripts", "#!/sbin/openrc-run\n", 0o755),
    ],
  }, { privileged: ["var/odd"] });
  assertEquals(deferred.map((item) => [item.package, item.phase]), [["odd", "pre-install"]]);
  assertEquals(tree.get("var/odd")?.uid, 0);
  assertEquals(tree.text("usr/lib/psyopsos/scripts/owners"), "odd:root 4750 /var/odd\n");
  assertEquals(tree.get("etc/runlevels/sysinit/psyopsos-scripts")?.kind, "symlink");
});

Deno.test("assemble() refuses a file of two packages, unless one replaces the other", () => {
  const two = (first: FakePackage, second: FakePackage) =>
    assemble(input({
      packages: [
        ...basePackages(),
        fakePackage("one", { entries: [fileEntry("f", "one")], ...first }),
        fakePackage("two", { entries: [fileEntry("f", "two")], ...second }),
      ],
    })).tree.text("f");
  assertThrows(
    () => two({}, {}),
    UserError,
    "Cannot install two: /f belongs to one already",
  );
  assertEquals(two({}, { replaces: ["one<2"] }), "two");
  assertEquals(two({ replaces: ["two"] }, {}), "one");
  assertEquals(two({ origin: "src" }, { origin: "src" }), "two");
  const both = { replaces: ["one", "two"] };
  assertEquals(two({ ...both, replacesPriority: 5 }, both), "one");
});

Deno.test("assemble() lets the overlay replace files, with its modes", () => {
  const { tree } = assemble(input({
    overlay: [{
      path: "etc/group",
      kind: "file",
      mode: 0o600,
      owner: "nobody",
      group: "root",
      data: utf8("mine"),
    }],
  }));
  const node = tree.get("etc/group")!;
  assertEquals([node.from, node.mode, node.uid], ["overlay", 0o600, 65534]);
});

Deno.test("assemble() follows a package's linked directories", () => {
  const { tree } = withPackage("merged", {
    entries: [
      dirEntry("usr/lib"),
      linkEntry("lib", "usr/lib"),
      fileEntry("lib/libx.so", "so"),
    ],
  });
  assertEquals(tree.nodes.get("usr/lib/libx.so")?.kind, "file");
  // apk's database comes the same way.
  assertEquals(tree.nodes.has("usr/lib/apk/db/installed"), true);
});

Deno.test("assemble() refuses a privileged file that is not listed", () => {
  const error = assertThrows(
    () => withPackage("su", { entries: [fileEntry("bin/su", "x", 0o4755)] }),
    UserError,
    "/bin/su of su is privileged (mode 4755)",
  );
  assertStringIncludes(error.hint ?? "", "image.yaml");
});

Deno.test("assemble() refuses a service that is missing or no program, naming the nearest", () => {
  const services = { sysinit: [], boot: ["chrony"], default: [], shutdown: [] };
  assertThrows(
    () => withPackage("c", { entries: [SERVICE] }, { services }),
    UserError,
    "no executable /etc/init.d/chrony, did you mean chronyd?",
  );
  services.boot = ["chronyd"];
  assertThrows(
    () => withPackage("c", { entries: [{ ...SERVICE, mode: 0o644 }] }, { services }),
    UserError,
    "no executable /etc/init.d/chronyd",
  );
});

Deno.test("assemble() refuses a root without init or accounts", () => {
  const [baselayout, busybox] = basePackages();
  assertThrows(() => assemble(input({ packages: [baselayout!] })), UserError, "/sbin/init");
  assertThrows(() => assemble(input({ packages: [busybox!] })), UserError, "/etc/passwd");
});

Deno.test("assemble() writes apk's database", () => {
  const sha1 = "a".repeat(40);
  const { tree } = withPackage("x", {
    version: "1.2-r3",
    depends: ["so:libc.so"],
    replaces: ["y"],
    triggers: ["/none"],
    scripts: { trigger: "#!/bin/sh\nexit 0\n", "pre-upgrade": "#!/bin/sh\n" },
    entries: [
      dirEntry("var/x", 0o700),
      {
        ...fileEntry("var/x/f", "f", 0o600),
        gname: "shadow",
        pax: { "APK-TOOLS.checksum.SHA1": sha1 },
      },
      { ...fileEntry("var/x/h"), kind: "hardlink", data: undefined, linkTarget: "var/x/f" },
      linkEntry("var/x/l", "f"),
    ],
  });
  const installed = tree.text("lib/apk/db/installed");
  assertStringIncludes(
    installed,
    [
      "L:MIT",
      "D:so:libc.so",
      "r:y",
      "F:var/x",
      "M:0:0:700",
      "R:f",
      "a:0:42:600",
      "Z:Q1qqqqqqqqqqqqqqqqqqqqqqqqqqo=",
      "R:h",
      "Z:Q1qqqqqqqqqqqqqqqqqqqqqqqqqqo=",
      "R:l",
      "a:0:0:777",
      "",
      "",
    ].join("\n"),
  );
  // By name, whatever the order of installation.
  assertEquals(
    [...installed.matchAll(/^P:(.*)$/gm)].map((match) => match[1]),
    ["alpine-baselayout", "busybox", "x"],
  );
  assertEquals(
    readTar(tree.get("lib/apk/db/scripts.tar")!.data!).map(({ path }) =>
      path.replace(/Q1A+=/, "Q")
    ),
    ["x-1.2-r3.Q.trigger", "x-1.2-r3.Q.pre-upgrade"],
  );
  assertEquals(tree.text("lib/apk/db/triggers"), "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA= /none\n");
  assertEquals(tree.text("etc/apk/world"), "alpine-baselayout\nbusybox\n");
  assertEquals(tree.text("etc/apk/repositories"), "https://mirror.example/main\n");
});

Deno.test("assemble() gives the same bytes in another order of overlay and extra files", () => {
  const overlay = ["a", "b", "c/d"].map((path) => ({
    path,
    kind: "file" as const,
    mode: 0o644,
    owner: "root",
    group: "root",
    data: utf8(path),
  }));
  const extra = [["x/1", utf8("1")], ["x/2", utf8("2")]] as const;
  const hash = (more: Partial<AssembleInput>) =>
    sha256Hex(writeTar(assemble(input(more)).tree.entries(EPOCH)));
  assertEquals(
    hash({ overlay, extra: new Map(extra) }),
    hash({ overlay: overlay.toReversed(), extra: new Map(extra.toReversed()) }),
  );
});

Deno.test("assemble() lets no value add a line to apk's files", () => {
  const evil = "a\nP:evil";
  const refused = (file: string, ...args: Parameters<typeof withPackage>) =>
    assertStringIncludes(
      assertThrows(() => withPackage(...args), UserError).message,
      `Cannot write /${file}: `,
    );
  refused("lib/apk/db/installed", "x", { entries: [fileEntry(evil)] });
  refused("lib/apk/db/installed", "x", { entries: [dirEntry(evil)] });
  refused("lib/apk/db/installed", "x", { origin: evil });
  refused("lib/apk/db/installed", "x", { replaces: [evil] });
  refused("lib/apk/db/triggers", "x", { triggers: [`/${evil}`], scripts: { trigger: "" } });
  refused("etc/apk/world", "x", {}, { world: ["a\nevil"] });
  refused("etc/apk/repositories", "x", {}, { repositories: ["https://a\nhttps://evil"] });
  refused("etc/apk/arch", "x", {}, { arch: "x\ny" });
});

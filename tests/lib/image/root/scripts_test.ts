import { assertEquals, assertThrows } from "@std/assert";
import { text } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { deferredFiles } from "../../../../lib/image/root/deferred.ts";
import { matchesTrigger, planScripts } from "../../../../lib/image/root/scripts.ts";
import { fakePackage } from "../../../support/image_packages.ts";

const DIRECTORIES = ["/bin", "/lib/modules/6.1", "/usr/bin", "/usr/share/ca"];

Deno.test("planScripts() makes account steps of what it understands and defers the rest", () => {
  const { opened } = fakePackage("tiny", {
    version: "2-r1",
    scripts: {
      "pre-install": "#!/bin/sh\naddgroup -S tiny\nexit 0\n",
      "post-install": "#!/bin/sh\nsed -i s/a/b/ /etc/tiny\n",
      "post-upgrade": "#!/bin/sh\nboom\n",
      trigger: "#!/bin/sh\nupdate $@\n",
    },
    triggers: ["/usr/share/*", "/none"],
  });
  const plan = planScripts(opened, DIRECTORIES);
  assertEquals(plan.accounts, [{ do: "group", name: "tiny", gid: undefined }]);
  assertEquals(plan.deferred.map(({ phase, args }) => [phase, ...args]), [
    ["post-install", "2-r1"],
    ["trigger", "/usr/share/ca"],
  ]);
});

Deno.test("planScripts() runs nothing of what the engine does itself, but makes its accounts", () => {
  const { opened } = fakePackage("busybox", {
    scripts: {
      "post-install":
        "#!/bin/busybox sh\n/bin/busybox --install -s\naddgroup -S klogd 2>/dev/null\nexit 0\n",
      trigger: "#!/bin/busybox sh\n/bin/busybox --install -s\n",
    },
    triggers: ["/bin"],
  });
  assertEquals(planScripts(opened, DIRECTORIES), {
    accounts: [{ do: "group", name: "klogd", gid: undefined }],
    deferred: [],
  });
});

Deno.test("planScripts() defers a script that is no text", () => {
  const { opened } = fakePackage("odd");
  opened.scripts.set("pre-install", Uint8Array.of(0xff, 0xfe));
  assertEquals(planScripts(opened, []).deferred.length, 1);
});

Deno.test("matchesTrigger() matches within one segment only", () => {
  const cases: [string, string, boolean][] = [
    ["/bin", "/bin", true],
    ["/lib/modules/*", "/lib/modules/6.1", true],
    ["/lib/modules/*", "/lib/modules/6.1/kernel", false],
    ["+/usr/share/?a", "/usr/share/ca", true],
    ["/usr/share/[!x]a", "/usr/share/ca", true],
    ["/usr/share/[x]a", "/usr/share/ca", false],
    ["/lib.d", "/libxd", false],
    ["/a[", "/a[", true],
  ];
  for (const [glob, path, expected] of cases) {
    assertEquals(matchesTrigger(glob, path), expected, `${glob} ${path}`);
  }
});

Deno.test("deferredFiles() orders pre-install, post-install, trigger, with plain names", () => {
  const script = new Uint8Array();
  const item = { version: "1", script, args: ["1"] };
  const files = deferredFiles([
    { ...item, package: "a", phase: "trigger", args: ["/x", "/y"] },
    { ...item, package: "a", phase: "post-install" },
    { ...item, package: "b", phase: "pre-install" },
  ], [{ path: "var/b", owner: "b", group: "root", mode: 0o2750 }]);
  const folder = "usr/lib/psyopsos/scripts";
  assertEquals(
    text(files.get(`${folder}/order`)!.data),
    "001 pre-install b 1\n002 post-install a 1\n003 trigger a /x /y\n",
  );
  assertEquals(text(files.get(`${folder}/owners`)!.data), "b:root 2750 /var/b\n");
  assertEquals(files.get(`${folder}/001`)?.mode, 0o755);
});

Deno.test("deferredFiles() refuses owners and paths that do not fit a line", () => {
  const path = { path: "var/x", owner: "u", group: "g", mode: 0o644 };
  const owners = (more: Partial<typeof path>) =>
    text(deferredFiles([], [{ ...path, ...more }]).get("usr/lib/psyopsos/scripts/owners")!.data);
  assertEquals(owners({ path: "a b" }), "u:g 644 /a b\n");
  for (
    const more of [
      { path: "a\nroot:root 4755 /bin/sh" },
      { path: "a " },
      { owner: "u v" },
      { owner: "u:0 4755 /bin/sh\nu" },
      { group: "g\n" },
    ]
  ) {
    assertThrows(() => owners(more), UserError);
  }
});

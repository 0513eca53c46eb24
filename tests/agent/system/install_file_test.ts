import { assertEquals, assertRejects } from "@std/assert";
import { installFile } from "../../../agent/system/install_file.ts";
import { findWay } from "../../../agent/system/way.ts";
import { UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";

const OWNER = { mode: 0o640, uid: 5, gid: 6 };

Deno.test("installFile() makes a file with owner and mode, and missing directories for root", async () => {
  const host = new FakeHost({ "/etc/x": "" });
  await installFile(host, "/etc/deep/file", "x", OWNER);
  const info = await host.stat("/etc/deep/file");
  assertEquals([info?.mode, info?.uid, info?.gid], [0o640, 5, 6]);
  const parent = await host.stat("/etc/deep");
  assertEquals([parent?.mode, parent?.uid], [0o755, 0]);
});

Deno.test("installFile() mixes up no two files of one name that are written at once", async () => {
  const host = new FakeHost({ "/etc/a/x": "", "/etc/b/x": "" });
  await Promise.all([
    installFile(host, "/etc/a/conf", "secret", { ...OWNER, mode: 0o600 }),
    installFile(host, "/etc/b/conf", "public", { ...OWNER, mode: 0o644 }),
  ]);
  const facts = ["/etc/a/conf", "/etc/b/conf"].map((path) => {
    return [host.textOf(path), host.nodes.get(path)?.mode];
  });
  assertEquals(facts, [["secret", 0o600], ["public", 0o644]]);
});

Deno.test("installFile() follows no link that an account made, and replaces no directory", async () => {
  const host = new FakeHost({ "/home/ann/x": "", "/etc/passwd": "root", "/var/lib/x": "" });
  await host.symlink("/etc", "/home/ann/link");
  Object.assign(host.nodes.get("/home/ann/link")!, { uid: 1000 });
  const write = (path: string) => installFile(host, path, "x", OWNER);
  await assertRejects(() => write("/home/ann/link/passwd"), UserError, "a link that an account");
  await assertRejects(() => write("/home/ann"), UserError, "it is a directory");
  assertEquals(host.textOf("/etc/passwd"), "root");
});

Deno.test("findWay() follows no link of root's that an account can have moved there", async () => {
  for (const [path, facts] of [["/home/ann", { uid: 1000 }], ["/home", { mode: 0o777 }]] as const) {
    const host = new FakeHost({ "/home/ann/app/x": "", "/etc/passwd": "root" });
    await host.symlink("/etc", "/home/ann/app/link");
    assertEquals(await findWay(host, "/home/ann/app/link/passwd"), "/etc/passwd");
    Object.assign(host.nodes.get(path)!, facts);
    await assertRejects(
      () => findWay(host, "/home/ann/app/link/passwd"),
      UserError,
      `/home/ann/app/link is a link that others than root can move, by ${path}`,
    );
  }
});

Deno.test("findWay() follows links of root's, the last one only where that is asked for", async () => {
  const host = new FakeHost({ "/usr/share/zone/UTC": "", "/etc/x": "" });
  await host.symlink("/usr/share", "/share");
  await host.symlink("../share/zone/UTC", "/etc/localtime");
  await host.symlink("/ring", "/ring");
  assertEquals(await findWay(host, "/share/zone/UTC"), "/usr/share/zone/UTC");
  assertEquals(await findWay(host, "/etc/localtime"), "/etc/localtime");
  assertEquals(
    await findWay(host, "/etc/localtime", { followLast: true }),
    "/usr/share/zone/UTC",
  );
  assertEquals(await findWay(host, "/share/missing/x/y"), "/usr/share/missing/x/y");
  await assertRejects(() => findWay(host, "/ring/x"), UserError, "a link in a ring");
});

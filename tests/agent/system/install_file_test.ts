import { assert, assertEquals, assertRejects } from "@std/assert";
import { installFile } from "../../../agent/system/install_file.ts";
import { UserError } from "../../../lib/errors.ts";
import type { WriteOptions } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";

const OWNER = { mode: 0o640, uid: 5, gid: 6 };

/** Notes with which mode every file is written. */
class Watched extends FakeHost {
  readonly modes = new Set<number | undefined>();
  override async writeFile(path: string, data: Uint8Array | string, options?: WriteOptions) {
    this.modes.add(options?.mode);
    await super.writeFile(path, data, options);
  }
}

Deno.test("installFile() writes for root only, then hands over, then renames", async () => {
  const host = new Watched({ "/var/lib/x": "" });
  await installFile(host, "/etc/deep/file", "x", OWNER);
  const info = await host.stat("/etc/deep/file");
  assertEquals([info?.mode, info?.uid, info?.gid], [0o640, 5, 6]);
  assertEquals([...host.modes], [0o600]);
  assertEquals((await host.stat("/var/lib/psyopsos/staging"))?.mode, 0o700);
  assertEquals(await host.readDir("/var/lib/psyopsos/staging"), []);
  assertEquals((await host.stat("/etc/deep"))?.mode, 0o755);
});

Deno.test("installFile() makes the file beside its place on another file system", async () => {
  const host = new FakeHost({ "/mnt/x": "", "/var/lib/x": "" });
  const rename = host.rename.bind(host);
  host.rename = async (from, to) => {
    if (from.startsWith("/var/")) throw Object.assign(new Error("cross"), { code: "EXDEV" });
    await rename(from, to);
  };
  await installFile(host, "/mnt/file", "x", OWNER);
  assertEquals(host.textOf("/mnt/file"), "x");
  assertEquals(await host.readDir("/mnt"), ["file", "x"]);
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

Deno.test("installFile() leaves nothing behind when it fails", async () => {
  const host = new FakeHost({ "/etc/x": "", "/var/lib/x": "" });
  host.broken.set("/etc/file", new Error("full"));
  await assertRejects(() => installFile(host, "/etc/file", "x", OWNER), Error, "full");
  assert(![...host.nodes.keys()].some((path) => path.includes("staging/")));
});

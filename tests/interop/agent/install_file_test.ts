/** Placing files below directories that accounts own, on a real file system: what an account does in between must not count. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { installFile } from "../../../agent/system/install_file.ts";
import { DenoHost } from "../../../lib/deno_host.ts";
import { UserError } from "../../../lib/errors.ts";

const UID = Deno.uid()!;
const GID = Deno.gid()!;
/** The account; root can hand things over to it, others are it themselves. */
const ACCOUNT = UID === 0 ? 1000 : UID;
const OWNER = { mode: 0o640, uid: UID, gid: GID };

/** A home with a directory of the account's, and a directory that is none of its business. */
async function withHome(body: (home: string, other: string) => Promise<void>): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${dir}/home/conf`, { recursive: true });
    await Deno.mkdir(`${dir}/other`);
    for (const path of ["home", "home/conf"]) await Deno.chown(`${dir}/${path}`, ACCOUNT, GID);
    await body(`${dir}/home`, `${dir}/other`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}

Deno.test("installFile() writes whole files below a directory that an account owns", async () => {
  await withHome(async (home) => {
    const cwd = Deno.cwd();
    const path = `${home}/conf/deep/file`;
    await installFile(new DenoHost(), path, "old", OWNER);
    await installFile(new DenoHost(), path, "new", { ...OWNER, mode: 0o600 });
    assertEquals(await Deno.readTextFile(path), "new");
    assertEquals((await Deno.stat(path)).mode! & 0o7777, 0o600);
    assertEquals(await names(`${home}/conf/deep`), ["file"]);
    assertEquals(Deno.cwd(), cwd);
    await Deno.remove(path);
    await Deno.mkdir(path);
    await assertRejects(() => new DenoHost().placeFile(`${home}/conf/deep`, "file", "x", OWNER));
    assertEquals(await names(`${home}/conf/deep`), ["file"]);
  });
});

for (const when of ["before the file is made", "before it is renamed"]) {
  Deno.test(`installFile() writes nowhere else when an account makes a link ${when}`, async () => {
    await withHome(async (home, other) => {
      const swap = async () => {
        await Deno.rename(`${home}/conf`, `${home}/away`);
        await Deno.symlink(other, `${home}/conf`);
      };
      class Raced extends DenoHost {
        override async rename(from: string, to: string) {
          if (when === "before it is renamed") await swap();
          await super.rename(from, to);
        }
        override async placeFile(...given: Parameters<DenoHost["placeFile"]>) {
          await swap();
          await super.placeFile(...given);
        }
        override async writeFile(...given: Parameters<DenoHost["writeFile"]>) {
          if (when === "before the file is made") await swap();
          await super.writeFile(...given);
        }
      }
      const cwd = Deno.cwd();
      await assertRejects(() => installFile(new Raced(), `${home}/conf/file`, "x", OWNER));
      assertEquals(await names(other), []);
      assertEquals(await names(`${home}/away`), []);
      assertEquals(Deno.cwd(), cwd);
    });
  });
}

Deno.test("installFile() follows links of root's to where they lead, and no others", async () => {
  await withHome(async (home, other) => {
    await Deno.symlink("../other", `${home}/link`);
    const write = () => installFile(new DenoHost(), `${home}/link/file`, "x", OWNER);
    if (UID !== 0) return void await assertRejects(write, UserError, "a link that an account made");
    await write();
    assertEquals(await names(other), ["file"]);
    assert((await Deno.lstat(`${other}/file`)).isFile);
  });
});

/** Placing files below directories that accounts own, on a real file system: what an account does in between must not count. */
import { assertEquals, assertRejects } from "@std/assert";
import { installFile } from "../../../agent/system/install_file.ts";
import { DenoHost } from "../../../lib/deno_host.ts";
import { UserError } from "../../../lib/errors.ts";
import { names, OWNER, withHome } from "../../support/account_home.ts";

Deno.test("installFile() writes whole files below a directory that an account owns", async () => {
  await withHome(async (home) => {
    const cwd = Deno.cwd();
    const path = `${home}/conf/very/deep/file`;
    await installFile(new DenoHost(), path, "old", OWNER);
    await installFile(new DenoHost(), path, "new", { ...OWNER, mode: 0o600 });
    assertEquals(await Deno.readTextFile(path), "new");
    assertEquals((await Deno.stat(path)).mode! & 0o7777, 0o600);
    assertEquals(await names(`${home}/conf/very/deep`), ["file"]);
    assertEquals(Deno.cwd(), cwd);
  });
});

for (const path of ["conf/file", "conf/new/deep/file"]) {
  Deno.test(`installFile() makes nothing elsewhere when a link is made before ${path} is`, async () => {
    await withHome(async (home, other) => {
      const swap = async () => {
        await Deno.rename(`${home}/conf`, `${home}/away`);
        await Deno.symlink(other, `${home}/conf`);
      };
      class Raced extends DenoHost {
        override async placeFile(...given: Parameters<DenoHost["placeFile"]>) {
          await swap();
          await super.placeFile(...given);
        }
        override async mkdir(...given: Parameters<DenoHost["mkdir"]>) {
          await swap();
          await super.mkdir(...given);
        }
      }
      const cwd = Deno.cwd();
      await assertRejects(() => installFile(new Raced(), `${home}/${path}`, "x", OWNER));
      assertEquals(await names(other), []);
      assertEquals(await names(`${home}/away`), []);
      assertEquals(Deno.cwd(), cwd);
    });
  });
}

Deno.test("installFile() follows no link below a directory that an account owns", async () => {
  await withHome(async (home, other) => {
    await Deno.symlink("../other", `${home}/link`);
    const write = () => installFile(new DenoHost(), `${home}/link/file`, "x", OWNER);
    await assertRejects(write, UserError, `${home}/link is a link that `);
    assertEquals(await names(other), []);
  });
});

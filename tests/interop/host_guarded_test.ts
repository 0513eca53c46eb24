/** Directories that accounts own, on a real file system and with an account that exchanges things at every moment. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { besides, names, OWNER, withHome } from "../support/account_home.ts";
import { oldDeno } from "../support/old_deno.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const host = new DenoHost();
/** Turns `conf` into a link to what is none of the account's business, and back. */
const SWAP_FOLDER = "mv conf away; ln -s ../other conf; rm conf; mv away conf";
/** Turns `file` into a pipe, into a link to a file without end, and back. */
const SWAP_FILE = "mkfifo p; mv p file; ln -s /dev/zero z; mv z file; echo x >r; mv r file";

/** How the account makes directories that look as if the agent had left them. */
const PRIVATE = { recursive: true, mode: 0o700 };

/** How often something worked and how often it failed. */
interface Tries {
  done: number;
  failed: number;
}

/** Tries as often as a second allows, and on until enough has been seen. */
async function often(
  work: () => Promise<unknown>,
  isEnough: (tries: Tries) => boolean = () => true,
): Promise<Tries> {
  const tries = { done: 0, failed: 0 };
  const start = performance.now();
  const spent = () => performance.now() - start;
  while (spent() < 1000 || !isEnough(tries) && spent() < 30_000) {
    await work().then(() => tries.done++, () => tries.failed++);
    // The account is to have its turn on a machine with one processor, too.
    if ((tries.done + tries.failed) % 10 === 0) await host.sleep(1);
  }
  return tries;
}

Deno.test("placeFile() replaces no directory, and leaves nothing behind when it fails", () =>
  withHome(async (home) => {
    await Deno.mkdir(`${home}/conf/file`);
    await assertRejects(() => host.placeFile(`${home}/conf`, "file", "x", OWNER));
    assertEquals(await names(`${home}/conf`), ["file"]);
  }));

Deno.test("placeFile(), placeDirectory() and placeLink() make nothing elsewhere, however links come and go", () =>
  withHome((home, other) =>
    besides(home, SWAP_FOLDER, async () => {
      const cwd = Deno.cwd();
      let round = 0;
      const { done, failed } = await often(async () => {
        const name = `n${round++}`;
        await host.placeFile(`${home}/conf/${name}/deep`, "file", "x", OWNER);
        await host.placeDirectory(`${home}/conf/${name}/dir`, OWNER);
        await host.placeLink(`${home}/conf/${name}/link`, "file");
      }, ({ done, failed }) => done > 0 && failed > 0);
      assert(done > 0 && failed > 0, `${done} done, ${failed} failed`);
      assertEquals(await names(other), []);
      assertEquals(Deno.cwd(), cwd);
    })
  ));

Deno.test("directories made on the way are the account's in its directories, and root's elsewhere", () =>
  withHome(async (home, other) => {
    const { uid, gid } = (await host.stat(`${home}/conf`))!;
    for (const top of [`${home}/conf`, other]) {
      await host.placeFile(`${top}/a/b`, "file", "x", OWNER);
      await host.placeLink(`${top}/a/c/link`, "../b/file");
      assertEquals(await Deno.readTextFile(`${top}/a/c/link`), "x");
    }
    for (const path of ["a", "a/b", "a/c"]) {
      const [own, others] = await Promise.all(
        [`${home}/conf`, other].map((top) => host.stat(`${top}/${path}`)),
      );
      assertEquals([own?.uid, own?.gid], [uid, gid], path);
      assertEquals([others?.uid, others?.gid], [OWNER.uid, OWNER.gid], path);
      assertEquals([own?.mode, others?.mode], [0o755, 0o755]);
    }
    assertEquals(await names(`${home}/conf`), ["a"]);
  }));

Deno.test("no directory is given to an account but what was made for it, however links come and go", () =>
  withHome((home, other) =>
    besides(`${home}`, "rm -rf conf/n; ln -s ../../other conf/n; rm conf/n", async () => {
      const before = await host.stat(other);
      await often(() => host.placeFile(`${home}/conf/n/deep`, "file", "x", OWNER));
      const { uid, gid, mode } = (await host.stat(other))!;
      assertEquals([uid, gid, mode], [before?.uid, before?.gid, before?.mode]);
      assertEquals(await names(other), []);
    })
  ));

Deno.test("placeLink() replaces files and links, and no directory", () =>
  withHome(async (home) => {
    for (const target of ["conf", "nowhere", "/etc"]) {
      await host.placeLink(`${home}/link`, target);
      assertEquals(await Deno.readLink(`${home}/link`), target);
    }
    await Deno.writeTextFile(`${home}/file`, "");
    await host.placeLink(`${home}/file`, "conf");
    await assertRejects(() => host.placeLink(`${home}/conf`, "file"));
    assertEquals(await names(home), ["conf", "file", "link"]);
  }));

Deno.test("removeEntry() removes a file, a link or an empty directory, and nothing behind a link", () =>
  withHome(async (home, other) => {
    await Deno.writeTextFile(`${other}/file`, "");
    await Deno.writeTextFile(`${home}/file`, "");
    await Deno.symlink(other, `${home}/link`);
    await assertRejects(() => host.removeEntry(`${home}/link/file`), Error, "is a link");
    await assertRejects(() => host.removeEntry(home));
    for (const name of ["file", "link", "conf"]) {
      assertEquals(await host.removeEntry(`${home}/${name}`), true);
      assertEquals(await host.removeEntry(`${home}/${name}`), false);
    }
    assertEquals(await host.removeEntry(`${home}/missing/file`), false);
    assertEquals([await names(home), await names(other)], [[], ["file"]]);
  }));

Deno.test("placeDirectory() gives a directory owner and mode, whether it was there or not", () =>
  withHome(async (home, other) => {
    const mode = 0o700;
    for (let i = 0; i < 2; i++) await host.placeDirectory(`${home}/a/b`, { ...OWNER, mode });
    assertEquals((await Deno.stat(`${home}/a/b`)).mode! & 0o7777, mode);
    assertEquals((await Deno.stat(`${home}/a`)).mode! & 0o7777, 0o755);
    await Deno.chmod(other, 0o711);
    await Deno.symlink(other, `${home}/link`);
    await assertRejects(() => host.placeDirectory(`${home}/link`, { ...OWNER, mode }));
    assertEquals((await Deno.stat(other)).mode! & 0o7777, 0o711);
  }));

Deno.test("readRegular() gives facts and content of what is a regular file and short enough", () =>
  withHome(async (home, other) => {
    const read = (name: string, max = 100) => host.readRegular(`${home}/${name}`, max);
    await Deno.writeTextFile(`${home}/file`, "content", { mode: 0o600 });
    const found = await read("file");
    assertEquals(new TextDecoder().decode(found?.data), "content");
    const facts = await host.stat(`${home}/file`);
    assertEquals(found?.info, facts);
    assertEquals((await read("file", 7))?.data?.length, 7);
    assertEquals((await read("file", 6))?.data, undefined);
    assertEquals(await read("missing"), undefined);
    assertEquals(await read("missing/file"), undefined);
    assertEquals(await read("file/below"), undefined);
    assertEquals((await host.run(["mkfifo", `${home}/pipe`])).code, 0);
    await Deno.symlink("/dev/zero", `${home}/endless`);
    await Deno.truncate(await touch(`${home}/long`), 2 ** 40);
    const kinds: [string, string][] = [
      ["pipe", "other"],
      ["endless", "symlink"],
      ["long", "file"],
      ["conf", "directory"],
    ];
    for (const [name, kind] of kinds) {
      const { info, data } = (await read(name))!;
      assertEquals([info.kind, data], [kind, undefined]);
    }
    await Deno.writeTextFile(`${other}/secret`, "secret");
    await Deno.symlink(other, `${home}/link`);
    await assertRejects(() => read("link/secret"), Error, "is a link");
  }));

async function touch(path: string): Promise<string> {
  await Deno.writeTextFile(path, "");
  return path;
}

Deno.test("stat() and readRegular() tell the same of whatever there is", () =>
  withHome(async (home) => {
    await Deno.writeTextFile(`${home}/plain`, "12345", { mode: 0o640 });
    await Deno.utime(`${home}/plain`, 1, 1_700_000_000.9);
    await Deno.symlink("plain", `${home}/link`);
    await host.run(["mkfifo", `${home}/pipe`]);
    const kinds: [path: string, kind: string][] = [
      [`${home}/plain`, "file"],
      [`${home}/conf`, "directory"],
      [`${home}/link`, "symlink"],
      [`${home}/pipe`, "other"],
      ["/dev/null", "char"],
    ];
    for (const [path, kind] of kinds) {
      const told = await host.stat(path);
      assertEquals(told?.kind, kind, path);
      assertEquals((await host.readRegular(path, 100))?.info, told, path);
    }
    const { size, mode, mtime } = (await host.stat(`${home}/plain`))!;
    assertEquals([size, mode, mtime], [5, 0o640, 1_700_000_000]);
  }));

Deno.test("readRegular() waits for no pipe and reads nothing without end, however they come and go", () =>
  withHome((home) =>
    besides(home, SWAP_FILE, async () => {
      const lengths = new Set<number | undefined>();
      const { done, failed } = await often(async () => {
        const start = performance.now();
        lengths.add((await host.readRegular(`${home}/file`, 1000))?.data?.length);
        assertLess(performance.now() - start, 5000);
      });
      assert(done > 0 && failed === 0, `${done} done, ${failed} failed`);
      assertEquals([...lengths].filter((length) => length !== undefined && length !== 2), []);
    })
  ));

Deno.test("readRegular() reads no more than it is allowed of a file that grows", () =>
  withHome(async (home) => {
    const path = await touch(`${home}/file`);
    const grow = "head -c 100000 /dev/zero >>file; [ $(wc -c <file) -lt 9000000 ] || : >file";
    await besides(home, grow, async () => {
      const { failed } = await often(async () => {
        assertLess((await host.readRegular(path, 1_000_000))?.data?.length ?? 0, 1_000_001);
      });
      assertEquals(failed, 0);
    });
  }));

Deno.test("readRegular() does the same on an older Deno, which would wait for a pipe", () =>
  withHome(async (home) => {
    const { deno } = await oldDeno();
    const script = `import { DenoHost } from "${ROOT}lib/deno_host.ts";
      const [path] = Deno.args;
      const lengths = new Set();
      for (const end = performance.now() + 1000; performance.now() < end;) {
        lengths.add((await new DenoHost().readRegular(path, 1000))?.data?.length ?? 2);
      }
      const { info, data } = await new DenoHost().readRegular("/etc/passwd", 1e6);
      await new DenoHost().placeLink(path + ".link", "x");
      await new DenoHost().removeEntry(path + ".link");
      console.log([...lengths].join(), data.length === info.size);
      Deno.exit(0);`;
    await Deno.writeTextFile(`${home}/read.ts`, script);
    const rights = ["--allow-read", "--allow-write", "--allow-run=/bin/sh"];
    const args = ["run", "-q", "--no-config", "--no-lock", "--no-prompt", ...rights];
    await besides(home, SWAP_FILE, async () => {
      const { code, stdout } = await host.run([deno, ...args, `${home}/read.ts`, `${home}/file`], {
        timeoutMs: 60_000,
      });
      assertEquals([code, new TextDecoder().decode(stdout)], [0, "2 true\n"]);
    });
    assertEquals(await names(home), ["conf", "file", "read.ts"]);
  }));

Deno.test("an older Deno passes through the directories of the programs that it may run", () =>
  withHome(async (_home, other) => {
    const { deno } = await oldDeno();
    await Deno.mkdir(`${other}/usr/bin`, { recursive: true });
    await Deno.writeTextFile(`${other}/usr/bin/tool`, "#!/bin/sh\n", { mode: 0o755 });
    const script = `import { DenoHost } from "${ROOT}lib/deno_host.ts";
      await new DenoHost().placeLink(Deno.args[0], "x");`;
    await Deno.writeTextFile(`${other}/link.ts`, script);
    const rights = ["--allow-read", "--allow-write", `--allow-run=${other}/usr/bin/tool`];
    const args = ["run", "-q", "--no-config", "--no-lock", "--no-prompt", ...rights];
    const link = `${other}/usr/local/link`;
    const { code, stderr } = await host.run([deno, ...args, `${other}/link.ts`, link]);
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    assertEquals(await Deno.readLink(link), "x");
  }));

Deno.test("removeLeftovers() removes what a killed placeFile() left, and nothing else", () =>
  withHome(async (home, other) => {
    const aside = () => `${home}/conf/.psyopsos-${crypto.randomUUID()}`;
    const left = [aside(), aside()];
    for (const path of left) await Deno.mkdir(path, { mode: 0o700 });
    await Deno.writeTextFile(`${left[0]}/file`, "half");
    const kept = [aside(), aside(), aside(), `${home}/conf/.psyopsos-notes`];
    await Deno.mkdir(kept[0]!, { mode: 0o755 });
    await Deno.writeTextFile(`${kept[0]}/file`, "of another mode");
    await Deno.mkdir(kept[1]!, { mode: 0o700 });
    await Deno.writeTextFile(`${kept[1]}/more`, "of another name");
    await Deno.symlink(other, kept[2]!);
    await Deno.writeTextFile(`${other}/file`, "elsewhere");
    await Deno.mkdir(kept[3]!, { mode: 0o700 });
    assertEquals(await host.removeLeftovers(`${home}/conf`), 2);
    assertEquals(
      await names(`${home}/conf`),
      kept.map((path) => path.split("/").at(-1)!).sort(),
    );
    assertEquals(await Deno.readTextFile(`${kept[0]}/file`), "of another mode");
    assertEquals(await names(other), ["file"]);
    assertEquals(await host.removeLeftovers(`${home}/missing`), 0);
  }));

Deno.test("removeLeftovers() tries a hundred directories at a time, and in the end all", () =>
  withHome(async (home) => {
    const aside = () => `${home}/conf/.psyopsos-${crypto.randomUUID()}`;
    for (let i = 0; i < 250; i++) await Deno.mkdir(aside(), { mode: 0o700 });
    const removed = async () => await host.removeLeftovers(`${home}/conf`);
    assertEquals([await removed(), await removed(), await removed(), await removed()], [
      ...[100, 100, 50, 0],
    ]);
    // What an account has put there to hide one stays, and hides it for a while only.
    for (let i = 0; i < 200; i++) await Deno.mkdir(`${aside()}/of the account's`, PRIVATE);
    await Deno.mkdir(aside(), { mode: 0o700 });
    let tries = 1;
    while (await removed() === 0) assertLess(tries++, 200);
    assertEquals((await names(`${home}/conf`)).length, 200);
  }));

/** Lock files between real processes: nothing but the end of a holder, however it ends, may let the next one in. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import { lockFile, withLock } from "../../lib/lock.ts";
import { oldDeno } from "../support/old_deno.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const host = new DenoHost();
const COMMAND = { command: "task test" };

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A process that holds the lock at `path` until it is killed. */
async function holder(path: string, deno = Deno.execPath()): Promise<Deno.ChildProcess> {
  const script = `import { DenoHost } from "${ROOT}lib/deno_host.ts";
    const { lock } = await new DenoHost().lock(Deno.args[0], { command: "task publish" });
    console.log(lock ? "held" : "refused");
    setInterval(() => {}, 1000);`;
  const file = `${path}.ts`;
  await Deno.writeTextFile(file, script);
  const rights = ["--allow-read", "--allow-write", "--allow-run=/bin/sh"];
  const args = ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", ...rights, file, path];
  const child = new Deno.Command(deno, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value).trim(), "held");
  reader.releaseLock();
  return child;
}

/** Hides what an older Deno does not have. */
function withoutTryLock(): Disposable {
  const files = Deno.FsFile.prototype as Partial<Deno.FsFile>;
  const { tryLockSync } = files;
  delete files.tryLockSync;
  return { [Symbol.dispose]: () => void (files.tryLockSync = tryLockSync) };
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.output();
}

Deno.test("lock() refuses a second process, and lets it in once the holder was killed", () =>
  withDir(async (dir) => {
    const path = `${dir}/lock`;
    const child = await holder(path);
    try {
      const error = await assertRejects(
        () => lockFile(host, path, { ...COMMAND, doing: "publish" }),
        UserError,
      );
      assertMatch(
        error.message,
        /^Cannot publish: process \d+ \(task publish\) has been at it since 20[\d-]+T[\d:.]+Z$/,
      );
      assert(error.state.startsWith(`process ${child.pid} `), error.state);
    } finally {
      await kill(child);
    }
    const lock = await lockFile(host, path, { ...COMMAND, doing: "publish" });
    const { mode, size } = await Deno.stat(path);
    assertEquals(mode! & 0o777, 0o600);
    assert(size > 0);
    lock.release();
    lock.release();
    assertEquals((await Deno.stat(path)).size, 0, "a released lock names nobody");
  }));

Deno.test("lock() waits for the holder as long as it is told, and no longer", () =>
  withDir(async (dir) => {
    const path = `${dir}/lock`;
    const child = await holder(path);
    const start = performance.now();
    const { holder: who } = await host.lock(path, { ...COMMAND, waitMs: 300 });
    assertEquals(who?.pid, child.pid);
    assert(performance.now() - start >= 300);
    const stop = new AbortController();
    const stopped = host.lock(path, { ...COMMAND, waitMs: Infinity, signal: stop.signal });
    stop.abort();
    assertEquals((await stopped).holder?.pid, child.pid);
    const waiting = host.lock(path, { ...COMMAND, waitMs: Infinity });
    await kill(child);
    (await waiting).lock!.release();
  }));

Deno.test("lock() lets one at a time in, whoever deletes its file in between", () =>
  withDir(async (dir) => {
    const path = `${dir}/lock`;
    let inside = 0;
    let rounds = 0;
    const one = async () => {
      for (let i = 0; i < 20; i++) {
        await withLock(host, path, { ...COMMAND, waitMs: 60_000, doing: "work" }, async () => {
          assertEquals(++inside, 1);
          await new Promise((resolve) => setTimeout(resolve, i % 3));
          inside--;
          rounds++;
          // Before the lock is let go, so that those who wait for it have opened a file that is no longer there.
          if (i % 5 === 0) Deno.removeSync(path);
        });
      }
    };
    await Promise.all([one(), one(), one()]);
    assertEquals(rounds, 60);
  }));

Deno.test("lock() does not take a file that was deleted while it waited for it", () =>
  withDir(async (dir) => {
    const path = `${dir}/lock`;
    // As on an older Deno, which waits for the very file that it has opened.
    using _ = withoutTryLock();
    const { lock: first } = await host.lock(path, COMMAND);
    const waiting = host.lock(path, { ...COMMAND, waitMs: 60_000 });
    const isOver = waiting.then(() => true);
    Deno.removeSync(path);
    const { lock: second } = await host.lock(path, COMMAND);
    first!.release();
    const later = new Promise((resolve) => setTimeout(() => resolve(false), 400));
    assertEquals(await Promise.race([isOver, later]), false, "the second holder has it now");
    second!.release();
    (await waiting).lock!.release();
  }));

Deno.test("lock() touches nothing but an ordinary file of one name", () =>
  withDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/precious`, "content");
    await Deno.symlink("precious", `${dir}/link`);
    await Deno.symlink("missing", `${dir}/dangling`);
    await Deno.link(`${dir}/precious`, `${dir}/second`);
    await Deno.mkdir(`${dir}/folder`);
    assertEquals((await host.run(["mkfifo", `${dir}/pipe`])).code, 0);
    for (const name of ["link", "dangling", "second", "folder", "pipe"]) {
      await assertRejects(() => host.lock(`${dir}/${name}`, COMMAND), UserError, "ordinary file");
    }
    assertEquals(await Deno.readTextFile(`${dir}/precious`), "content");
  }));

Deno.test("lock() works on an older Deno, which can only wait for a lock", () =>
  withDir(async (dir) => {
    const { deno } = await oldDeno();
    const path = `${dir}/lock`;
    const mine = await lockFile(host, path, { ...COMMAND, doing: "test" });
    const script = `import { DenoHost } from "${ROOT}lib/deno_host.ts";
        const host = new DenoHost();
        const { holder } = await host.lock(Deno.args[0], { command: "a" });
        console.log(holder?.command);
        const later = host.lock(Deno.args[0], { command: "b", waitMs: 60_000 });
        console.log("waiting");
        (await later).lock.release();
        console.log("done");
        Deno.exit(0);`;
    await Deno.writeTextFile(`${dir}/try.ts`, script);
    const args = ["run", "-q", "--no-config", "--no-lock", "-A", `${dir}/try.ts`, path];
    const child = new Deno.Command(deno, { args, stdin: "null", stdout: "piped" }).spawn();
    const lines: string[] = [];
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      lines.push(...text.trim().split("\n"));
      if (lines.at(-1) === "waiting") mine.release();
    }
    assertEquals(lines, ["task test", "waiting", "done"]);
    assertEquals((await child.status).code, 0);
  }));

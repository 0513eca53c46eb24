import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { describeHolder, formatHolder, lockFile, parseHolder, withLock } from "../../lib/lock.ts";
import { FakeHost } from "../support/fake_host.ts";

const HOLDER = { pid: 4711, since: "2026-11-22T20:00:00.000Z", command: "task publish" };
const OPTIONS = { command: "task site", doing: "build the site" };

Deno.test("parseHolder() reads what formatHolder() wrote, and of anything else nothing", () => {
  assertEquals(parseHolder(formatHolder(HOLDER)), HOLDER);
  const line = formatHolder(HOLDER);
  const others = ["", line.trim(), `${line}\n`, line.replace("task", "\x1b[31m"), `x${line}`];
  for (const text of others) assertEquals(parseHolder(text), {});
  const long = formatHolder({ ...HOLDER, command: "x".repeat(300) });
  assertEquals(parseHolder(long), {});
});

Deno.test("describeHolder() says who, what and since when as far as it is known", () => {
  const words = "process 4711 (task publish) has been at it since 2026-11-22T20:00:00.000Z";
  assertEquals(describeHolder(HOLDER), words);
  assertEquals(describeHolder({}), "another process is at it");
});

Deno.test("withLock() lets the lock go when the work is done and when it fails", async () => {
  const host = new FakeHost();
  assertEquals(await withLock(host, "/lock", OPTIONS, () => Promise.resolve(3)), 3);
  const fails = () => withLock(host, "/lock", OPTIONS, () => Promise.reject(new Error("no")));
  await assertRejects(fails, Error, "no");
  assertEquals(host.locks.size, 0);
});

Deno.test("lockFile() waits as long as it is told, then says who holds the lock", async () => {
  const host = new FakeHost();
  host.locks.set("/lock", HOLDER);
  const start = host.clock.getTime();
  await assertRejects(
    () => lockFile(host, "/lock", { ...OPTIONS, waitMs: 5000 }),
    UserError,
    "Cannot build the site: process 4711 (task publish) has been at it since",
  );
  assertEquals(host.clock.getTime() - start, 5000);
  host.sleep = () => Promise.resolve(void host.locks.delete("/lock"));
  const lock = await lockFile(host, "/lock", { ...OPTIONS, waitMs: 5000 });
  assertEquals(host.locks.get("/lock")?.command, "task site");
  lock.release();
});

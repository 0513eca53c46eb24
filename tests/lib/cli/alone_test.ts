import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { alone, lockBeside, lockIn } from "../../../lib/cli/alone.ts";
import { FakeHost } from "../../support/fake_host.ts";

const TURN = { doing: "change nodes", command: "task secret set" };

Deno.test("alone() lets one in at a time, and the next when the first has failed", async () => {
  const host = new FakeHost({ "nodes/global.yaml": "" });
  const lock = lockIn("nodes");
  await assertRejects(
    () =>
      alone(host, lock, TURN, async () => {
        const error = await assertRejects(
          () => alone(host, lock, TURN, () => Promise.resolve()),
          UserError,
          "(task secret set) has been at it since",
        );
        assertEquals(error.doing, "change nodes");
        throw new Error("the work failed");
      }),
    Error,
    "the work failed",
  );
  assertEquals(await alone(host, lock, TURN, () => Promise.resolve(5)), 5);
});

Deno.test("alone() makes no folder where it should not, and asks for none beside what is here", async () => {
  const host = new FakeHost();
  assertEquals(await alone(host, lockIn("nowhere"), TURN, () => Promise.resolve(1)), 1);
  assertEquals(await host.stat("nowhere"), undefined);
  const make = { ...TURN, make: 0o700 };
  assertEquals(await alone(host, lockIn("keys"), make, () => Promise.resolve(1)), 1);
  assertEquals((await host.stat("keys"))?.mode, 0o700);
  const locked = () => Promise.resolve([...host.locks.keys()]);
  assertEquals(await alone(host, await lockBeside(host, "public"), make, locked), ["public.lock"]);
  assertEquals(await alone(host, await lockBeside(host, "/srv"), make, locked), ["/srv.lock"]);
});

Deno.test("lockBeside() is one lock of a folder, whatever way leads there", async () => {
  const host = new FakeHost({ "/srv/fleet/public/index.html": "" });
  await host.symlink("fleet", "/srv/link");
  await host.symlink("/srv/link/public", "/www");
  const ways = ["/srv/fleet/public", "/srv/fleet/public/", "/srv/fleet/public/.", "/www", "/www/"];
  for (
    const way of [...ways, "/srv/link/public", "/srv/fleet/public/../public", "/srv//fleet/public"]
  ) {
    assertEquals(await lockBeside(host, way), "/srv/fleet/public.lock", way);
  }
});

Deno.test("lockBeside() knows the place of a folder that is still to be made", async () => {
  const host = new FakeHost({ "/srv/fleet/x": "" });
  await host.symlink("/srv/fleet", "/link");
  for (const way of ["/srv/fleet/public", "/link/public/", "/link/public/.", "/link/a/../public"]) {
    assertEquals(await lockBeside(host, way), "/srv/fleet/public.lock", way);
  }
  assertEquals(await lockBeside(host, "/link/a/b"), "/srv/fleet/a/b.lock");
  assertEquals(await lockBeside(host, "public/"), "public.lock");
});

Deno.test("alone() lets those work who may not write where the lock is", async () => {
  const host = new FakeHost({ "site/index.html": "" });
  host.lock = () =>
    Promise.reject(new Deno.errors.PermissionDenied("Permission denied (os error 13)"));
  assertEquals(await alone(host, "site.lock", TURN, () => Promise.resolve(1)), 1);
  host.lock = () => Promise.reject(new Error("disk on fire"));
  await assertRejects(
    () => alone(host, "site.lock", TURN, () => Promise.resolve(1)),
    Error,
    "fire",
  );
});

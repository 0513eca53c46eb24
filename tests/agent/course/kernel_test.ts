/** The kernel's settings from one boot to the next: tried at a boot, confirmed by an answer of whatever kind. */
import { assertEquals } from "@std/assert";
import { KernelFake } from "../resources/kernel_fake.ts";
import { ALPHA, driveOf, makeSite, World } from "../world.ts";

const WITH_KERNEL = ALPHA.replace("config:\n", "config:\n  kernel: {blacklist: {nouveau: true}}\n");
const TEXT = "psyopsos-kernel 1\nblacklist nouveau\nend\n";

/** The next boot of a machine, which starts with what its drive has for a trial. */
function startedWithTrial(before: World): World {
  const next = before.reboot();
  new KernelFake(next).files.set("/proc/sys/kernel/osrelease", "6.1.0");
  const files = next.drive.files!;
  assertEquals(new TextDecoder().decode(files.get("state/kernel-trial.conf") as Uint8Array), TEXT);
  files.set("state/kernel-tried.conf", files.get("state/kernel-trial.conf")!);
  files.delete("state/kernel-trial.conf");
  next.put("/run/psyopsos/kernel-kept", TEXT);
  return next;
}

/** Names of the kernel's settings on the drive. */
function kept(world: World): string[] {
  world.drive.unmount();
  return [...world.drive.files!.keys()].filter((name) => name.startsWith("state/kernel"));
}

async function firstBoot(): Promise<World> {
  const world = new World(driveOf("alpha"), await makeSite({ alpha: WITH_KERNEL }));
  new KernelFake(world).files.set("/proc/sys/kernel/osrelease", "6.1.0");
  await world.boot();
  assertEquals(world.status.problem, undefined);
  return world;
}

Deno.test("runAgent() confirms the kernel's settings when its site answers in the boot that tries them", async () => {
  const world = startedWithTrial(await firstBoot());
  await world.boot();
  assertEquals(kept(world), ["state/kernel.conf"]);
});

Deno.test("runAgent() confirms them by an answer that is refused, too", async () => {
  const world = startedWithTrial(await firstBoot());
  world.site = await makeSite({ alpha: WITH_KERNEL, serial: 41 });
  await world.boot();
  assertEquals([world.status.source, world.status.problem?.check], ["last-good", "serial"]);
  assertEquals(kept(world), ["state/kernel.conf"]);
});

Deno.test("runAgent() does not confirm them while no site answers, and then does not try them again", async () => {
  const trial = startedWithTrial(await firstBoot());
  const { site } = trial;
  trial.site = undefined;
  await trial.boot();
  assertEquals(trial.status.source, "last-good");
  assertEquals(kept(trial), ["state/kernel-tried.conf"]);
  const next = trial.reboot();
  next.site = site;
  new KernelFake(next).files.set("/proc/sys/kernel/osrelease", "6.1.0");
  await next.boot();
  assertEquals(kept(next), ["state/kernel-tried.conf"]);
  assertEquals(
    next.status.problem?.message,
    "Cannot keep the kernel's settings for the start of the next boot: no site answered in the boot that tried them; " +
      "change them to have them tried again",
  );
});

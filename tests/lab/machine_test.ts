/** The machine handling itself, with nothing to boot: the firmware ends in its own shell. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import { findFirmware } from "../../lib/lab/firmware.ts";
import { Machine } from "../../lib/lab/machine.ts";
import type { MachineSpec } from "../../lib/lab/qemu.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();

async function emptyMachine(dir: string): Promise<MachineSpec> {
  const { code, vars } = await findFirmware(host);
  await Deno.copyFile(vars, `${dir}/vars.fd`);
  return {
    name: "empty",
    memoryMiB: 256,
    cpus: 1,
    accelerator: "tcg",
    boot: { kind: "firmware", code, vars: `${dir}/vars.fd` },
    drives: [],
    network: "none",
  };
}

Deno.test({
  name: "Machine says what it waited for and what came instead, and leaves nothing behind",
  ...needTool("qemu-system-x86_64"),
  fn: async () => {
    const dir = await Deno.makeTempDir();
    const tmp = await Deno.makeTempDir();
    const here = new class extends DenoHost {
      override env(name: string) {
        return name === "TMPDIR" ? tmp : super.env(name);
      }
    }();
    try {
      const machine = await Machine.start(here, await emptyMachine(dir), { workDir: dir });
      try {
        await machine.line(/Shell|BdsDxe/, { timeoutMs: 60_000 });
        const error = await assertRejects(
          () => machine.line("psyopsOS:", { timeoutMs: 100 }),
          UserError,
          "Cannot find psyopsOS: on the console (empty): nothing within 0.1 s",
        );
        assert(error.hint?.includes("last lines of"), error.hint);
        const qmp = await machine.qmp();
        const { status } = await qmp.execute("query-status") as { status: string };
        assertEquals(status, "running");
        await assertRejects(() => qmp.execute("device_del", { id: "none" }), UserError, "none");
        await qmp.execute("quit");
        await machine.off(20_000);
        await assertRejects(
          () => machine.line("psyopsOS:", { timeoutMs: 20_000 }),
          UserError,
          "the machine ended",
        );
      } finally {
        await machine.stop();
      }
      assertEquals([...Deno.readDirSync(tmp)], []);
      assert((await Deno.stat(`${dir}/console.log`)).size > 0);
    } finally {
      await Deno.remove(dir, { recursive: true });
      await Deno.remove(tmp, { recursive: true });
    }
  },
});

Deno.test({
  name: "Machine reports QEMU's own complaint",
  ...needTool("qemu-system-x86_64"),
  fn: async () => {
    const dir = await Deno.makeTempDir();
    try {
      const spec = await emptyMachine(dir);
      const drives = [{ id: "disk", file: `${dir}/missing.img`, bus: "virtio" }] as const;
      await using machine = await Machine.start(host, { ...spec, drives }, { workDir: dir });
      const error = await assertRejects(
        () => machine.line("x", { timeoutMs: 20_000 }),
        UserError,
        "the machine ended",
      );
      assert(error.hint?.includes("missing.img"), error.hint);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

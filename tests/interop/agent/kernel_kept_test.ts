/** What the start of the system makes of the kernel's settings on a drive, under the shells of nodes. */
import { assert, assertEquals } from "@std/assert";
import { DRIVE_LABEL } from "../../../lib/documents/drive.ts";
import {
  formatKernelSettings,
  KERNEL_SETTINGS,
  MAX_KERNEL_SETTINGS,
  modprobeText,
} from "../../../lib/documents/kernel_settings.ts";
import { desired, type NodeConfig } from "../../../lib/config/mod.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const LIB = new URL("../../../overlay/root/usr/lib/psyopsos/", import.meta.url).pathname;

const WANTED: NodeConfig["kernel"] = {
  modules: { nbd: { parameters: { nbds_max: 4 } } },
  blacklist: { pcspkr: true },
  sysctl: { "vm.swappiness": 10, "net.ipv4.ports": "1 2", "kernel.empty": "", "kernel.nope": 1 },
};
const wanted = desired("kernel", { kernel: WANTED }, { name: "alpha" });
const TEXT = formatKernelSettings(wanted)!;

/** A machine that is starting. */
class Start {
  constructor(readonly dir: string, readonly shell: readonly string[]) {}

  path(name: string): string {
    return `${this.dir}/${name}`;
  }

  async write(name: string, data: string | Uint8Array): Promise<void> {
    const path = this.path(name);
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof data === "string") await Deno.writeTextFile(path, data);
    else await Deno.writeFile(path, data);
  }

  async read(name: string): Promise<string | undefined> {
    return await Deno.readTextFile(this.path(name)).catch(() => undefined);
  }

  /** Runs `kernel-kept`; gives its exit code and what the made-up programs were told. */
  async run(verb: string): Promise<{ code: number; log: string[] }> {
    await this.write("log", "");
    const [program = "", ...args] = [...this.shell, this.path("lib/kernel-kept"), verb];
    const { code, stderr } = await new Deno.Command(program, { args }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    const log = (await this.read("log"))!.split("\n").slice(0, -1);
    return { code, log: log.map((line) => line.replaceAll(this.dir, "")) };
  }
}

/** A script of the image for the tree below `dir`, with programs made up. */
async function scriptFor(dir: string, name: string): Promise<string> {
  const fakes = `
findfs() { [ -d ${dir}/drive ] && [ "$1" = LABEL=${DRIVE_LABEL} ] && echo /dev/vdb; }
mount() {
  case "$*" in
    *remount,rw*) [ ! -e ${dir}/write-protected ] ;;
    *remount,ro*) ;;
    *) rmdir ${dir}/run/kernel-drive && ln -s ${dir}/drive ${dir}/run/kernel-drive ;;
  esac
}
umount() { rm ${dir}/run/kernel-drive && mkdir ${dir}/run/kernel-drive; }
sync() { echo sync >>${dir}/log; }
timeout() { shift; "$@"; }
modprobe() { echo "modprobe $*" >>${dir}/log; }
`;
  const source = await Deno.readTextFile(LIB + name);
  return fakes + source.replaceAll("/usr/lib/psyopsos", `${dir}/lib`)
    .replaceAll("/run/psyopsos", `${dir}/run`)
    .replaceAll(/\/(?:etc\/modprobe\.d|proc\/modules|proc\/sys|sys\/)/g, `${dir}$&`);
}

async function withStart(
  shell: readonly string[],
  body: (start: Start) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  const start = new Start(dir, shell);
  try {
    await start.write("lib/kernel-kept", await scriptFor(dir, "kernel-kept"));
    await start.write("lib/kernel-files.sh", await scriptFor(dir, "kernel-files"));
    const files = `#!/bin/sh\nexec ${shell.join(" ")} ${dir}/lib/kernel-files.sh "$@"\n`;
    await start.write("lib/kernel-files", files);
    await Deno.chmod(start.path("lib/kernel-files"), 0o755);
    await start.write("proc/modules", "virtio_blk 1 0 - Live 0\next4 2 1 - Live 0\n");
    await start.write("proc/sys/vm/swappiness", "60\n");
    await start.write("proc/sys/net/ipv4/ports", "32768\t60999\n");
    await start.write("proc/sys/kernel/empty", "core\n");
    await body(start);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const { name, tools, command } of SHELLS) {
  const test = (title: string, body: (start: Start) => Promise<void>) =>
    Deno.test({
      name: `kernel-kept ${title}, under ${name}`,
      ...needTool(...tools),
      fn: async () => await withStart(await command(), body),
    });

  test("puts what the drive keeps in force, and notes how it was", async (start) => {
    await start.write(`drive/state/${KERNEL_SETTINGS.confirmed}`, TEXT);
    assertEquals(await start.run("find"), { code: 0, log: [] });
    assertEquals(await start.read("run/kernel-kept"), TEXT);
    assertEquals(await start.read("etc/modprobe.d/psyopsos.conf"), modprobeText(wanted));
    assertEquals(await start.read("run/early-modules"), "virtio_blk\next4\n");
    assertEquals(await start.run("set"), { code: 0, log: ["modprobe -q nbd"] });
    const now = async (path: string) => await start.read(`proc/sys/${path}`);
    assertEquals(await now("vm/swappiness"), "10\n");
    assertEquals(await now("net/ipv4/ports"), "1 2\n");
    assertEquals(await now("kernel/empty"), "\n");
    const before = (await start.read("run/kernel-before"))!.replaceAll(start.dir, "");
    assertEquals(
      before,
      "/proc/sys/kernel/empty core\n/proc/sys/net/ipv4/ports 32768\t60999\n/proc/sys/vm/swappiness 60\n",
    );
    for (const file of ["run/kernel-before", "run/kernel-kept", "etc/modprobe.d/psyopsos.conf"]) {
      assertEquals((await Deno.stat(start.path(file))).mode! & 0o777, 0o600, file);
    }
    assertEquals((await Deno.stat(start.path("etc/modprobe.d"))).mode! & 0o777, 0o755);
  });

  test("does nothing without a drive, or without settings on it", async (start) => {
    assertEquals(await start.run("find"), { code: 1, log: [] });
    await start.write("drive/nodename", "alpha\n");
    assertEquals(await start.run("find"), { code: 0, log: [] });
    assertEquals(await start.read("run/kernel-kept"), undefined);
    assertEquals(await start.run("set"), { code: 0, log: [] });
  });

  test("tries new settings at one boot, then takes the confirmed ones again", async (start) => {
    const old = TEXT.replace("nbds_max=4", "nbds_max=2");
    await start.write(`drive/state/${KERNEL_SETTINGS.confirmed}`, old);
    await start.write(`drive/state/${KERNEL_SETTINGS.trial}`, TEXT);
    await start.run("find");
    assertEquals(await start.read("run/kernel-kept"), TEXT);
    assertEquals(await start.read(`drive/state/${KERNEL_SETTINGS.trial}`), undefined);
    assertEquals(await start.read(`drive/state/${KERNEL_SETTINGS.tried}`), TEXT);
    await Deno.remove(start.path("run"), { recursive: true });
    await start.run("find");
    assertEquals(await start.read("run/kernel-kept"), old);
  });

  test("tries nothing that it can't mark as tried", async (start) => {
    await start.write("write-protected", "");
    await start.write(`drive/state/${KERNEL_SETTINGS.trial}`, TEXT);
    await start.run("find");
    assertEquals(await start.read("run/kernel-kept"), undefined);
  });

  test("takes nothing of a file that is not of the form, and runs nothing of it", async (start) => {
    const file = `drive/state/${KERNEL_SETTINGS.confirmed}`;
    const wrap = (line: string) => `psyopsos-kernel 1\nmodule nbd\n${line}\nend\n`;
    const wrong = [
      "",
      TEXT.slice(0, -5),
      TEXT.replace("psyopsos-kernel 1", "psyopsos-kernel 2"),
      wrap("module $(touch x)"),
      wrap("module -r"),
      wrap("module nbd; touch x"),
      wrap("options nbd a=b install"),
      wrap("install nbd /bin/true"),
      wrap("blacklist a b"),
      wrap("sysctl vm/x \u{7f}"),
      wrap("sysctl /etc/passwd x"),
      wrap("module nbd\r"),
      wrap(""),
      wrap("x".repeat(MAX_KERNEL_SETTINGS)),
    ];
    for (const text of wrong) {
      await start.write(file, text);
      assertEquals((await start.run("find")).code, 0);
      assertEquals(await start.read("run/kernel-kept"), undefined, text.slice(0, 60));
      assertEquals(await start.read("etc/modprobe.d/psyopsos.conf"), undefined);
    }
    await Deno.remove(start.path(file));
    await start.write("elsewhere", TEXT);
    await Deno.symlink(start.path("elsewhere"), start.path(file));
    await start.run("find");
    assertEquals(await start.read("run/kernel-kept"), undefined, "a link");
  });

  test("sets nothing outside of /proc/sys", async (start) => {
    await start.write("proc/version", "untouched");
    const text = "psyopsos-kernel 1\nsysctl ../version x\nsysctl vm/../../version x\nend\n";
    await start.write(`drive/state/${KERNEL_SETTINGS.confirmed}`, text);
    await start.run("find");
    assert(await start.read("run/kernel-kept"));
    await start.run("set");
    assertEquals(await start.read("proc/version"), "untouched");
    assertEquals(await start.read("run/kernel-before"), undefined);
  });
}

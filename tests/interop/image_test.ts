/**
 * The embedded engine on a small signed repository, with the real mksquashfs; unsquashfs, cpio and shells judge.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256Hex } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import { buildFixture, writeFixture } from "../support/image_fixture.ts";
import { BUSYBOX_TOOLS, SHELLS, staticBusybox } from "../support/static_busybox.ts";
import { needTool } from "../support/tools.ts";

async function inTemp(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "psyopsos-image-" });
  try {
    await writeFixture(folder);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function output(...command: string[]): Promise<string> {
  const [program = "", ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const said = new TextDecoder().decode(stdout);
  if (code !== 0) throw new Error(`${command}: ${code} ${new TextDecoder().decode(stderr)}`);
  return said;
}

/** Hashes of all files below a folder. */
async function hashes(folder: string, prefix = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    const path = prefix + name;
    if (isDirectory) Object.assign(found, await hashes(folder, `${path}/`));
    else found[path] = sha256Hex(await Deno.readFile(`${folder}/${path}`));
  }
  return found;
}

Deno.test({
  name:
    "buildImage() gives the same bytes under another clock, zone, umask, order, folder and cache",
  ...needTool("mksquashfs", "sh"),
  async fn() {
    await inTemp(async (folder) => {
      await buildFixture(folder, `${folder}/one`, `${folder}/cache1`);
      const elsewhere = `${folder}/elsewhere`;
      await Deno.mkdir(elsewhere);
      await output("cp", "-r", `${folder}/repository`, `${folder}/fixture.rsa.pub`, elsewhere);
      const program = new URL("../support/image_fixture.ts", import.meta.url).pathname;
      const command = `umask 077; exec "$0" run -A "$@"`;
      const { code, stderr } = await new Deno.Command("sh", {
        args: [
          "-c",
          command,
          Deno.execPath(),
          program,
          folder,
          `${folder}/two`,
          `${folder}/cache2`,
          "odd",
        ],
        env: { TZ: "Pacific/Auckland", LC_ALL: "C", SOURCE_DATE_EPOCH: "123", NO_COLOR: "1" },
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const [one, two] = [await hashes(`${folder}/one/1.0`), await hashes(`${folder}/two/1.0`)];
      assertEquals(one, two);
      assertEquals(Object.keys(one).sort(), [
        "disk.img",
        "fixture-1.0-x86_64.cdx.json",
        "fixture-1.0-x86_64.slot.tar",
        "manifest.json",
        "slot/initrd-boot.cpio",
        "slot/initrd-rootfs.cpio",
        "slot/slot.json",
        "slot/vmlinuz",
      ]);
    });
  },
});

Deno.test({
  name: "buildImage() makes a root file system that unsquashfs reads as meant",
  ...needTool("mksquashfs", "unsquashfs", "cpio"),
  async fn() {
    await inTemp(async (folder) => {
      const image = await buildFixture(folder, `${folder}/out`, `${folder}/cache`);
      await output(
        "sh",
        "-c",
        `cd ${folder} && cpio -i --quiet <${image.initrd[1]} && chmod 600 rootfs.squashfs`,
      );
      const listing = await output("unsquashfs", "-lln", `${folder}/rootfs.squashfs`);
      const lines = new Map(
        listing.split("\n").filter((line) => line.includes("squashfs-root")).map((line) => {
          const [mode, owner, , date, time, path] = line.split(/\s+/);
          return [path!.replace(/^squashfs-root\/?/, ""), { mode, owner, at: `${date} ${time}` }];
        }),
      );
      const facts = (path: string) => `${lines.get(path)?.mode} ${lines.get(path)?.owner}`;
      assertEquals(facts(""), "drwxr-xr-x 0/0");
      assertEquals(facts("etc/shadow"), "-rw-r----- 0/42");
      assertEquals(facts("etc/secret"), "-rw------- 0/0");
      assertEquals(facts("etc/a"), "-rw-r--r-- 0/0");
      assertEquals(facts("etc/apk/keys/fixture.rsa.pub"), "-rw-r--r-- 0/0");
      assertEquals(facts("usr/bin/tool"), "-rwxr-xr-x 0/0");
      assertEquals(facts("tmp"), "drwxrwxrwt 0/0");
      assertEquals(facts("var/lib/chrony"), "drwxr-x--- 100/101");
      assertEquals(facts("sbin/init"), "lrwxrwxrwx 0/0");
      assert(lines.has("lib/modules/6.1-test/modules.dep"), listing);
      assert(!lines.has("boot/vmlinuz-virt"), "the kernel is not in the root");
      const json = await output(
        "unsquashfs",
        "-cat",
        `${folder}/rootfs.squashfs`,
        "etc/psyopsos/image.json",
      );
      assertEquals(JSON.parse(json), {
        version: "1.0",
        arch: "x86_64",
        epoch: 1_700_000_000,
        engine: "embedded",
        kernel: "6.1-test",
      });
    });
  },
});

Deno.test({
  name: "buildImage() tells in its manifest what is inside and takes the root from its cache",
  ...needTool("mksquashfs"),
  async fn() {
    await inTemp(async (folder) => {
      const first = await buildFixture(folder, `${folder}/out`, `${folder}/cache`);
      const second = await buildFixture(folder, `${folder}/out`, `${folder}/cache`);
      assertEquals([first.rootfsCached, second.rootfsCached], [false, true]);
      assertEquals(second.manifest, first.manifest);
      assertEquals(
        first.manifest.packages.map(({ name, role }) => `${name} ${role}`),
        [
          "alpine-baselayout installed",
          "busybox installed",
          "chrony installed",
          "linux-virt kernel",
          "busybox-static initramfs",
          "systemd-boot loader",
        ],
      );
      assertEquals(first.cmdline, "console=ttyS0 panic=10 extra=1");
      const kept = JSON.parse(await Deno.readTextFile(`${first.dir}/manifest.json`));
      assertEquals(kept, first.manifest);
      for (const { path, sha256 } of first.manifest.files) {
        assertEquals(sha256Hex(await Deno.readFile(`${first.dir}/${path}`)), sha256, path);
      }
    });
  },
});

Deno.test({
  name: "buildImage() leaves the earlier result when it fails",
  ...needTool("mksquashfs"),
  async fn() {
    await inTemp(async (folder) => {
      const { dir } = await buildFixture(folder, `${folder}/out`, `${folder}/cache`);
      const before = await hashes(dir);
      const package_ = `${folder}/repository/x86_64/busybox-1-r0.apk`;
      const bytes = await Deno.readFile(package_);
      bytes[bytes.length - 20]! ^= 1;
      await Deno.writeFile(package_, bytes);
      await assertRejects(
        () => buildFixture(folder, `${folder}/out`, `${folder}/cache`),
        UserError,
        "busybox-1-r0.apk",
      );
      assertEquals(await hashes(dir), before);
    });
  },
});

const SCRIPTS = [
  "overlay/boot/init",
  "overlay/root/usr/lib/psyopsos/run-scripts",
  "overlay/root/usr/lib/psyopsos/serial-getty",
];

Deno.test({
  name: "shell scripts of the image parse in busybox and dash",
  ...needTool(...BUSYBOX_TOOLS, "dash"),
  async fn() {
    for (const script of SCRIPTS) {
      for (const { command } of SHELLS) {
        const [shell, ...args] = await command();
        await output(shell!, ...args, "-n", script);
      }
    }
  },
});

Deno.test({
  name: "run-scripts runs phases in order, sets owners between, goes on after a failure",
  ...needTool(...BUSYBOX_TOOLS),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "psyopsos-scripts-" });
    try {
      const source = await Deno.readTextFile("overlay/root/usr/lib/psyopsos/run-scripts");
      const moved = source.replace("here=/usr/lib/psyopsos/scripts", `here=${folder}`);
      await Deno.writeTextFile(`${folder}/run`, moved);
      const script = (body: string) => `#!/bin/sh\n${body}\n`;
      const log = `${folder}/log`;
      await Deno.writeTextFile(`${folder}/001`, script(`echo pre $1 >>${log}; exit 3`));
      await Deno.writeTextFile(`${folder}/002`, script(`stat -c %a ${folder}/owned >>${log}`));
      await Deno.writeTextFile(`${folder}/003`, script(`echo trigger "$@" $SECRET >>${log}`));
      for (const name of ["001", "002", "003"]) await Deno.chmod(`${folder}/${name}`, 0o755);
      await Deno.writeTextFile(`${folder}/owned`, "");
      await Deno.writeTextFile(
        `${folder}/order`,
        "001 pre-install a 1-r0\n002 post-install b 1\n003 trigger c /x /y\n",
      );
      const { uid, gid } = await Deno.stat(`${folder}/owned`);
      await Deno.writeTextFile(`${folder}/owners`, `${uid}:${gid} 4750 ${folder}/owned\n`);
      const { code, stderr } = await new Deno.Command(await staticBusybox(), {
        args: ["sh", `${folder}/run`],
        env: { SECRET: "leaks" },
      }).output();
      assertEquals(code, 1);
      assertStringIncludes(new TextDecoder().decode(stderr), "pre-install script of package a");
      assertEquals(await Deno.readTextFile(log), "pre 1-r0\n4750\ntrigger /x /y\n");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/**
 * The scripts for the builder under the shells that may run them, called as mkimage.sh calls them.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { parseDefinition } from "../../../lib/image/definition.ts";
import { renderGenapkovl, renderProfile } from "../../../lib/image/mkimage/profile.ts";
import { BUSYBOX_TOOLS, SHELLS } from "../../support/static_busybox.ts";
import { needTool, toolPath } from "../../support/tools.ts";

const FOLDER = "overlay/mkimage";

async function rendered() {
  const definition = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));
  const archive = utf8("an overlay");
  return {
    definition,
    archive,
    profile: renderProfile(await Deno.readTextFile(`${FOLDER}/mkimg.psyopsos.sh`), {
      definition,
      arch: "x86_64",
      cmdline: `${definition.cmdline} odd='it is' "$HOME"`,
    }),
    genapkovl: renderGenapkovl(
      await Deno.readTextFile(`${FOLDER}/genapkovl-psyopsos.sh`),
      sha256Hex(archive),
    ),
    driver: await Deno.readTextFile(`${FOLDER}/build.sh`),
  };
}

async function run(command: string[], cwd: string, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(toolPath(command[0]!) ?? command[0]!, {
    args: command.slice(1),
    cwd,
    env: { LC_ALL: "C", ...env },
    stdin: "null",
  }).output();
  const read = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: read(stdout), err: read(stderr) };
}

async function inFolder(body: (dir: string) => Promise<void>) {
  const dir = await Deno.makeTempDir({ prefix: "psyopsos-scripts-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `the profile sets what mkimage.sh reads, under ${name}`,
    ...needTool(...tools),
    fn: () =>
      inFolder(async (dir) => {
        const shell = await command();
        const { profile, definition } = await rendered();
        await Deno.writeTextFile(`${dir}/mkimg.psyopsos.sh`, profile);
        // As mkimage.sh: profiles are found by sed, every file is sourced, then the function is called.
        const script = [
          `sed -n -e 's/^profile_\\(.*\\)() {$/\\1/p' ./mkimg.*.sh`,
          "profile_base() { grub_mod=from-base; }",
          ". ./mkimg.psyopsos.sh",
          "set -e",
          "profile_psyopsos",
          "for name in grub_mod arch image_ext output_format kernel_flavors modloop_sign initfs_cmdline kernel_cmdline \\",
          "  syslinux_serial boot_addons initrd_ucode apks hostname apkovl profile_abbrev; do",
          '  eval "printf \'%s=%s\\n\' \\"$name\\" \\"\\$$name\\""',
          "done",
        ].join("\n");
        const { code, out, err } = await run([...shell, "-c", script], dir, {
          ARCH: "x86_64",
          HOME: "/h",
        });
        assertEquals([code, err], [0, ""]);
        const lines = out.trim().split("\n");
        assertEquals(lines[0], "psyopsos");
        const values = Object.fromEntries(lines.slice(1).map((line) => line.split(/=(.*)/s)));
        assertEquals(values, {
          grub_mod: "from-base",
          arch: "x86_64",
          image_ext: "iso",
          output_format: "iso",
          kernel_flavors: definition.kernel.flavour,
          modloop_sign: "yes",
          initfs_cmdline: "modules=loop,squashfs,sd-mod,usb-storage",
          kernel_cmdline: `${definition.cmdline} odd='it is' "$HOME"`,
          syslinux_serial: "0 115200",
          boot_addons: "amd-ucode intel-ucode",
          initrd_ucode: "/boot/amd-ucode.img /boot/intel-ucode.img",
          apks: [...new Set([...definition.packages, "alpine-base", "openssl"])].sort().join(" "),
          hostname: "psyopsos",
          apkovl: "genapkovl-psyopsos.sh",
          profile_abbrev: "ps",
        });
      }),
  });

  Deno.test({
    name: `the overlay script leaves HOSTNAME.apkovl.tar.gz in the current folder, under ${name}`,
    ...needTool(...tools),
    fn: () =>
      inFolder(async (dir) => {
        const shell = await command();
        const { genapkovl, archive } = await rendered();
        await Deno.mkdir(`${dir}/scripts`);
        await Deno.mkdir(`${dir}/section.work`);
        const script = `${dir}/scripts/genapkovl-psyopsos.sh`;
        await Deno.writeTextFile(script, genapkovl, { mode: 0o755 });
        await Deno.writeFile(`${dir}/scripts/psyopsos.apkovl.tar.gz`, archive);
        // One argument; the folder is the section's own, the script has an absolute path.
        const call = [...shell, script, "some-host"];
        const good = await run(call, `${dir}/section.work`);
        assertEquals([good.code, good.err], [0, ""]);
        assertEquals(await Deno.readFile(`${dir}/section.work/some-host.apkovl.tar.gz`), archive);
        assertEquals([...Deno.readDirSync(`${dir}/section.work`)].length, 1);

        await Deno.writeTextFile(`${dir}/scripts/psyopsos.apkovl.tar.gz`, "another");
        const other = await run(call, dir);
        assertEquals(other.code, 1);
        assertStringIncludes(other.err, "is not the overlay that this script was made for");
        await Deno.remove(`${dir}/scripts/psyopsos.apkovl.tar.gz`);
        assert((await run(call, dir)).code !== 0);
        assertEquals([...Deno.readDirSync(dir)].length, 2);
      }),
  });

  Deno.test({
    name:
      `build.sh clears up after a run that did not end, and passes the exit code on, under ${name}`,
    ...needTool(...tools),
    fn: () =>
      inFolder(async (dir) => {
        const shell = await command();
        const env = { WORK: `${dir}/work`, OUT: `${dir}/out` };
        for (const path of ["work/apkroot-x86_64", "work/kernel.work", "work/kernel", "out"]) {
          await Deno.mkdir(`${dir}/${path}`, { recursive: true });
        }
        await Deno.writeTextFile(`${dir}/out/old.iso`, "old");
        const driver = await Deno.realPath(`${FOLDER}/build.sh`);
        const call = (command: string) => run([...shell, driver, "sh", "-c", command], dir, env);
        const names = (path: string) =>
          [...Deno.readDirSync(`${dir}/${path}`)].map(({ name }) => name).sort();

        assertEquals((await call("exit 7")).code, 7);
        assertEquals(names("out"), ["started"]);
        // Of the failure itself nothing is thrown away; of the next run's start everything half made.
        assertEquals(names("work"), [".unfinished", "apkroot-x86_64", "kernel", "kernel.work"]);
        const next = await call('ls -A "$WORK"; echo iso >"$OUT/new.iso"');
        assertEquals([next.code, next.out], [0, ".unfinished\nkernel\n"]);
        assertEquals(names("work"), ["kernel"]);
        assertEquals(names("out"), ["new.iso", "started"]);
        assert(Number(await Deno.readTextFile(`${dir}/out/started`)) > 1_700_000_000);
        const failing = await run([...shell, driver, "true"], dir, { ...env, WORK: `${dir}/none` });
        assert(failing.code !== 0);
      }),
  });
}

Deno.test({
  name: "shellcheck has nothing to say about the scripts",
  ...needTool("shellcheck"),
  fn: () =>
    inFolder(async (dir) => {
      const { profile, genapkovl, driver } = await rendered();
      const files = {
        "mkimg.psyopsos.sh": profile,
        "genapkovl-psyopsos.sh": genapkovl,
        "build.sh": driver,
      };
      for (const [name, content] of Object.entries(files)) {
        await Deno.writeTextFile(`${dir}/${name}`, content);
      }
      const { code, out } = await run(["shellcheck", ...Object.keys(files)], dir);
      assertEquals([code, out], [0, ""]);
    }),
});

Deno.test({
  name: "the service that mounts modules out of RAM is sound shell",
  ...needTool(...BUSYBOX_TOOLS, "shellcheck", "dash"),
  fn: () =>
    inFolder(async (dir) => {
      const script = `${Deno.cwd()}/${FOLDER}/psyopsos-modloop`;
      // OpenRC reads the variables; it runs in its shell, which stands in the first line's place.
      const judge = ["shellcheck", "-s", "sh", "-e", "SC2034", script];
      const shells = await Promise.all(SHELLS.map(({ command }) => command()));
      for (const command of [judge, ...shells.map((shell) => [...shell, "-n", script])]) {
        const { code, out } = await run(command, dir);
        assertEquals([code, out], [0, ""], command[0]);
      }
    }),
});

/** The program that reaches /proc/sys and /sys for the agent, under the shells of nodes, in a tree made up for it. */
import { assertEquals, assertMatch } from "@std/assert";
import { SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const SOURCE = new URL("../../../overlay/root/usr/lib/psyopsos/kernel-files", import.meta.url);

/** What the program gives. */
interface Given {
  code: number;
  out: string;
  err: string;
}

/** Runs `body` with the program, for which /proc/sys and /sys are below a folder, and `modprobe` and `modinfo` are made up. */
async function withTree(
  shell: readonly string[],
  body: (ask: (stdin: string, ...args: string[]) => Promise<Given>, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const folder of ["proc/sys/vm", "sys/module/nbd/parameters", "sys/class", "etc"]) {
      await Deno.mkdir(`${dir}/${folder}`, { recursive: true });
    }
    await Deno.writeTextFile(`${dir}/proc/sys/vm/swappiness`, "60\n");
    await Deno.writeTextFile(`${dir}/sys/module/nbd/parameters/nbds_max`, "16\n");
    await Deno.writeTextFile(`${dir}/etc/passwd`, "root\n");
    await Deno.symlink("../module/nbd", `${dir}/sys/class/block`);
    await Deno.symlink("../../etc", `${dir}/sys/class/out`);
    const tools = `modprobe() { echo "load $*"; [ "$1" != bad ]; }\n` +
      `modinfo() { printf 'parm:           nbds_max:number (int)\\nmax_part:x: y (int)\\n'; }\n`;
    const source = (await Deno.readTextFile(SOURCE)).replaceAll("/proc/sys", "@P@")
      .replaceAll("/sys", `${dir}/sys`).replaceAll("@P@", `${dir}/proc/sys`);
    await Deno.writeTextFile(`${dir}/script`, tools + source);
    const ask = async (stdin: string, ...args: string[]) => {
      const [program = "", ...words] = [...shell, `${dir}/script`, ...args];
      const child = new Deno.Command(program, {
        args: words,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      // What needs no input may have ended by now.
      await writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(
        () => {},
      );
      const { code, stdout, stderr } = await child.output();
      const [out, err] = [stdout, stderr].map((one) =>
        new TextDecoder().decode(one).replaceAll(dir, "")
      );
      return { code, out: out!, err: err! };
    };
    await body(ask, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `kernel-files reads what is there, in one go, and sets one line, under ${name}`,
    ...needTool(...tools),
    fn: async () =>
      await withTree(await command(), async (ask, dir) => {
        const paths = [
          "/proc/sys/vm/swappiness",
          "/proc/sys/vm/nope",
          "/sys/class/block/parameters/nbds_max",
        ];
        const read = await ask(paths.map((path) => `${dir}${path}\n`).join(""), "read");
        assertEquals(read, {
          code: 0,
          out: "/proc/sys/vm/swappiness:60\n/sys/class/block/parameters/nbds_max:16\n",
          err: "",
        });
        assertEquals((await ask("", "read")).out, "");
        const path = `${dir}/proc/sys/vm/swappiness`;
        const value = "  a \\b  'c\" $(d) ";
        assertEquals(await ask(`${value}\n`, "write", path), {
          code: 0,
          out: `${value}\n`,
          err: "",
        });
        assertEquals(await Deno.readTextFile(path), `${value}\n`);
        assertEquals((await ask("1\n", "write", `${path}2`)).code, 3);
        assertEquals((await ask("", "load", "bad")).code, 1);
        assertEquals((await ask("", "load", "nbd")).out, "load nbd\n");
        assertEquals((await ask("", "parameters", "nbd")).out, "nbds_max\nmax_part\n");
      }),
  });

  Deno.test({
    name: `kernel-files reads and sets nothing elsewhere, through links neither, under ${name}`,
    ...needTool(...tools),
    fn: async () =>
      await withTree(await command(), async (ask, dir) => {
        const elsewhere = [
          "/etc/passwd",
          "/proc/sys/../../etc/passwd",
          "/sys/class/./block",
          "/sys//class",
          "/sys/class/out/passwd",
          "/proc/sys",
        ];
        for (const path of elsewhere) {
          const read = await ask(`${dir}/proc/sys/vm/swappiness\n${dir}${path}\n`, "read");
          assertEquals([read.code, read.out], [1, ""], path);
          assertMatch(read.err, /is not below|leads out of/, path);
          const written = await ask("x\n", "write", `${dir}${path}`);
          assertEquals(written.code, 1, path);
        }
        assertEquals(await Deno.readTextFile(`${dir}/etc/passwd`), "root\n");
      }),
  });

  Deno.test({
    name: `kernel-files reads no more than its bound, under ${name}`,
    ...needTool(...tools),
    fn: async () =>
      await withTree(await command(), async (ask, dir) => {
        await Deno.writeTextFile(`${dir}/proc/sys/vm/swappiness`, "x".repeat(300_000));
        const { code, out, err } = await ask(`${dir}/proc/sys/vm/swappiness\n`, "read");
        assertEquals([code, out, err], [1, "", "it is longer than 262144 bytes\n"]);
      }),
  });
}

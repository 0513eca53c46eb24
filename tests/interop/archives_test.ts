/** GNU tar, cpio and gzip judge our archives, and we read theirs. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Bytes, concat, text, utf8 } from "../../lib/bytes.ts";
import { type CpioEntry, readCpio, writeCpio } from "../../lib/formats/cpio.ts";
import { gunzip, gzip } from "../../lib/formats/gzip.ts";
import { readTar, type TarEntry, writeTar } from "../../lib/formats/tar.ts";
import { FOREIGN_FORMATS } from "../support/foreign_formats.ts";
import { needTool } from "../support/tools.ts";

/** Runs a program in `cwd`, with `stdin`; its output. */
async function run(command: string[], cwd: string, stdin: Uint8Array = utf8("")): Promise<Bytes> {
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd,
    env: { LC_ALL: "C.UTF-8", TZ: "UTC" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(stdin);
  await writer.close();
  const { code, stdout, stderr } = await output;
  if (code !== 0) throw new Error(`${command.join(" ")}: ${text(stderr)}`);
  return stdout as Bytes;
}

async function withFolder(check: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "psyopsos-archives-" });
  try {
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LONG = "a-folder-with-a-long-name/".repeat(12).slice(0, -1);

/** A folder with all that archives can hold and an ordinary user can make. */
async function makeTree(folder: string) {
  await Deno.mkdir(`${folder}/${LONG}`, { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 70000]) {
    await Deno.writeFile(`${folder}/size-${size}`, new Uint8Array(size).fill(size & 0xff));
  }
  await Deno.writeTextFile(`${folder}/${LONG}/deep file`, "deep");
  await Deno.writeTextFile(`${folder}/ünïcode`, "x", { mode: 0o600 });
  await Deno.symlink("../" + "t".repeat(150), `${folder}/link`);
  await Deno.link(`${folder}/size-513`, `${folder}/twin`);
  await Deno.chmod(`${folder}/size-1`, 0o4711);
}

for (const format of ["gnu", "pax", "ustar", "v7"]) {
  Deno.test({
    name: `readTar() reads what GNU tar writes as ${format}`,
    ...needTool("tar"),
    fn: () =>
      withFolder(async (folder) => {
        await makeTree(folder);
        const small = format === "ustar" || format === "v7";
        // Older formats can't hold the long names: GNU tar would leave them out with an error.
        if (small) await Deno.remove(`${folder}/link`);
        if (small) await Deno.remove(`${folder}/${LONG.split("/")[0]}`, { recursive: true });
        const packed = await run(
          ["tar", `--format=${format}`, "--sort=name", "--mtime=@1700000000.5", "-cf", "-", "."],
          folder,
        );
        const entries = readTar(packed);
        const byPath = new Map(entries.map((entry) => [entry.path, entry]));
        assertEquals(entries[0]!.path, ".");
        assertEquals(byPath.get("size-513")!.data, new Uint8Array(513).fill(1));
        assertEquals(byPath.get("twin")!.linkTarget, "size-513");
        assertEquals(byPath.get("size-1")!.mode, 0o4711);
        assertEquals(byPath.get("ünïcode")!.mtime, 1700000000);
        if (!small) {
          assertEquals(byPath.get("link")!.linkTarget, "../" + "t".repeat(150));
          assertEquals(text(byPath.get(`${LONG}/deep file`)!.data!), "deep");
        }
        // And back: GNU tar lists our rewrite of it as it lists its own.
        const list = ["tar", "--numeric-owner", "--quoting-style=literal", "-tvf", "-"];
        assertEquals(
          text(await run(list, folder, writeTar(entries))).replaceAll("./", ""),
          text(await run(list, folder, packed)).replaceAll("./", ""),
        );
      }),
  });
}

Deno.test({
  name: "GNU tar unpacks what writeTar() writes",
  ...needTool("tar"),
  fn: () =>
    withFolder(async (folder) => {
      const file = (path: string, size: number): TarEntry => ({
        path,
        kind: "file",
        mode: 0o640,
        uid: 0,
        gid: 0,
        mtime: 1_600_000_000,
        data: new Uint8Array(size).fill(0x61),
        pax: { "APK-TOOLS.checksum.SHA1": "00" },
      });
      const entries = [
        file("a", 511),
        file(`${"d".repeat(120)}/${"f".repeat(100)}`, 512),
        file(`x/${"ö".repeat(120)}`, 513),
        { ...file("hard", 0), kind: "hardlink", data: undefined, linkTarget: "a" } as TarEntry,
      ];
      await run(["tar", "--warning=no-unknown-keyword", "-xf", "-"], folder, writeTar(entries));
      for (const { path, data } of entries.slice(0, 3)) {
        assertEquals(await Deno.readFile(`${folder}/${path}`), data);
      }
      const info = await Deno.stat(`${folder}/hard`);
      assertEquals([info.nlink, info.size, info.mtime!.getTime()], [2, 511, 1_600_000_000_000]);
    }),
});

Deno.test({
  name: "cpio unpacks what writeCpio() writes, and lists it as we do",
  ...needTool("cpio"),
  fn: () =>
    withFolder(async (folder) => {
      const entries: CpioEntry[] = [
        { path: "bin", kind: "directory", mode: 0o755 },
        { path: "bin/busybox", kind: "file", mode: 0o755, data: new Uint8Array(70001).fill(7) },
        { path: "bin/sh", kind: "symlink", mode: 0o777, linkTarget: "busybox" },
        { path: "empty", kind: "file", mode: 0o600, data: new Uint8Array() },
        { path: "pipe", kind: "fifo", mode: 0o644 },
      ];
      const devices: CpioEntry[] = [
        { path: "console", kind: "char", mode: 0o600, devMajor: 5, devMinor: 1 },
      ];
      // Only root makes device nodes: they are listed, not unpacked.
      const archive = writeCpio(entries);
      await run(["cpio", "-idm", "--quiet"], folder, archive);
      assertEquals(await Deno.readFile(`${folder}/bin/busybox`), entries[1]!.data);
      assertEquals(await Deno.readLink(`${folder}/bin/sh`), "busybox");
      const listed = text(await run(["cpio", "-itv", "--quiet"], folder, writeCpio(devices)));
      assertStringIncludes(listed, "crw-------");
      assertStringIncludes(listed, "5,   1");
      const names = "bin\nbin/busybox\nbin/sh\nempty\npipe\n";
      const theirs = await run(["cpio", "-o", "-H", "newc", "--quiet"], folder, utf8(names));
      assertEquals(readCpio(theirs), entries);
    }),
});

Deno.test({
  name: "gzip unpacks what gzip() writes, and gunzip() what gzip writes",
  ...needTool("gzip"),
  fn: async () => {
    const data = utf8("some content\n".repeat(5000));
    const twice = concat([gzip(data), gzip(data, 1)]);
    assertEquals(await run(["gzip", "-dc"], "/", twice), concat([data, data]));
    assertEquals(gunzip(await run(["gzip", "-9"], "/", data)), data);
  },
});

Deno.test({
  name: "the readers take what this machine's programs make as the tests' own files",
  ...needTool("tar", "gzip", "cpio", "dpkg-deb", "mkfs.vfat", "mcopy", "xorrisofs"),
  fn: () =>
    withFolder(async (folder) => {
      const program = fileURLToPath(new URL("../vectors/foreign/formats.sh", import.meta.url));
      await run([program, folder], "/");
      const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
      assertEquals(names.sort(), Object.keys(FOREIGN_FORMATS).sort());
      for (const [name, check] of Object.entries(FOREIGN_FORMATS)) {
        check(await Deno.readFile(`${folder}/${name}`));
      }
    }),
});

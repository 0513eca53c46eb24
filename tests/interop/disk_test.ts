/** sgdisk, fsck.vfat and mtools judge our disk images. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { diskImage, type DiskOptions } from "../../lib/image/release/disk.ts";
import { needTool, toolPath } from "../support/tools.ts";

const SECTOR = 512;

async function run(name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(toolPath(name)!, {
    args,
    env: { LC_ALL: "C.UTF-8", TZ: "UTC" },
  }).output();
  const output = text(stdout) + text(stderr);
  if (code !== 0) throw new Error(`${name} ${args.join(" ")}: ${output}`);
  return output;
}

/** Writes the image and, apart, its partition; fsck can't look into a disk. */
async function withDisk(
  options: Partial<DiskOptions>,
  check: (disk: string, partition: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "psyopsos-disk-" });
  try {
    const { size, extents, partition } = diskImage({
      files: new Map(),
      label: "PSYOPSOS",
      seed: "test",
      ...options,
    });
    const host = new DenoHost();
    await host.writeExtents(`${folder}/disk.img`, size, extents);
    const inside = extents.filter(({ offset }) =>
      offset >= partition.offset && offset < partition.offset + partition.size
    ).map(({ offset, data }) => ({ offset: offset - partition.offset, data }));
    await host.writeExtents(`${folder}/partition.img`, partition.size, inside);
    await check(`${folder}/disk.img`, `${folder}/partition.img`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const files = new Map([
  ["EFI/BOOT/BOOTX64.EFI", new Uint8Array(100_000).fill(0x45)],
  ["loader/loader.conf", utf8("timeout 0\n")],
  ["loader/entries/psyopsos-1.2.3+3.conf", utf8("title a\n")],
  ["loader/entries/psyopsos-1.2.4+3.conf", utf8("title b\n")],
  ["psyopsos/1.2.3/empty", new Uint8Array()],
  ["psyopsos/1.2.3/initrd-rootfs.cpio", new Uint8Array(3_000_001).fill(0x72)],
]);

Deno.test({
  name: "sgdisk finds one intact EFI system partition",
  ...needTool("sgdisk"),
  fn: () =>
    withDisk({ files, sizeMiB: 64 }, async (disk) => {
      assertStringIncludes(await run("sgdisk", "-v", disk), "No problems found");
      const info = await run("sgdisk", "-i", "1", disk);
      assertStringIncludes(info, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
      assertStringIncludes(info, "First sector: 2048");
      assertStringIncludes(info, `Partition size: ${62 * 2048} sectors`);
      const { partition } = diskImage({ files, label: "PSYOPSOS", seed: "test", sizeMiB: 64 });
      assertStringIncludes(info, partition.guid.toUpperCase());
    }),
});

for (const sizeMiB of [36, 100, 256, 262, 263, 512, 2100, 9000]) {
  Deno.test({
    name: `fsck.vfat finds a disk of ${sizeMiB} MiB clean, mtools reads it`,
    ...needTool("fsck.vfat", "mdir", "mtype"),
    fn: () =>
      withDisk({ files, sizeMiB }, async (disk, partition) => {
        const report = await run("fsck.vfat", "-n", "-v", partition);
        assertStringIncludes(report, "32 bit entries");
        assert(!/dirty|differ|wrong|free cluster summary wrong/i.test(report), report);
        const listed = await run("mdir", "-/", "-b", "-i", `${disk}@@1M`, "::/");
        const paths = listed.trim().split("\n").map((line) => line.replace(/^::\//, ""));
        const expected = [...files.keys()];
        assertEquals(paths.filter((path) => !path.endsWith("/")).sort(), expected.sort());
      }),
  });
}

Deno.test({
  name: "fsck.vfat and mtools take 20,000 like names, and straße beside STRASSE",
  ...needTool("fsck.vfat", "mdir"),
  fn: () => {
    const names = ["straße", "STRASSE", "ﬁ", "FI"];
    for (let i = 0; i < 20_000; i++) names.push(`a module${i}`);
    const alike = new Map(names.map((name) => [`d/${name}`, new Uint8Array()]));
    return withDisk({ files: alike, sizeMiB: 100 }, async (disk, partition) => {
      const report = await run("fsck.vfat", "-n", "-v", partition);
      assert(!/dirty|differ|wrong|duplicate|bad/i.test(report), report);
      const listed = await run("mdir", "-b", "-i", `${disk}@@1M`, "::/d");
      const found = listed.trim().split("\n").map((line) => line.replace("::/", ""));
      assertEquals(found.sort(), [...alike.keys()].sort());
    });
  },
});

Deno.test({
  name: "mtools copies out what was put in, and what it writes keeps the disk clean",
  ...needTool("fsck.vfat", "mcopy", "mren", "mdel", "mtype"),
  fn: () =>
    withDisk({ files, sizeMiB: 64 }, async (_disk, partition) => {
      const folder = await Deno.makeTempDir({ prefix: "psyopsos-mcopy-" });
      try {
        await run("mcopy", "-s", "-Q", "-i", partition, "::/*", folder);
        for (const [path, data] of files) {
          assertEquals(await Deno.readFile(`${folder}/${path}`), data, path);
        }
        await Deno.writeFile(`${folder}/new slot file`, new Uint8Array(9_000_000).fill(1));
        await run("mcopy", "-i", partition, `${folder}/new slot file`, "::/psyopsos/1.2.3/");
        const entries = "::/loader/entries";
        // What systemd-boot does when it counts a try.
        await run(
          "mren",
          "-i",
          partition,
          `${entries}/psyopsos-1.2.4+3.conf`,
          "psyopsos-1.2.4+2-1.conf",
        );
        await run("mdel", "-i", partition, `${entries}/psyopsos-1.2.3+3.conf`);
        assertEquals(
          await run("mtype", "-i", partition, `${entries}/psyopsos-1.2.4+2-1.conf`),
          "title b\n",
        );
        await run("fsck.vfat", "-n", partition);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
});

Deno.test({
  name: "fsck.vfat finds any tree of names clean, and mtools reads the same names",
  ...needTool("fsck.vfat", "mdir"),
  fn: async () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9._+ -]{1,30}$/),
      fc.stringMatching(/^[A-Z0-9]{1,8}(\.[A-Z]{1,3})?$/),
      fc.stringMatching(/^same long name [0-9]{1,3}$/),
    ).filter((name) => !/^ |[ .]$/.test(name) && name !== "." && name !== "..");
    const tree = fc.uniqueArray(
      fc.tuple(fc.constantFrom("", "Folder/", "DIR/a lower one/"), name, fc.nat(5000)),
      {
        selector: ([folder, name]) => `${folder}${name}`.toUpperCase(),
        minLength: 1,
        maxLength: 120,
      },
    ).filter((list) =>
      !list.some(([folder, name]) => folder === "" && /^(folder|dir)$/i.test(name))
    );
    const property = fc.asyncProperty(tree, async (list) => {
      const files = new Map(list.map(([folder, name, size]) => [
        folder + name,
        new Uint8Array(size).fill(0x61),
      ]));
      await withDisk({ files, sizeMiB: 36 }, async (_disk, partition) => {
        await run("fsck.vfat", "-n", partition);
        const listed = await run("mdir", "-/", "-a", "-b", "-i", partition, "::/");
        const paths = listed.split("\n").filter((line) => /^::\/.*[^/]$/.test(line));
        assertEquals(paths.map((line) => line.slice(3)).sort(), [...files.keys()].sort());
      });
    });
    await fc.assert(property, { numRuns: 30 });
  },
});

Deno.test({
  name: "an image of 512 MiB with 100 MB of content is sparse and made at once",
  ...needTool("fsck.vfat"),
  fn: async () => {
    const content = new Map([["psyopsos/1/initrd", new Uint8Array(100_000_000).fill(3)]]);
    const started = performance.now();
    const { size, extents } = diskImage({ files: content, label: "PSYOPSOS", seed: "s" });
    // Measured: some 10 ms. Only laying out is timed; writing is the medium's time.
    assert(performance.now() - started < 1000);
    assertEquals(size, 512 * 2 ** 20);
    const bytes = extents.reduce((sum, { data }) => sum + data.length, 0);
    assert(bytes < 101_000_000, `${bytes} bytes in extents`);
    assertEquals(size % SECTOR, 0);
    await withDisk({ files: content }, async (disk, partition) => {
      const { blocks } = await Deno.stat(disk);
      assert(blocks! * SECTOR < 110_000_000, `${blocks} blocks on disk`);
      await run("fsck.vfat", "-n", partition);
    });
  },
});

/** systemd-boot's own reader of its menu, bootctl, judges our entries: their lines, the tries in their names, their order. */
import { assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import {
  entryState,
  formatEntryName,
  parseEntry,
  parseEntryName,
  renderEntry,
  renderLoaderConfig,
  slotEntry,
  slotEntryId,
} from "../../lib/documents/boot_entry.ts";
import { fetchDebs, resolveDebs } from "../../lib/lab_packages/debian.ts";
import { needTool } from "../support/tools.ts";

/** Unpacks the packages into `$0`, and lists the menu of `$0/esp`, which has to be the root of a file system, as JSON. */
const LIST = `
set -eu
cd "$0"
for deb; do dpkg-deb -x "$deb" .; done
mkdir mounted
mount -t tmpfs none mounted
cp -r esp/. mounted
library=$(find . -name 'libsystemd-shared-*.so')
SYSTEMD_RELAX_ESP_CHECKS=1 LD_LIBRARY_PATH="$0/\${library%/*}" \\
  usr/bin/bootctl --esp-path="$0/mounted" --no-pager --json=short list
`;

interface Listed {
  id: string;
  path: string;
  title: string;
  version: string;
  sortKey: string;
  options: string;
  linux: string;
  initrd: string[];
  triesLeft?: number;
  triesDone?: number;
}

/** bootctl's package and the one with its library, kept between runs. */
async function packages(): Promise<string[]> {
  const host = new DenoHost();
  const folder = `${Deno.cwd()}/build/test-tools`;
  const debs = [...(await resolveDebs(host, ["systemd-boot", "systemd"])).values()];
  await fetchDebs(host, folder, debs);
  return debs.map(({ file }) => `${folder}/${file}`);
}

/** One array, or before version 253 one object a line. */
function json(output: string): Listed[] {
  return JSON.parse(output.startsWith("[") ? output : `[${output.replaceAll("\n", ",")}]`);
}

Deno.test({
  name: "bootctl reads boot entries as we write them, their tries, and the order of versions",
  ...needTool("apt-get", "dpkg-deb", "unshare"),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "psyopsos-bootctl-" });
    try {
      const entries = `${folder}/esp/loader/entries`;
      await Deno.mkdir(entries, { recursive: true });
      await Deno.writeTextFile(
        `${folder}/esp/loader/loader.conf`,
        renderLoaderConfig({ timeout: 3, consoleMode: "max" }),
      );
      const initrd = ["initramfs", "initrd-root.cpio"];
      for (
        const [version, left, done] of [
          ["1.2.10"],
          ["1.2.9", 3],
          ["1.2.11", 2, 1],
          ["1.3.0", 0, 3],
        ] as [string, number?, number?][]
      ) {
        const entry = slotEntry(version, { initrd, options: `psyopsos.slot=${version} quiet` });
        const name = formatEntryName({ id: slotEntryId(version), left, done });
        await Deno.writeTextFile(`${entries}/${name}`, renderEntry(entry));
        for (const file of ["vmlinuz", ...initrd]) {
          await Deno.mkdir(`${folder}/esp/psyopsos/${version}`, { recursive: true });
          await Deno.writeTextFile(`${folder}/esp/psyopsos/${version}/${file}`, "x");
        }
      }
      const user = Deno.uid() === 0 ? [] : ["--map-root-user"];
      const { code, stdout, stderr } = await new Deno.Command("unshare", {
        args: [...user, "--mount", "sh", "-c", LIST, folder, ...await packages()],
        stdin: "null",
      }).output();
      assertEquals(code, 0, text(stderr));
      const listed = json(text(stdout).trim());
      // Newest first; the one that has no tries left is the last choice.
      assertEquals(listed.map(({ version }) => version), ["1.2.11", "1.2.10", "1.2.9", "1.3.0"]);
      for (
        const { path, id, title, version, sortKey, options, linux, triesLeft, triesDone, ...rest }
          of listed
      ) {
        const name = path.replace(/^.*\//, "");
        const own = parseEntry(await Deno.readTextFile(`${entries}/${name}`));
        assertEquals({ title, version, sortKey, options, linux, initrd: rest.initrd }, own);
        const parsed = parseEntryName(name)!;
        assertEquals([id, triesLeft, triesDone ?? 0], [
          `${parsed.id}.conf`,
          parsed.left,
          parsed.done ?? 0,
        ]);
        assertEquals(entryState(parsed) === "bad", triesLeft === 0);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/**
 * What the agent does with disks, with the real cryptsetup, wipefs, mkfs and e2fsck: on files, which they take for disks. Only
 * opening needs a kernel that maps devices; that is seen in the lab.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { chooseDevice } from "../../../agent/storage/choose.ts";
import { type Content, type Found, readSignatures } from "../../../agent/storage/devices.ts";
import { checkFileSystem, makeFileSystem } from "../../../agent/storage/filesystem.ts";
import { changeKeys, formatLuks } from "../../../agent/storage/luks.ts";
import { desired } from "../../../lib/config/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { RootedHost } from "../../support/rooted_host.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { judgedTest } from "../../support/tools.ts";

const SOURCE = new URL("../../../overlay/root/usr/lib/psyopsos/storage", import.meta.url);
const MIB = 1024 * 1024;
const DOING = "try it";
const [KEY, NEXT, OTHER] = ["k", "n", "o"].map((one) => one.repeat(44)) as [string, string, string];

/** A host with its own folder below `dir`, and an empty disk of so many MiB there. */
async function withDisk(dir: string, mib = 64): Promise<{ host: RootedHost; device: string }> {
  const device = `${dir}/disk`;
  await Deno.writeFile(device, new Uint8Array());
  await Deno.truncate(device, mib * MIB);
  await Deno.mkdir(`${dir}/run`);
  return { host: new RootedHost(`${dir}/run`), device };
}

/** Runs a program; gives its exit code. */
async function code(stdin: string, ...command: string[]): Promise<number> {
  const [name = "", ...args] = command;
  const child = new Deno.Command(name, { args, stdin: "piped", stdout: "null", stderr: "null" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  return (await child.status).code;
}

/** Whether a key opens a header. */
const opens = async (device: string, key: string) =>
  await code(key, "cryptsetup", "open", "--test-passphrase", "--key-file", "-", device) === 0;

judgedTest(
  "keys of LUKS change while slots of others stay",
  ["cryptsetup", "wipefs"],
  async (dir) => {
    const { host, device } = await withDisk(dir);
    await formatLuks(host, DOING, { device, label: "data", key: KEY });
    const [header, ...more] = await readSignatures(host, device);
    assertEquals([header?.type, header?.label, more], ["crypto_LUKS", "data", []]);

    // Somebody's own passphrase.
    await Deno.writeTextFile(`${dir}/other`, OTHER);
    const add = [
      "luksAddKey",
      "--batch-mode",
      "--pbkdf",
      "pbkdf2",
      "--pbkdf-force-iterations",
      "1000",
    ];
    assertEquals(
      await code(KEY, "cryptsetup", ...add, "--key-file", "-", device, `${dir}/other`),
      0,
    );

    await changeKeys(host, DOING, { device, key: NEXT, oldKeys: [KEY] });
    const now = () => Promise.all([KEY, NEXT, OTHER].map((key) => opens(device, key)));
    assertEquals(await now(), [false, true, true]);
    // Once more changes nothing, and keys that open nothing do none of it.
    await changeKeys(host, DOING, { device, key: NEXT, oldKeys: [KEY] });
    const wrong = { device, key: "w".repeat(44), oldKeys: [KEY] };
    await assertRejects(() => changeKeys(host, DOING, wrong), UserError, "none of its keys opens");
    assertEquals(await now(), [false, true, true]);
    assertEquals([...Deno.readDirSync(`${dir}/run/storage`)], []);
  },
);

for (const filesystem of ["ext4", "xfs", "btrfs"] as const) {
  judgedTest(
    `${filesystem} is made as its tools find it whole, with the last MiB left out`,
    [`mkfs.${filesystem}`, "e2fsck", "wipefs"],
    async (dir) => {
      const { host, device } = await withDisk(dir, 320);
      const made = { path: device, sectors: 320 * 2048 };
      await makeFileSystem(host, DOING, { filesystem, label: "data" }, made);
      const found = await readSignatures(host, device);
      assertEquals(found.map(({ type, label }) => [type, label]), [[filesystem, "data"]]);
      const end = (await Deno.readFile(device)).subarray(-MIB);
      assert(end.every((byte) => byte === 0));
      await checkFileSystem(host, DOING, filesystem, device);
    },
  );
}

judgedTest("a file system that is damaged is told of and not changed", [
  "mkfs.ext4",
  "e2fsck",
  "wipefs",
], async (dir) => {
  const { host, device } = await withDisk(dir);
  await makeFileSystem(host, DOING, { filesystem: "ext4", label: "data" }, {
    path: device,
    sectors: 64 * 2048,
  });
  // The root directory becomes something that needs a decision.
  for (const request of ["clri <2>", "ssv state 2"]) {
    assertEquals(await code("", "debugfs", "-w", "-R", request, device), 0);
  }
  const check = () => checkFileSystem(host, DOING, "ext4", device);
  await assertRejects(check, UserError, "is damaged");
  assertEquals((await readSignatures(host, device)).map(({ label }) => label), ["data"]);
});

const VOLUME = {
  ext4: { disk: { serial: "S" }, mount: "/data" },
  luks: { disk: { serial: "S" }, mount: "/data", luks: { key: KEY } },
};

/** What would be done about a volume on the disk of a file that holds this. */
function choice(which: keyof typeof VOLUME, content: Content): string {
  const { volumes: [volume] } = desired("storage", {
    storage: { volumes: { data: VOLUME[which] } },
  }, { name: "n" });
  const device: Found = {
    ...{ name: "disk", sectors: 64 * 2048, isRemovable: false, isUsb: false, isReadOnly: false },
    ...{ serial: "S", model: "", path: "", holders: [], content },
  };
  return chooseDevice(volume!, [device], []).what;
}

for (const { name, tools, command } of SHELLS) {
  judgedTest(
    `a volume that was killed in the making is made anew, and one that was made is not (${name})`,
    [...tools, "cryptsetup", "mkfs.ext4", "wipefs"],
    async (dir) => {
      const { host, device } = await withDisk(dir);
      // The program, with files for disks.
      const source = (await Deno.readTextFile(SOURCE)).replace("device=/dev/$1", `device=${dir}/$1`)
        .replace('[ -b "$device" ]', '[ -f "$device" ]')
        .replace('"/sys/class/block/$1/size"', `"${dir}/size"`);
      await Deno.writeTextFile(`${dir}/storage`, source);
      await Deno.writeTextFile(`${dir}/size`, `${64 * 2048}\n`);
      const ask = async (...args: string[]) => {
        const result = await host.run([...await command(), `${dir}/storage`, ...args]);
        assertEquals(result.code, 0, new TextDecoder().decode(result.stderr));
        return new TextDecoder().decode(result.stdout);
      };
      const content = async (): Promise<Content> => {
        const lines = (await ask("blank", "disk")).split("\n");
        const mark = lines.find((line) => line.startsWith("mark "))?.slice(5);
        return {
          isBlank: lines.includes("blank yes"),
          ...mark && { mark },
          signatures: await readSignatures(host, device),
        };
      };
      const makers = {
        ext4: () =>
          makeFileSystem(host, DOING, { filesystem: "ext4", label: "data" }, {
            path: device,
            sectors: 64 * 2048,
          }),
        luks: () => formatLuks(host, DOING, { device, label: "data", key: KEY }),
      };
      for (const which of ["ext4", "luks"] as const) {
        let killed = 0;
        for (let ms = 0; ms < 40; ms += 4) {
          await Deno.truncate(device, 0);
          await Deno.truncate(device, 64 * MIB);
          assertEquals(choice(which, await content()), "make");
          await ask("mark", "disk", "data");
          assertEquals((await content()).mark, "data");
          const maker = {
            ext4: ["mkfs.ext4", "-q", "-F", "-L", "data", device, "64000k"],
            luks: [
              "cryptsetup",
              "luksFormat",
              "--batch-mode",
              "--type",
              "luks2",
              "--pbkdf",
              "pbkdf2",
              "--pbkdf-force-iterations",
              "1000",
              "--label",
              "data",
              "--key-file",
              "-",
              device,
            ],
          }[which];
          const child = new Deno.Command(maker[0]!, {
            args: maker.slice(1),
            stdin: "piped",
            stdout: "null",
            stderr: "null",
          }).spawn();
          const writer = child.stdin.getWriter();
          await writer.write(new TextEncoder().encode(KEY)).then(() => writer.close()).catch(
            () => {},
          );
          await new Promise((resolve) => setTimeout(resolve, ms));
          try {
            child.kill("SIGKILL");
          } catch {
            // It was done before.
          }
          if ((await child.status).signal === "SIGKILL") killed++;
          assertEquals(choice(which, await content()), "make", `killed after ${ms} ms`);
        }
        assert(killed > 0, "no maker was killed");
        await host.run(["wipefs", "--all", device]);
        await makers[which]();
        await ask("unmark", "disk");
        assertEquals(choice(which, await content()), "use");
      }
      // Anything at all in it is not empty.
      await Deno.truncate(device, 0);
      await Deno.truncate(device, 64 * MIB);
      for (const at of [0, MIB - 1, 64 * MIB - 1]) {
        const file = await Deno.open(device, { write: true });
        await file.seek(at, Deno.SeekMode.Start);
        await file.write(new Uint8Array([1]));
        assertEquals((await content()).isBlank, false, `${at}`);
        await file.seek(at, Deno.SeekMode.Start);
        await file.write(new Uint8Array([0]));
        file.close();
        assertEquals((await content()).isBlank, true, `${at}`);
      }
    },
  );
}

/**
 * e2fsprogs and OpenSSH are the judges of the identity drive: a clean file system with the right owners and modes, keys that
 * ssh-keygen reads.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { driveFiles } from "../../lib/documents/drive.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import type { RunOptions, RunResult } from "../../lib/host.ts";
import { DRIVE_BYTES, makeIdentityDrive } from "../../lib/identity/make_drive.ts";
import {
  formatSshPrivateKey,
  generateSshKey,
  sshFingerprint,
  sshPublicLine,
} from "../../lib/identity/ssh_key.ts";
import { writeDevice } from "../../lib/identity/write_device.ts";
import { driveTexts } from "../support/drive_texts.ts";
import { needTool, toolPath } from "../support/tools.ts";

const host = new DenoHost();
const E2FS = needTool("mke2fs", "debugfs", "e2fsck", "dumpe2fs");
const UUID = "12345678-1234-4234-8234-123456789abc";
const KEY = generateSshKey();
const FILES = driveFiles(driveTexts({
  sshHostKey: formatSshPrivateKey(KEY, "alpha"),
  sshHostKeyPublic: sshPublicLine(KEY, "alpha"),
  network: { address: "192.0.2.10/24" },
}));

/** Output of a tool that must succeed. */
async function tool(...command: string[]): Promise<string> {
  const [name = "", ...args] = command;
  const { code, stdout, stderr } = await host.run([toolPath(name) ?? name, ...args]);
  assertEquals(code, 0, text(stderr));
  return text(stdout);
}

async function inTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await host.remove(dir);
  }
}

/** Mode, owner, group and name of each file in the root of the drive. */
async function listing(image: string): Promise<string[]> {
  const rows = (await tool("debugfs", "-R", "ls -l /", image)).split("\n");
  return rows.map((row) => row.trim().split(/\s+/)).filter((words) => words.length > 5)
    .map((words) => [words[1], words[3], words[4], words.at(-1)].join(" ")).sort();
}

const LISTING = [
  "100600 0 0 age.key",
  "100600 0 0 ssh_host_ed25519_key",
  "100644 0 0 minisign.pubkey",
  "100644 0 0 network.json",
  "100644 0 0 nodename",
  "100644 0 0 site",
  "100644 0 0 ssh_host_ed25519_key.pub",
  "40700 0 0 lost+found",
  "40700 0 0 state",
  "40755 0 0 .",
  "40755 0 0 ..",
];

Deno.test({
  name: "the drive is a clean ext4 with the label, the files, their owners and modes",
  ...E2FS,
  fn: () =>
    inTempDir(async (dir) => {
      const image = `${dir}/a.img`;
      await makeIdentityDrive(host, { path: image, files: FILES });
      await tool("e2fsck", "-f", "-n", image);
      assertEquals((await host.stat(image))?.size, DRIVE_BYTES);
      assertEquals((await host.stat(image))?.mode, 0o600);
      const facts = await tool("dumpe2fs", "-h", image);
      assertEquals(/^Filesystem volume name: +psyops-secret$/m.test(facts), true);
      assertEquals(/^Filesystem features:.*\bhas_journal\b.*\bextent\b/m.test(facts), true);
      assertEquals(await listing(image), LISTING);
      for (const [name, { data }] of FILES) {
        assertEquals(await tool("debugfs", "-R", `cat /${name}`, image), text(data), name);
      }
      assertEquals(await host.readDir(dir), ["a.img"]);
    }),
});

Deno.test({
  name: "files belong to root, whoever makes the drive",
  ...E2FS,
  fn: () =>
    inTempDir(async (dir) => {
      const image = `${dir}/a.img`;
      await makeIdentityDrive(new OtherUser(), { path: image, files: FILES });
      assertEquals(await listing(image), LISTING);
    }),
});

/** Gives the files to somebody else before mke2fs sees them; without root they already are somebody else's. */
class OtherUser extends DenoHost {
  override async run(command: readonly string[], options?: RunOptions): Promise<RunResult> {
    const at = command.indexOf("-d");
    if (command[0] === "mke2fs" && Deno.uid() === 0) {
      await tool("chown", "-R", "12345:12345", command[at + 1]!);
    }
    return await super.run(command, options);
  }
}

Deno.test({
  name: "the same files, UUID and time give the same bytes",
  ...E2FS,
  fn: () =>
    inTempDir(async (dir) => {
      const options = { files: FILES, uuid: UUID, epoch: 1_790_000_000 };
      await makeIdentityDrive(host, { ...options, path: `${dir}/a.img` });
      await host.sleep(1100);
      await makeIdentityDrive(host, { ...options, path: `${dir}/b.img` });
      await tool("cmp", `${dir}/a.img`, `${dir}/b.img`);
    }),
});

Deno.test({
  name: "a drive that can't hold its files is not made",
  ...E2FS,
  fn: () =>
    inTempDir(async (dir) => {
      const files = new Map([["big", { data: new Uint8Array(DRIVE_BYTES).fill(9), mode: 0o600 }]]);
      await assertRejects(
        () => makeIdentityDrive(host, { path: `${dir}/a.img`, files }),
        UserError,
        "mke2fs failed: ",
      );
      assertEquals(await host.readDir(dir), []);
    }),
});

Deno.test({
  name: "ssh-keygen reads the host key and gives the same public line and fingerprint",
  ...needTool("ssh-keygen"),
  fn: () =>
    inTempDir(async (dir) => {
      for (const comment of ["", "a", "alpha", "1234567", "12345678"]) {
        const key = generateSshKey();
        const path = `${dir}/key-${comment.length}`;
        await host.writeFile(path, formatSshPrivateKey(key, comment), { mode: 0o600 });
        await host.writeFile(`${path}.pub`, `${sshPublicLine(key, comment)}\n`);
        assertEquals(
          (await tool("ssh-keygen", "-y", "-f", path)).trim(),
          sshPublicLine(key, comment).trim(),
        );
        const shown = await tool("ssh-keygen", "-l", "-f", `${path}.pub`);
        assertEquals(shown.split(" ")[1], sshFingerprint(key));
        // OpenSSH itself signs with the private half and verifies with the public one.
        const message = `${dir}/message`;
        await host.writeFile(message, "hello");
        await tool("ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", path, message);
        const check = ["-Y", "check-novalidate", "-n", "file", "-s", `${message}.sig`];
        const checked = await host.run(["ssh-keygen", ...check], { stdin: "hello" });
        assertEquals(checked.code, 0, text(checked.stderr));
        await host.remove(`${message}.sig`);
      }
    }),
});

Deno.test({
  name: "the tools that write a device take our commands and notice a difference",
  ...needTool("wipefs", "dd", "cmp"),
  fn: () =>
    inTempDir(async (dir) => {
      const image = `${dir}/a.img`;
      const device = { path: `${dir}/device`, size: DRIVE_BYTES, description: "a file" };
      await host.writeFile(image, new Uint8Array(3 * 1024 * 1024 + 5).fill(9));
      await host.writeFile(device.path, new Uint8Array(1024));
      const files = new FileDevice();
      await writeDevice(files, image, device);
      assertEquals(await host.readFile(device.path), await host.readFile(image));
      files.spoil = device.path;
      await assertRejects(
        () => writeDevice(files, image, device),
        UserError,
        "reading back failed",
      );
    }),
});

Deno.test("deno task node --write may look below /dev", async () => {
  // As the task is started: Deno itself opens no device without all permissions.
  const task = ["node", "new", "alpha", "--site", "https://x.example", "--write", "/dev/no-such"];
  const { code, stderr } = await host.run([Deno.execPath(), "task", "-q", ...task], {
    env: { NO_COLOR: "1" },
  });
  assertEquals([code, text(stderr)], [
    EXIT.failed,
    "Cannot write to /dev/no-such: there is no such device\n",
  ]);
});

/** A host on which a file passes for a device; it can go bad between writing and reading back. */
class FileDevice extends DenoHost {
  spoil?: string;
  override async run(command: readonly string[], options?: RunOptions): Promise<RunResult> {
    if (command[0] !== "blockdev") return await super.run(command, options);
    if (this.spoil) await this.writeFile(this.spoil, new Uint8Array(3 * 1024 * 1024 + 5));
    return { code: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
  }
}

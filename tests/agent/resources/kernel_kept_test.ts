/** The kernel's settings on a drive: kept for a trial, confirmed by an answer of the site, not tried twice. */
import { assertEquals } from "@std/assert";
import { keptKernel, keptWanted } from "../../../agent/resources/kernel_kept.ts";
import { bind } from "../../../agent/resources/resource.ts";
import { desired, type NodeConfig } from "../../../lib/config/mod.ts";
import { formatKernelSettings } from "../../../lib/documents/kernel_settings.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { type Drive, DriveFake, MOUNT } from "../identity/drive_fake.ts";
import { apply, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const act = bind(keptWanted, keptKernel);
const STARTED = "/run/psyopsos/kernel-kept";
const A: NodeConfig = { kernel: { blacklist: { pcspkr: true } } };
const B: NodeConfig = { kernel: { blacklist: { nouveau: true } } };
const textOf = ({ kernel }: NodeConfig) =>
  formatKernelSettings(desired("kernel", { kernel }, { name: "alpha" }))!;
const KEEP = "keep the kernel's settings for the start of the next boot";
const CONFIRM = "confirm the kernel's settings on the drive";
const from = (config: NodeConfig, isReached = true) => targetOf(config, { isReached });

/** A node that has started with `started`, and its drive. */
async function node(
  files: Record<string, string> = {},
  started?: NodeConfig,
): Promise<{ host: FakeHost; drive: DriveFake; kept: () => Record<string, string> }> {
  const host = new FakeHost(ROOT_FILES);
  const content: Drive = new Map([["nodename", "alpha\n"]]);
  for (const [name, text] of Object.entries(files)) content.set(`state/${name}`, text);
  const drive = new DriveFake(host, content);
  await host.run(["mount", "-t", "ext4", "-o", "ro", "/dev/vdb", MOUNT]);
  if (started) host.put(STARTED, textOf(started));
  const kept = () => {
    const names = [...host.nodes.keys()].filter((path) => path.startsWith(`${MOUNT}/state/`));
    return Object.fromEntries(
      names.map((path) => [path.slice(`${MOUNT}/state/`.length), host.textOf(path)]),
    );
  };
  return { host, drive, kept };
}

Deno.test("new settings are kept for a trial, beside those that were confirmed", async () => {
  const { host, kept } = await node({ "kernel.conf": textOf(A) }, A);
  assertEquals(await settle(host, act, from(B)), [KEEP]);
  assertEquals(kept(), { "kernel.conf": textOf(A), "kernel-trial.conf": textOf(B) });
  assertEquals(host.nodes.get(`${MOUNT}/state/kernel-trial.conf`)!.mode, 0o600);
});

Deno.test("an answer of the site confirms what its boot has started with", async () => {
  const before = { "kernel.conf": textOf(A), "kernel-tried.conf": textOf(B) };
  const { host, kept } = await node(before, B);
  assertEquals(await settle(host, act, from(B, false)), [], "no answer, no word");
  assertEquals(kept(), before);
  assertEquals(await settle(host, act, from(B)), [CONFIRM]);
  assertEquals(kept(), { "kernel.conf": textOf(B) });
});

Deno.test("what was tried in a boot without an answer is not tried again before it changes", async () => {
  const tried = { "kernel.conf": textOf(A), "kernel-tried.conf": textOf(B) };
  const { host, kept } = await node(tried, A);
  const { steps, troubles } = await apply(host, act, from(B));
  assertEquals(steps, []);
  assertEquals(troubles.map(({ message }) => message), [
    `Cannot ${KEEP}: no site answered in the boot that tried them; change them to have them tried again`,
  ]);
  assertEquals(kept(), tried);
  assertEquals(await settle(host, act, from(A)), [CONFIRM]);
  assertEquals(kept(), { "kernel.conf": textOf(A) });
  assertEquals(await settle(host, act, from(B)), [KEEP]);
});

Deno.test("settings that go away leave the drive, and no settings write nothing", async () => {
  const { host, kept } = await node({
    "kernel.conf": textOf(A),
    "kernel-trial.conf": textOf(B),
    "record-a.json": "{}",
  }, A);
  assertEquals(await settle(host, act, from({})), [
    "let go of the kernel's settings on the drive",
  ]);
  assertEquals(kept(), { "record-a.json": "{}" });
  host.log.length = 0;
  assertEquals(await settle(host, act, from({})), []);
  assertEquals(host.log, []);
});

Deno.test("damaged and endless files on the drive are written anew, and nothing is written to another node's", async () => {
  const { host, drive, kept } = await node({ "kernel-trial.conf": "x".repeat(200_000) });
  assertEquals(await settle(host, act, from(A)), [KEEP]);
  assertEquals(kept(), { "kernel-trial.conf": textOf(A) });
  drive.unmount();
  drive.files!.set("nodename", "beta\n");
  await host.run(["mount", "-t", "ext4", "-o", "ro", "/dev/vdb", MOUNT]);
  assertEquals(await settle(host, act, from(B)), []);
  drive.unmount();
  assertEquals(await settle(host, act, from(B)), [], "a drive that was pulled");
});

Deno.test("a drive that can't be written, and settings that are too long, are told of", async () => {
  const { host, drive } = await node();
  drive.readOnly = true;
  const messages = async (config: NodeConfig) =>
    (await apply(host, act, from(config))).troubles.map(({ check, message }) => [check, message]);
  assertEquals(await messages(A), [[
    "state",
    "Cannot write to the identity drive: mount: cannot remount /dev/vdb read-write, is write-protected",
  ]]);
  const names = Array.from({ length: 1000 }, (_, i) => `a.${"b".repeat(200)}${i}`);
  const long = { kernel: { sysctl: Object.fromEntries(names.map((name) => [name, 1])) } };
  assertEquals(await messages(long), [[
    "apply",
    `Cannot ${KEEP}: they are longer than 131072 bytes`,
  ]]);
});

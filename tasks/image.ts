/**
 * `deno task image`: builds the OS image.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { readAgent } from "../lib/agent_build/store.ts";
import { alone } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { BUILD_NEEDS } from "../lib/cli/system_needs.ts";
import { ensurePackages } from "../lib/cli/system_packages.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { reasonOf, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { type MadeImage, makeImage, updateLock } from "../lib/image/make.ts";
import { type ContainerEngine, openEngine } from "../lib/image/mkimage/engine.ts";
import { LOCK_FILE } from "../lib/image/packages/image_lock.ts";
import { signRelease } from "../lib/image/release/sign_release.ts";
import { IMAGE_LOCK } from "../lib/lab/image.ts";
import { openLabPackages } from "../lib/lab_packages/open.ts";
import { loadSigner } from "../lib/trust/keyring.ts";
import { keyIdHex } from "../lib/trust/minisign.ts";
import { findPassphrase } from "../lib/trust/passphrase.ts";
import { checkTogether, type ImageLine, program } from "./lines/image.ts";
import { mkimageTask } from "./image_mkimage.ts";

/** What images are made of; shared with the lab, so that packages are made once. */
const CACHE = "build/lab";

/** Runs the command; returns its exit code. */
export async function main(
  args: readonly string[],
  host: Host = new DenoHost(),
  console: Console = processConsole,
): Promise<number> {
  return await runProgram(program, args, async (line, console) => {
    checkTogether(line);
    if (line.instead === "print") return await build(line, host, console);
    const turn = { doing: "make an image", command: "task image", make: 0o755 };
    const lock = `${CACHE}/${IMAGE_LOCK}`;
    return await alone(host, lock, turn, () => build(line, host, console));
  }, console);
}

async function build(line: ImageLine, host: Host, console: Console) {
  const { packages, agentDir, instead, json } = line;
  const stage = (text: string) => json ? console.err(text) : console.out(text);
  // Its passphrase is asked for before minutes are spent.
  const signer = line.sign
    ? await loadSigner(host, line.keysDir, "release", {
      passphrase: () => findPassphrase(host, { prompt: promptSecret }),
    })
    : undefined;
  const sign = async ({ dir, version }: { dir: string; version: string }) => {
    if (!signer) return;
    const names = await signRelease(host, dir, version, signer);
    stage(`signed with key ${keyIdHex(signer.publicKey)}: ${names.join(", ")}`);
  };
  const { version, arch, outDir, agentForm, noLock } = line;
  const options = {
    root: ".",
    outDir,
    cacheDir: CACHE,
    ...(version === undefined ? {} : { version }),
    arch,
    deno: { path: Deno.execPath(), version: Deno.version.deno },
    ...(agentForm === undefined ? {} : { agentForm }),
    ...(agentDir === undefined ? {} : { agent: await readAgent(host, agentDir) }),
    noLock,
    onStage: stage,
  };
  if (instead === "update-lock") {
    const repositories = typeof packages === "string" ? "mirror" : packages;
    const changes = await updateLock(host, { ...options, packages: repositories });
    if (json) return console.out(JSON.stringify({ lock: LOCK_FILE, changes }, null, 2));
    for (const text of [...changes, `${LOCK_FILE}: ${changes.length} changes`]) console.out(text);
    return;
  }
  const choice = await chooseEngine(host, line);
  if (choice.why !== undefined) stage(`engine ${choice.name}: ${choice.why}`);
  if (choice.name === "mkimage") {
    const { engine } = choice;
    return await mkimageTask(host, {
      line,
      console,
      stage,
      sign,
      ...(engine ? { engine } : {}),
      options: {
        ...options,
        keysDir: line.keysDir,
        ...(typeof packages === "string" ? {} : { repositories: packages }),
      },
    });
  }
  await ensurePackages(host, BUILD_NEEDS, { aptLists: packages === "lab", onStage: stage });
  const started = host.now().getTime();
  const image = await makeImage(host, { ...options, packages, lab: openLabPackages });
  await sign(image);
  const seconds = (host.now().getTime() - started) / 1000;
  if (json) console.out(JSON.stringify(facts(image, seconds), null, 2));
  else for (const text of summary(image, seconds)) console.out(text);
}

interface Choice {
  name: "embedded" | "mkimage";
  /** Why this engine was chosen; undefined when the command line decided. */
  why?: string;
  /** The container engine, if choosing has opened it already. */
  engine?: ContainerEngine;
}

/** The engine that was asked for, else mkimage where a container engine answers. */
async function chooseEngine(host: Host, line: ImageLine): Promise<Choice> {
  const { engine: wanted, packages, container, instead } = line;
  if (wanted === "mkimage" || instead) return { name: "mkimage" };
  if (wanted === "embedded" || packages === "lab") return { name: "embedded" };
  try {
    const engine = await openEngine(host, container);
    return { name: "mkimage", engine, why: `${engine.program} ${engine.version} answers` };
  } catch (error) {
    // A program that was asked for by name has to answer.
    if (container || !(error instanceof UserError)) throw error;
    return { name: "embedded", why: reasonOf(error) };
  }
}

function facts(image: MadeImage, seconds: number) {
  const { version, arch, dir, slotDir, slotTar, diskImage, sbom, packages, sizes } = image;
  const { kernel } = image.manifest;
  const { agent } = image;
  return {
    version,
    arch,
    kernel,
    agent,
    dir,
    slotDir,
    slotTar,
    diskImage,
    sbom,
    packages,
    sizes,
    seconds,
  };
}

const MIB = 2 ** 20;

function summary({ manifest, sizes, dir, ...image }: MadeImage, seconds: number): string[] {
  const mib = (size: number) => `${(size / MIB).toFixed(1)} MiB`;
  const counted = manifest.packages.filter(({ role }) => role === "installed").length;
  return [
    `psyopsOS ${image.version} for ${image.arch}: ${counted} packages (${image.packages}), ` +
    `Linux ${manifest.kernel}, ${seconds.toFixed(1)} s`,
    `  kernel ${mib(sizes.kernel)}, initrd ${mib(sizes.initrd)}, root ${mib(sizes.squashfs)}, ` +
    `disk ${mib(sizes.disk)}`,
    `  agent ${image.agent.form}: ${image.agent.why}`,
    ...manifest.deferredScripts.map((script) =>
      `  runs on the node: ${script.phase} of ${script.package}`
    ),
    `  ${dir}`,
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));

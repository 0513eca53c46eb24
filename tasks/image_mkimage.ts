/**
 * `deno task image --engine mkimage`: what it does beside building, and how it is shown.
 *
 * @module
 */
import type { Console } from "../lib/cli/console.ts";
import { EXIT, type ExitCode, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import {
  cleanAll,
  ensureBuilder,
  makeContainer,
  removeContainer,
} from "../lib/image/mkimage/build.ts";
import { filesByHand } from "../lib/image/mkimage/by_hand.ts";
import {
  type ContainerEngine,
  type ContainerProgram,
  openEngine,
} from "../lib/image/mkimage/engine.ts";
import { type MadeIso, makeIso } from "../lib/image/mkimage/make.ts";
import {
  knownPackages,
  type MkimageOptions,
  placeOf,
  prepareBuild,
} from "../lib/image/mkimage/prepare.ts";
import type { ImageLine } from "./lines/image.ts";

/** Where --print writes. */
const PRINT_DIR = "build/mkimage";
const MIB = 2 ** 20;

/** What {@linkcode mkimageTask} is given by the task. */
export interface MkimageTask {
  line: ImageLine;
  console: Console;
  stage: (line: string) => void;
  /** Called with what was built. */
  sign: (made: { dir: string; version: string }) => Promise<void>;
  /** Opened already, when it was chosen because it answered. */
  engine?: ContainerEngine;
  options: MkimageOptions;
}

/** Builds, or does what --print, --shell or --clean say. */
export async function mkimageTask(host: Host, task: MkimageTask): Promise<ExitCode> {
  const { line, console, stage, options } = task;
  if (line.instead === "print") return await printByHand(host, task);
  const engine = task.engine ?? await openEngine(host, line.container);
  if (line.instead === "clean") {
    const { volumes, images } = await cleanAll(engine);
    console.out(
      `removed ${volumes.length} volumes and ${images.length} images of ${engine.program}`,
    );
    return EXIT.ok;
  }
  const { network } = line;
  const started = host.now().getTime();
  const prepared = await prepareBuild(host, options);
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const common = {
    ...options,
    onStage: stage,
    signal,
    ...(network === undefined ? {} : { network }),
  };
  if (line.instead === "shell") {
    const builder = await ensureBuilder(engine, prepared.plan, common);
    const known = knownPackages(prepared);
    const place = placeOf(prepared, builder, known, network);
    const name = await makeContainer(engine, prepared.plan, {
      ...common,
      place,
      epoch: prepared.epoch,
    }, true);
    try {
      stage(
        `a shell in the builder, with everything in place; the build would run: ${
          prepared.plan.command.join(" ")
        }`,
      );
      return await interactive(engine, name) === 0 ? EXIT.ok : EXIT.failed;
    } finally {
      await removeContainer(engine, name);
    }
  }
  const made = await makeIso(engine, prepared, common);
  await task.sign(made);
  const seconds = (host.now().getTime() - started) / 1000;
  if (line.json) console.out(JSON.stringify(facts(made, seconds), null, 2));
  else for (const text of summary(made, seconds)) console.out(text);
  return EXIT.ok;
}

/** The program that a run would use; docker where none answers, for the script may be run elsewhere. */
export async function programByHand(
  host: Host,
  wanted?: ContainerProgram,
): Promise<ContainerProgram> {
  if (wanted) return wanted;
  try {
    return (await openEngine(host)).program;
  } catch (error) {
    if (error instanceof UserError) return "docker";
    throw error;
  }
}

async function printByHand(host: Host, { line, console, options }: MkimageTask): Promise<ExitCode> {
  // The script is run elsewhere.
  const repositories = options.repositories && await Promise.all(
    options.repositories.map((one) => /^https?:/.test(one) ? one : Deno.realPath(one)),
  );
  const prepared = await prepareBuild(host, {
    ...options,
    ...(repositories ? { repositories } : {}),
  });
  const files = filesByHand(prepared, {
    program: await programByHand(host, line.container),
    keyFile: await Deno.realPath(prepared.key.path),
  });
  await host.mkdir(PRINT_DIR);
  for (const [name, { data, mode }] of files) {
    await host.writeFile(`${PRINT_DIR}/${name}`, data, { mode });
  }
  for (
    const name of [
      "Dockerfile",
      "mkimg.psyopsos.sh",
      "genapkovl-psyopsos.sh",
      "build.sh",
      "commands.sh",
    ]
  ) {
    console.out(`### ${PRINT_DIR}/${name}`);
    console.out(new TextDecoder().decode(files.get(name)!.data));
  }
  console.out(`### ${PRINT_DIR}/input.tar`);
  for (const { path, mode, owner, data, secret } of prepared.plan.files) {
    const note = secret ? " (not in it: commands.sh takes it from where it lies)" : "";
    console.out(
      `${mode.toString(8).padStart(4, "0")} ${owner.padEnd(5)} ${data.length} /${path}${note}`,
    );
  }
  return EXIT.ok;
}

async function interactive({ program, env }: ContainerEngine, name: string): Promise<number> {
  const child = new Deno.Command(program, {
    args: ["start", "--attach", "--interactive", name],
    env,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).code;
}

function facts(made: MadeIso, seconds: number) {
  const { version, arch, dir, iso, slotDir, slotTar, diskImage, sbom, manifest, stages, size } =
    made;
  const packages = manifest.packages.filter(({ role }) => role === "installed").length;
  return {
    engine: "mkimage",
    version,
    arch,
    kernel: manifest.kernel,
    dir,
    iso,
    slotDir,
    slotTar,
    diskImage,
    sbom,
    packages,
    size,
    stages,
    seconds,
  };
}

function summary({ version, arch, dir, manifest, size }: MadeIso, seconds: number): string[] {
  const counted = manifest.packages.filter(({ role }) => role === "installed").length;
  return [
    `psyopsOS ${version} for ${arch}: ${counted} packages on the medium, Linux ${manifest.kernel}, ` +
    `ISO ${(size / MIB).toFixed(1)} MiB, ${seconds.toFixed(1)} s`,
    `  ${dir}`,
  ];
}

/** Aborts at the first Ctrl-C or request to end. */
function onInterrupt(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, abort);
    },
  };
}

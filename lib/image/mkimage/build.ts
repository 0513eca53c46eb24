/**
 * Runs a planned build in a container: builder image, container, files in, mkimage.sh, files out. Whatever
 * happens, the container is removed; the volumes with downloads and cached parts stay.
 *
 * @module
 */
import { EXIT, UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type ContainerEngine, engineError, lossy } from "./engine.ts";
import { BUILD_PROBLEMS, exitProblem, findProblem } from "./failures.ts";
import {
  buildArguments,
  createArguments,
  inputArchive,
  LABEL,
  OUT,
  type Place,
  type Plan,
  PREFIX,
} from "./plan.ts";
import { eachLine, type Stage, StageReader } from "./stages.ts";

/** Options of {@linkcode runBuild}. */
export interface RunBuildOptions {
  place: Place;
  /** Time of the files that are copied in, seconds since 1970. */
  epoch: number;
  /** A folder of this machine for what comes out; it must not exist. */
  resultDir: string;
  onStage: (line: string) => void;
  /** Stops everything when aborted. */
  signal?: AbortSignal;
}

/** What a build left in `resultDir`. */
export interface RunBuildResult {
  stages: Stage[];
  /** The engine's clock when mkimage.sh was started, seconds since 1970. */
  started: number;
}

/** Work folders of other repositories, keys or packages that are kept beside the current one. */
const KEEP_VOLUMES = 2;

/** Id of the builder's image, which is built when it is missing. @throws {UserError} */
export async function ensureBuilder(
  engine: ContainerEngine,
  plan: Plan,
  options: Pick<RunBuildOptions, "onStage" | "signal"> & Pick<Place, "network">,
): Promise<string> {
  const id = async () => {
    const { code, stdout } = await engine.run([
      "image",
      "inspect",
      "--format",
      "{{.Id}}",
      plan.image,
    ]);
    return code === 0 ? lossy(stdout).trim() : undefined;
  };
  const there = await id();
  if (there) return there;
  const started = engine.host.now().getTime();
  options.onStage("building the builder image (once, some minutes; needs the network)");
  const { code, said } = await stream(engine, buildArguments(plan, options), {
    stdin: plan.dockerfile,
    signal: options.signal,
  });
  if (code !== 0) throw engineError(engine.program, "build the builder image", code, said);
  const made = await id();
  if (!made) {
    throw new UserError("build the builder image", `${plan.image} is not there after all`);
  }
  const seconds = (engine.host.now().getTime() - started) / 1000;
  options.onStage(`  builder image: ${seconds.toFixed(1)} s`);
  return made;
}

/** Runs mkimage.sh and copies its results out. @throws {UserError} with stage and likely cause. */
export async function runBuild(
  engine: ContainerEngine,
  plan: Plan,
  options: RunBuildOptions,
): Promise<RunBuildResult> {
  const { place, signal, onStage } = options;
  const { host } = engine;
  const container = await makeContainer(engine, plan, options);
  try {
    const doing = "start the builder";
    await engine.ok(doing, ["start", container]);
    stopIfAborted(signal);
    const reader = new StageReader(onStage);
    const code = await followBuild(engine, container, reader, signal);
    reader.end(host.now().getTime());
    if (code !== 0) throw buildError(code, reader, onStage);
    onStage("copying the ISO out");
    await host.mkdir(options.resultDir);
    const copied = await stream(engine, ["cp", `${container}:${OUT}/.`, `${options.resultDir}/`], {
      signal,
    });
    if (copied.code !== 0) {
      throw engineError(engine.program, "copy the ISO out", copied.code, copied.said);
    }
    const started = Number((await host.readTextFile(`${options.resultDir}/started`)).trim());
    await dropOldVolumes(engine, place.name);
    return { stages: reader.stages, started };
  } finally {
    await removeContainer(engine, container);
  }
}

/** Makes the container with everything in it; does not start it. The caller removes it. */
export async function makeContainer(
  engine: ContainerEngine,
  plan: Plan,
  options: Pick<RunBuildOptions, "place" | "epoch" | "signal">,
  shell = false,
): Promise<string> {
  const { place, signal } = options;
  const name = shell ? `${place.name}-shell` : place.name;
  await clearContainer(engine, name);
  stopIfAborted(signal);
  await engine.ok("make the builder's container", createArguments(plan, place, shell));
  try {
    // By archive, which keeps owners: the builder's user has to read the key, and nobody else.
    await engine.ok("copy files into the builder", ["cp", "-", `${name}:/`], {
      stdin: inputArchive(plan, options.epoch),
    });
    for (const { from, to } of plan.copies) {
      const { code, said } = await stream(engine, ["cp", `${from}/.`, `${name}:${to}`], { signal });
      if (code !== 0) {
        throw engineError(engine.program, `copy ${from} into the builder`, code, said);
      }
    }
    return name;
  } catch (error) {
    await removeContainer(engine, name);
    throw error;
  }
}

/** Removes a container with its own file system; volumes stay. Never fails: it may be gone. */
export async function removeContainer(engine: ContainerEngine, name: string): Promise<void> {
  await engine.run(["rm", "--force", name]);
}

/** Takes a work folder out of use: what it made is wrong, so what it cached may be. */
export async function dropWork(engine: ContainerEngine, place: Place): Promise<void> {
  await engine.run(["volume", "rm", "--force", place.name]);
}

/** What {@linkcode cleanAll} removed. */
export interface Cleaned {
  volumes: string[];
  images: string[];
}

/** Removes this project's containers that don't run, volumes and builder images. @throws {UserError} */
export async function cleanAll(engine: ContainerEngine): Promise<Cleaned> {
  const containers = await engine.ok("list containers", [
    "ps",
    "--all",
    "--filter",
    `label=${LABEL}`,
    "--format",
    "{{.Names}} {{.Status}}",
  ]);
  for (const line of containers.split("\n").filter(Boolean)) {
    const [name = "", status = ""] = line.split(" ");
    if (status === "Up") throw busy(name, engine);
    await removeContainer(engine, name);
  }
  const volumes = await volumeNames(engine);
  for (const name of volumes) await engine.ok(`remove the volume ${name}`, ["volume", "rm", name]);
  const listed = await engine.ok("list images", ["images", "--format", "{{.Repository}}:{{.Tag}}"]);
  // Podman puts "localhost/" in front.
  const images = listed.split("\n").filter((name) =>
    name.replace(/^localhost\//, "").startsWith(`${PREFIX}:`)
  );
  for (const name of images) await engine.ok(`remove the image ${name}`, ["rmi", name]);
  return { volumes, images };
}

async function volumeNames(engine: ContainerEngine): Promise<string[]> {
  const listed = await engine.ok("list volumes", ["volume", "ls", "--format", "{{.Name}}"]);
  return listed.split("\n").filter((name) => name.startsWith(`${PREFIX}-`));
}

/** A container of that name is a leftover, unless it runs: then somebody builds the same thing. */
async function clearContainer(engine: ContainerEngine, name: string): Promise<void> {
  const format = ["container", "inspect", "--format", "{{.State.Running}}", name];
  const { code, stdout } = await engine.run(format);
  if (code !== 0) return;
  if (lossy(stdout).trim() === "true") throw busy(name, engine);
  await removeContainer(engine, name);
}

function busy(name: string, { program }: ContainerEngine): UserError {
  return new UserError(
    "build",
    `another build uses the same work folder (container ${name})`,
    {
      hint: `wait for it, or end it: ${program} rm -f ${name}`,
    },
  );
}

/** Shows the build as it goes; its exit code. Reading may be cut off without harm to the build. */
async function followBuild(
  engine: ContainerEngine,
  container: string,
  reader: StageReader,
  signal: AbortSignal | undefined,
): Promise<number> {
  const logs = await stream(engine, ["logs", "--follow", container], {
    signal,
    onLine: (line) => reader.line(line, engine.host.now().getTime()),
  });
  if (logs.code !== 0) throw engineError(engine.program, "follow the build", logs.code, logs.said);
  const { code, said } = await stream(engine, ["wait", container], { signal });
  const exit = Number(said.trim().split("\n").at(-1));
  if (code === 0 && Number.isInteger(exit)) return exit;
  throw engineError(engine.program, "wait for the build", code, said);
}

function buildError(
  code: number,
  reader: StageReader,
  onStage: (line: string) => void,
): UserError {
  for (const line of reader.last) onStage(`  | ${line}`);
  const problem = findProblem(BUILD_PROBLEMS, reader.said) ?? exitProblem(code);
  const doing = `build the ISO (${reader.lastStage})`;
  if (problem) {
    const { what, cure, exitCode } = problem;
    return new UserError(doing, what, { hint: cure, ...(exitCode ? { exitCode } : {}) });
  }
  return new UserError(
    doing,
    `mkimage.sh ended with ${code} after "${reader.last.at(-1) ?? ""}"`,
    {
      hint:
        "deno task image --engine mkimage --shell opens a shell in the builder, with everything in place",
    },
  );
}

async function dropOldVolumes(engine: ContainerEngine, current: string): Promise<void> {
  const others = (await volumeNames(engine)).filter((name) =>
    name.startsWith(`${PREFIX}-work-`) && name !== current
  );
  if (others.length <= KEEP_VOLUMES) return;
  const dated: { name: string; made: string }[] = [];
  for (const name of others) {
    const { stdout } = await engine.run(["volume", "inspect", "--format", "{{.CreatedAt}}", name]);
    dated.push({ name, made: lossy(stdout).trim() });
  }
  dated.sort((a, b) => a.made < b.made ? 1 : -1);
  // One that is in use can't be removed, and that is right.
  for (const { name } of dated.slice(KEEP_VOLUMES)) await engine.run(["volume", "rm", name]);
}

interface StreamOptions {
  stdin?: string;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/** Output that is kept for messages. */
const MAX_SAID = 64 * 1024;

/** Runs a program that may take long; aborting ends it. */
async function stream(
  engine: ContainerEngine,
  args: readonly string[],
  { stdin, onLine, signal }: StreamOptions,
): Promise<{ code: number; said: string }> {
  stopIfAborted(signal);
  const child = engine.spawn(args);
  const abort = () => child.kill("SIGTERM");
  signal?.addEventListener("abort", abort);
  let said = "";
  const take = (line: string) => {
    said = `${said}${line}\n`.slice(-MAX_SAID);
    onLine?.(line);
  };
  try {
    const reading = [eachLine(child.stdout, take), eachLine(child.stderr, take)];
    const writer = child.stdin.getWriter();
    // A program that ends early says why by its exit code.
    if (stdin !== undefined) await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
    await Promise.all(reading);
    const code = await child.done;
    // Ctrl-C reaches the program and us at the same time: it may be the first to react.
    if (code !== 0 && signal) await engine.host.sleep(50);
    stopIfAborted(signal);
    return { code, said };
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** @throws {UserError} with `EXIT.interrupted` once the user has had enough. */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new UserError(
    "finish the image",
    "it was stopped (the container is removed, the caches are kept)",
    {
      exitCode: EXIT.interrupted,
    },
  );
}

/** Whether a path of this machine is a folder. */
export async function isFolder(host: Host, path: string): Promise<boolean> {
  return (await host.stat(path))?.kind === "directory";
}

/**
 * The container program: Docker or Podman through their command lines, which agree on everything used here.
 * Nothing is mounted from this machine, so the engine may be elsewhere (DOCKER_HOST, CONTAINER_HOST): files
 * go in and out by copying. What the programs complain about becomes one line that says what to do.
 *
 * @module
 */
import { EXIT, UserError } from "../../errors.ts";
import { type Child, type Host, NO_PROGRAM, type RunOptions, type RunResult } from "../../host.ts";
import type { Architecture } from "../../schema/fields.ts";
import { printable } from "../../visible.ts";
import { ENGINE_PROBLEMS, findProblem } from "./failures.ts";

/** Programs that can do it, in the order in which they are tried. */
export const CONTAINER_PROGRAMS = ["docker", "podman"] as const;
/** One of {@linkcode CONTAINER_PROGRAMS}. */
export type ContainerProgram = typeof CONTAINER_PROGRAMS[number];

/** How long a working engine may take to say who it is, in milliseconds. */
const ANSWER_MS = 10_000;

/** Architectures as containers call them. */
export const PLATFORMS: Readonly<Record<Architecture, string>> = {
  x86_64: "linux/amd64",
  aarch64: "linux/arm64",
};

/** An engine that has answered. */
export class ContainerEngine {
  constructor(
    readonly host: Host,
    readonly program: ContainerProgram,
    /** Of the engine's machine, e.g. "linux/amd64". */
    readonly platform: string,
    readonly version: string,
  ) {}

  /** Program and arguments, as a person would type them. */
  command(args: readonly string[]): string[] {
    return [this.program, ...args];
  }

  /** Environment that points the programs to the same engine. */
  get env(): Record<string, string> {
    return engineEnv(this.host, this.program);
  }

  /** Runs to its end, whatever comes out. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await this.host.run(this.command(args), {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Runs and expects success: its standard output. `doing` completes "Cannot …". @throws {UserError} */
  async ok(doing: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw engineError(this.program, doing, code, lossy(stdout) + lossy(stderr));
    return lossy(stdout).trim();
  }

  /** Starts a program whose output is read as it comes. */
  spawn(args: readonly string[]): Child {
    return this.host.spawn(this.command(args), { env: this.env });
  }
}

/** Why an engine does not answer; `undefined` when its program is missing. */
type Silence = { program: ContainerProgram; error: UserError } | undefined;

/**
 * The engine that `wanted` names, or the first that answers.
 *
 * @throws {UserError} with why none does: the first program that is installed counts.
 */
export async function openEngine(
  host: Host,
  wanted?: ContainerProgram,
): Promise<ContainerEngine> {
  const programs = wanted ? [wanted] : CONTAINER_PROGRAMS;
  let silence: Silence;
  for (const program of programs) {
    const found = await askEngine(host, program);
    if (found instanceof ContainerEngine) return found;
    silence ??= found;
  }
  if (silence) throw silence.error;
  throw new UserError(
    "build with mkimage",
    `${wanted ? `${wanted} is not` : "neither docker nor podman is"} installed`,
    { exitCode: EXIT.missing, hint: "install Docker or Podman, or use --engine embedded" },
  );
}

/** Asks one program for its engine. */
async function askEngine(
  host: Host,
  program: ContainerProgram,
): Promise<ContainerEngine | Silence> {
  const format = program === "docker"
    ? ["version", "--format", "{{.Server.Os}}/{{.Server.Arch}} {{.Server.Version}}"]
    : ["info", "--format", "{{.Host.OS}}/{{.Host.Arch}} {{.Version.Version}}"];
  const result = await host.run([program, ...format], {
    env: engineEnv(host, program),
    timeoutMs: ANSWER_MS,
  });
  if (result.code === NO_PROGRAM) return undefined;
  const [platform, version] = lossy(result.stdout).trim().split(" ");
  if (result.code === 0 && platform && version && /^\w+\/\w+$/.test(platform)) {
    return new ContainerEngine(host, program, platform, version);
  }
  const said = lossy(result.stdout) + lossy(result.stderr);
  return { program, error: engineError(program, `use ${program}`, result.code, said) };
}

/** CONTAINER_HOST is Podman's word; for Docker it stands in for DOCKER_HOST. */
function engineEnv(host: Host, program: ContainerProgram): Record<string, string> {
  const there = host.env("CONTAINER_HOST");
  const env = { LC_ALL: "C.UTF-8" };
  if (program !== "docker" || !there || host.env("DOCKER_HOST")) return env;
  return { ...env, DOCKER_HOST: there };
}

/** What a container program's complaint comes to. `doing` completes "Cannot …". */
export function engineError(
  program: string,
  doing: string,
  code: number,
  said: string,
): UserError {
  const problem = findProblem(ENGINE_PROBLEMS, said);
  if (problem) {
    const { what, cure, exitCode } = problem;
    return new UserError(doing, what, {
      hint: cure,
      ...(exitCode ? { exitCode } : {}),
    });
  }
  const last = said.trim().split("\n").map((line) => line.trim()).filter(Boolean).at(-1);
  return new UserError(doing, `${program} says "${plain(last ?? `exit code ${code}`)}"`);
}

/** One printable line of bounded length. */
export function plain(line: string): string {
  // Colours first: their letters are no text.
  // deno-lint-ignore no-control-regex -- they are what is taken out
  return printable(line.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, ""), 300).trim();
}

/** Text of what a program printed, whatever its bytes. */
export function lossy(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

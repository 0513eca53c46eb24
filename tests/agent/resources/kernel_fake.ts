/** The kernel of a node in memory: settings, modules with their parameters, and the program that reaches them. */
import { utf8 } from "../../../lib/bytes.ts";
import type { RunResult } from "../../../lib/host.ts";
import type { FakeHost } from "../../support/fake_host.ts";

const PROGRAM = "/usr/lib/psyopsos/kernel-files";
const MODPROBE_FILE = "/etc/modprobe.d/psyopsos.conf";

/** A module that the image has. */
export interface FakeModule {
  /** Parameters by name: what they are when nothing is said, and whether that shows and can change while it runs. */
  parameters?: Record<string, { value: string; access?: "set" | "shown" | "hidden" }>;
  /** Settings that come with it, or begin anew. */
  brings?: Record<string, string>;
}

/** Answers `kernel-files`. */
export class KernelFake {
  /** Content of files below /proc/sys and /sys. */
  readonly files = new Map<string, string>();
  readonly modules = new Map<string, FakeModule>();
  /** What settings can't be set to. */
  readonly refused = new Set<string>();
  /** Files that are there to be read. */
  readonly fixed = new Set<string>();
  /** Files that show something else than they were set to. */
  readonly stubborn = new Set<string>();

  constructor(readonly host: FakeHost) {
    host.programs.set(PROGRAM, ([verb, name, ...more], { stdin }) => {
      if (more.length > 0) return failed(`the fake does not know ${more.join(" ")}`);
      switch (verb) {
        case "read":
          return name === undefined ? this.#read(String(stdin)) : failed("too many words");
        case "write":
          return this.#write(name!, String(stdin));
        case "load":
          return this.load(name!);
        case "parameters":
          return Object.keys(this.modules.get(name!)?.parameters ?? {}).map((one) => `${one}\n`)
            .join("");
        default:
          return failed(`the fake does not know ${verb}`);
      }
    });
  }

  /** Loads a module with the options that modprobe's file has for it. */
  load(name: string): Partial<RunResult> {
    const module = this.modules.get(name);
    if (!module) return failed(`modprobe: module ${name} not found in modules.dep`);
    const file = `/sys/module/${name}`;
    if (this.files.has(`${file}/initstate`)) return {};
    this.files.set(`${file}/initstate`, "live");
    const { host } = this;
    const options = host.nodes.has(MODPROBE_FILE) ? host.textOf(MODPROBE_FILE).split("\n") : [];
    for (const [parameter, { value, access }] of Object.entries(module.parameters ?? {})) {
      const start = `options ${name} ${parameter}=`;
      const told = options.find((line) => line.startsWith(start))?.slice(start.length);
      if (access === "hidden") continue;
      const path = `${file}/parameters/${parameter}`;
      this.files.set(path, told === undefined ? value : asShown(told, value));
      if (access === "shown") this.fixed.add(path);
    }
    for (const [path, value] of Object.entries(module.brings ?? {})) this.files.set(path, value);
    return {};
  }

  #read(stdin: string): string | Partial<RunResult> {
    const paths = stdin.split("\n").slice(0, -1);
    const wrong = paths.find((path) => !/^\/(?:proc\/sys|sys)\//.test(path));
    if (wrong !== undefined) return failed(`${wrong} is not below /proc/sys or /sys`);
    return paths.flatMap((path) => {
      const content = this.files.get(path);
      return content === undefined ? [] : content.split("\n").map((line) => `${path}:${line}\n`);
    }).join("");
  }

  #write(path: string, stdin: string): string | Partial<RunResult> {
    const value = stdin.replace(/\n$/, "");
    const before = this.files.get(path);
    if (before === undefined) return { code: 3 };
    if (this.fixed.has(path)) return { code: 4 };
    if (this.refused.has(value)) return failed("the kernel does not take this value");
    if (!this.stubborn.has(path)) this.files.set(path, asShown(value, before));
    return `${this.files.get(path)}\n`;
  }
}

/** How the kernel shows a value in the place of another: tabs between numbers, Y and N, the one chosen of several. */
function asShown(value: string, before: string): string {
  if (/^[YN]$/.test(before)) return /^[1yY]$/.test(value) ? "Y" : "N";
  if (/\[\w+\]/.test(before)) {
    return before.replace(/[[\]]/g, "").replace(new RegExp(`\\b${value}\\b`), `[${value}]`);
  }
  return value.replaceAll(" ", "\t");
}

function failed(stderr: string): Partial<RunResult> {
  return { code: 1, stderr: utf8(stderr) };
}

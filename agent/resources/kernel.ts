/**
 * The kernel: modules with their parameters, drivers that are left alone, settings below /proc/sys and /sys. Modules come
 * first, since settings come with them. A module is never unloaded: the kernel does not know everything that uses it, and a
 * network driver counts as unused while its card is up.
 *
 * @module
 */
import {
  facts,
  MODPROBE_FILE,
  normalSetting,
  sameParameter,
  type Setting,
  UNSEEN,
  type WantedKernel,
  type WantedModule,
} from "../../lib/config/kernel.ts";
import { toldOf } from "../../lib/config/key.ts";
import { modprobeText, optionLine } from "../../lib/documents/kernel_settings.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { installFile } from "../system/install_file.ts";
import {
  loadModule,
  moduleParameters,
  readKernelFiles,
  writeKernelFile,
} from "../system/kernel_files.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { changeRecord } from "./kernel_record.ts";
import { type ActualKernel, parameterPath, readKernel, wasLoadedWith } from "./kernel_state.ts";
import type { KeyResource, Step } from "./resource.ts";

type Settings = WantedKernel["settings"];

interface ParameterChange {
  readonly what: "parameter";
  readonly module: string;
  readonly name: string;
  readonly value: string;
  /** What it takes where the module can't be told now. */
  readonly otherwise: string;
}

type Change =
  & Step
  & (
    | { readonly what: "modprobe"; readonly content: string | undefined }
    /** `settled`: what is as it must be before. */
    | { readonly what: "load"; readonly module: WantedModule; readonly settled: Settings }
    | ParameterChange
    | { readonly what: "refuse"; readonly state: string }
    /** `before`: what it shows now; undefined where it is not there yet. */
    | { readonly what: "set"; readonly setting: Setting; readonly before: string | undefined }
    | { readonly what: "restore"; readonly path: string; readonly value: string }
  );

interface Actual extends ActualKernel {
  /** Text of {@linkcode MODPROBE_FILE}; undefined where there is none. */
  modprobe: string | undefined;
}

export const kernel: KeyResource<"kernel", Actual, Change> = {
  read: async (host, wanted) => ({
    ...await readKernel(host, wanted),
    modprobe: await readTextIfFile(host, MODPROBE_FILE),
  }),

  plan(wanted, actual) {
    const steps: Change[] = [];
    const content = modprobeText(wanted);
    if (actual.modprobe !== content) {
      const text = `${content === undefined ? "remove" : "write"} ${MODPROBE_FILE}`;
      steps.push({ what: "modprobe", content, text });
    }
    const settled = wanted.settings.filter((one) => holds(actual.values, one));
    for (const module of wanted.modules) steps.push(...planModule(module, settled, actual));
    for (const name of wanted.blacklist.filter((one) => actual.modules.has(one))) {
      const state = `it is in the kernel: ${remedy(actual, name, `blacklist ${name}`)}`;
      steps.push({ what: "refuse", state, text: `leave the driver ${name} alone` });
    }
    steps.push(...planRestores(wanted, actual));
    for (const setting of wanted.settings.filter((one) => !settled.includes(one))) {
      const before = actual.values.get(setting.path);
      steps.push({ what: "set", setting, before, text: `set ${setting.kind} ${setting.name}` });
    }
    return steps;
  },

  async apply(step, host) {
    switch (step.what) {
      case "modprobe":
        if (step.content === undefined) return await host.remove(MODPROBE_FILE);
        // Parameters may be secrets, and only root loads modules.
        return await installFile(host, MODPROBE_FILE, step.content, {
          mode: 0o600,
          uid: 0,
          gid: 0,
        });
      case "load":
        return await load(host, step.text, step.module, step.settled);
      case "parameter":
        return await setParameter(host, step.text, step);
      case "refuse":
        throw new UserError(step.text, step.state);
      case "set":
        return await set(host, step.text, step.setting, step.before);
      case "restore":
        await writeKernelFile(host, step.text, step.path, step.value);
        return await changeRecord(host, ({ before }) => void delete before[step.path]);
    }
  },

  async observe(host, wanted, shown) {
    const actual = await readKernel(host, wanted);
    const have = haveOf(wanted, actual);
    const open = new Map(facts(shown));
    return facts(wanted).map(([what, want]) => ({
      what,
      is: toldOf(have.get(what) ?? UNSEEN.missing, want, open.get(what) ?? ""),
    }));
  },
};

function holds(values: ReadonlyMap<string, string>, { path, value }: Setting): boolean {
  const have = values.get(path);
  return have !== undefined && normalSetting(have) === normalSetting(value);
}

function planModule(module: WantedModule, settled: Settings, actual: Actual): Change[] {
  const { name, parameters } = module;
  if (!actual.modules.has(name)) {
    return [{ what: "load", module, settled, text: `load the module ${name}` }];
  }
  return parameters.filter((one) => !hasParameter(actual, name, one.name, one.value))
    .map(({ name: parameter, value }) => ({
      what: "parameter",
      module: name,
      name: parameter,
      value,
      otherwise: remedy(actual, name, optionLine(name, parameter, value)),
      text: `set the parameter ${parameter} of the module ${name}`,
    }));
}

function hasParameter(actual: ActualKernel, module: string, name: string, value: string): boolean {
  const shown = actual.values.get(parameterPath(module, name));
  return shown === undefined
    ? wasLoadedWith(actual, module, name, value)
    : sameParameter(shown, value);
}

/** What makes `line` of modprobe's files hold for a module that is in the kernel without it. */
function remedy(
  { modules, early, kept, tried }: ActualKernel,
  module: string,
  line: string,
): string {
  if (modules.get(module) === "built in" || early.has(module)) {
    return "needs the image, because the module is there before the drive is found";
  }
  if (kept.includes(line)) return "this boot has started with it, and it did not help";
  return tried.includes(line)
    ? "no site answered in the boot that tried it; change the key, and it is tried again"
    : "needs a reboot";
}

/** Gives their earlier values to all that was set and is no longer wanted. */
function planRestores({ modules, settings }: WantedKernel, { record }: Actual): Change[] {
  const wanted = new Set([
    ...settings.map(({ path }) => path),
    ...modules.flatMap(({ name, parameters }) =>
      parameters.map((one) => parameterPath(name, one.name))
    ),
  ]);
  return Object.entries(record.before).filter(([path]) => !wanted.has(path))
    .map(([path, value]) => ({
      what: "restore",
      path,
      value,
      text: `give ${path} its earlier value`,
    }));
}

async function load(
  host: Host,
  text: string,
  module: WantedModule,
  settled: Settings,
): Promise<void> {
  const { name, parameters } = module;
  await loadModule(host, text, name);
  const wanted = { modules: [module], blacklist: [], settings: settled };
  const { modules, values } = await readKernel(host, wanted);
  if (!modules.has(name)) throw new UserError(text, "no module bears this very name");
  // What a module brings may begin with other values, in places that were right before.
  for (const setting of settled) {
    if (!holds(values, setting)) await set(host, text, setting, values.get(setting.path));
  }
  const hidden = parameters.filter((one) => !values.has(parameterPath(name, one.name)));
  const known = hidden.length === 0 ? [] : await moduleParameters(host, name);
  const taken = parameters.filter((one) => !hidden.includes(one) || known.includes(one.name));
  const options = taken.map((one) => `${one.name}=${one.value}`).join(" ");
  await changeRecord(host, ({ loaded }) => void (loaded[name] = options));
  for (const one of parameters) {
    const shown = values.get(parameterPath(name, one.name));
    const doing = `set the parameter ${one.name} of the module ${name}`;
    if (!taken.includes(one)) throw new UserError(doing, "the module has no such parameter");
    if (shown !== undefined && !sameParameter(shown, one.value)) {
      throw new UserError(doing, "the module was loaded with it and shows another value");
    }
  }
}

async function setParameter(
  host: Host,
  text: string,
  { module, name, value, otherwise }: ParameterChange,
): Promise<void> {
  const path = parameterPath(module, name);
  const before = (await readKernelFiles(host, [path])).get(path);
  if (before === undefined) {
    const isKnown = (await moduleParameters(host, module)).includes(name);
    const state = isKnown
      ? `it can't change while the module runs: ${otherwise}`
      : "the module has no such parameter";
    throw new UserError(text, state);
  }
  const written = await remembering(host, text, path, before, value);
  if ("refused" in written) {
    throw new UserError(text, `it can't change while the module runs: ${otherwise}`);
  }
  if (!sameParameter(written.now, value)) throw new UserError(text, "it shows another value then");
}

async function set(
  host: Host,
  text: string,
  { path, value }: Setting,
  known: string | undefined,
): Promise<void> {
  // It may have come with a module since.
  const before = known ?? (await readKernelFiles(host, [path])).get(path);
  if (before === undefined) {
    throw new UserError(
      text,
      "the kernel has no such setting that can be read; it may come with a module that is not loaded",
    );
  }
  const written = await remembering(host, text, path, before, value);
  if ("refused" in written) throw new UserError(text, "it can't be set");
  if (normalSetting(written.now) !== normalSetting(value)) {
    throw new UserError(text, "the kernel has made another value of it");
  }
}

/** Writes one file, having noted how it was before this boot changed it. */
async function remembering(
  host: Host,
  text: string,
  path: string,
  before: string,
  value: string,
): ReturnType<typeof writeKernelFile> {
  let isFirst = false;
  // Noted first: a change that never came to pass is put back to what it is, one that nobody knows of is not.
  await changeRecord(host, (record) => {
    isFirst = record.before[path] === undefined;
    record.before[path] ??= normalSetting(before);
  });
  const written = await writeKernelFile(host, text, path, value);
  if ("refused" in written && isFirst) {
    await changeRecord(host, (record) => void delete record.before[path]);
  }
  return written;
}

/** What is of all that is wanted, by the names of {@linkcode facts}; without what is not there. */
function haveOf(wanted: WantedKernel, actual: ActualKernel): Map<string, string> {
  const { modules, values } = actual;
  const have = new Map<string, string>();
  for (const { name, parameters } of wanted.modules) {
    if (modules.has(name)) have.set(`module ${name}`, UNSEEN.loaded);
    for (const { name: parameter, value } of parameters) {
      const shown = values.get(parameterPath(name, parameter));
      const is = modules.has(name) && hasParameter(actual, name, parameter, value) ? value : shown;
      if (is !== undefined) have.set(`parameter ${parameter} of ${name}`, is);
    }
  }
  for (const name of wanted.blacklist) {
    have.set(`driver ${name}`, modules.has(name) ? UNSEEN.loaded : UNSEEN.kept);
  }
  for (const { kind, name, path } of wanted.settings) {
    const shown = values.get(path);
    if (shown !== undefined) have.set(`${kind} ${name}`, normalSetting(shown));
  }
  return have;
}

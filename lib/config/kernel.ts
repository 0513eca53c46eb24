/**
 * The key `kernel`: modules with their parameters, drivers to leave alone, and what the kernel lets itself be told through
 * /proc/sys and /sys.
 *
 * @module
 */
import * as v from "valibot";
import { anyText, dictionary, mapping, matching, openMapping } from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";

/** Where the kernel shows what can be set, by the field that names it. */
export const SETTING_ROOTS = { sysctl: "/proc/sys", sysfs: "/sys" } as const;
/** Longest value, in characters. A C library may read files in pieces of 1024 bytes, and /proc/sys gives the first one alone. */
export const MAX_SETTING = 512;

/** The one file of the key in modprobe's folder. */
export const MODPROBE_FILE = "/etc/modprobe.d/psyopsos.conf";

const SINCE = { since: "0.2.0" } as const;
const OPEN = { ...SINCE, secrecy: "open" } as const;

/** What is written into lines and files: it needs no quotes there, and ends no line. */
const PRINTABLE = /^[\x20-\x7e]*$/;

const number = v.pipe(v.number(), v.safeInteger());

const moduleName = matching(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,54}$/,
  "a module's name: up to 55 of A-Z, a-z, 0-9, _ and -",
);

const parameterName = matching(
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/,
  "a parameter's name: up to 64 of A-Z, a-z, 0-9, _, . and -",
);

const parameterValue = ruled(
  v.union(
    [number, v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.,:;=+/@%*-]{1,256}$/))],
    "must be a whole number, or text of up to 256 of A-Z, a-z, 0-9 and _.,:;=+/@%*-, e.g. 1 or Y",
  ),
  "a whole number, or text of up to 256 of A-Z, a-z, 0-9 and _.,:;=+/@%*-, e.g. 1 or Y",
);

const settingName = ruled(
  v.pipe(
    v.string("must be a setting's name"),
    v.maxLength(255, "must be at most 255 characters"),
    v.regex(
      /^[A-Za-z0-9_.:@+/-]+$/,
      "must be a setting's name, e.g. vm.nr_hugepages: A-Z, a-z, 0-9 and _.:@+/-",
    ),
    v.check(
      (name) => settingPath(name).split("/").every((part) => /^(?!\.\.?$)./.test(part)),
      "must have a name between any two of its dots or slashes",
    ),
  ),
  "a setting's name, e.g. vm.nr_hugepages; where a part of it holds a dot, with slashes, e.g. net/ipv4/conf/eth0.5/forwarding",
);

const settingValue = ruled(
  v.union(
    [number, v.pipe(v.string(), v.maxLength(MAX_SETTING), v.regex(PRINTABLE))],
    `must be a whole number, or one line of text of at most ${MAX_SETTING} printable ASCII characters`,
  ),
  `a whole number, or one line of text of at most ${MAX_SETTING} printable ASCII characters`,
);

/** A module that is loaded; absent in a `blacklist`. */
const module = mapping({
  parameters: v.optional(
    described(
      dictionary(
        parameterName,
        described(
          parameterValue,
          "One parameter. Some can change while the module runs; for others the node asks for a reboot.",
          SINCE,
        ),
      ),
      "What the module is told when it is loaded.",
      { ...SINCE, default: "none" },
    ),
  ),
});

const settings = dictionary(
  settingName,
  described(settingValue, "One setting, by its name.", SINCE),
);

const SCHEMA = mapping({
  modules: v.optional(
    described(
      dictionary(moduleName, described(module, "One module.", SINCE)),
      "Modules that are loaded. They stay until the next boot when they are no longer listed, and so do parameters that " +
        "can't change while they run.",
      { ...SINCE, default: "none; drivers of the node's devices are loaded anyway" },
    ),
  ),
  blacklist: v.optional(
    described(
      dictionary(
        moduleName,
        described(
          ruled(v.literal(true, "must be true, or null to take it away"), "true"),
          "The driver is not loaded for a device.",
          OPEN,
        ),
      ),
      "Drivers that no device gets. What is loaded already stays until the next boot.",
      { ...OPEN, default: "none" },
    ),
  ),
  sysctl: v.optional(
    described(
      settings,
      "What is set below /proc/sys, by names as sysctl(8) takes them: `net.ipv4.ip_forward`, or with slashes.",
      { ...SINCE, default: "what image and kernel set" },
    ),
  ),
  sysfs: v.optional(
    described(
      settings,
      "What is set below /sys, by names in the same form: `devices.system.cpu.cpufreq.policy0.scaling_governor`.",
      { ...SINCE, default: "what the kernel sets" },
    ),
  ),
});

/** A setting below one of {@linkcode SETTING_ROOTS}. */
export interface Setting {
  kind: keyof typeof SETTING_ROOTS;
  /** As the configuration names it. */
  name: string;
  /** Absolute. */
  path: string;
  value: string;
}

/** A module that is to be loaded. */
export interface WantedModule {
  /** As the kernel shows it: with underscores. */
  name: string;
  parameters: readonly { name: string; value: string }[];
}

/** What is wanted of the kernel; all lists are in the order of their names. */
export interface WantedKernel {
  modules: readonly WantedModule[];
  blacklist: readonly string[];
  settings: readonly Setting[];
}

/** What a module is called in /sys/module: the kernel takes - and _ for the same. */
export function moduleId(name: string): string {
  return name.replaceAll("-", "_");
}

/**
 * The path that a setting's name stands for, without a leading slash. As in sysctl(8), the first separator decides: after a
 * dot, dots separate and slashes stand for dots; after a slash, slashes separate.
 */
export function settingPath(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== ".") return name;
  return name.replaceAll(/[./]/g, (one) => one === "." ? "/" : ".");
}

/**
 * A value in the form in which values are compared: blanks of any kind and number are one, and of a list of choices
 * ("always [madvise] never") the chosen one counts.
 */
export function normalSetting(value: string): string {
  const words = value.trim().split(/\s+/);
  const [chosen] = words.filter((word) => /^\[.+\]$/.test(word));
  return chosen?.slice(1, -1) ?? words.join(" ");
}

/** What a parameter's value means: the kernel shows a boolean as Y or N, however it was told. */
export function sameParameter(shown: string, wanted: string): boolean {
  const have = normalSetting(shown);
  if (have === wanted) return true;
  if (/^[YN]$/.test(have)) return isTrue(wanted) === (have === "Y");
  // Numbers may be told in hexadecimal.
  return /^-?\d+$/.test(have) && /^0x[0-9a-f]+$/i.test(wanted) && Number(wanted) === Number(have);
}

function isTrue(wanted: string): boolean | undefined {
  if (/^(?:y|yes|1|on|true|t)$/i.test(wanted)) return true;
  return /^(?:n|no|0|off|false|f)$/i.test(wanted) ? false : undefined;
}

/** What is said in place of a value that a node does not show. */
export const UNSEEN = { missing: "missing", loaded: "loaded", kept: "left alone" } as const;

function desired(value: v.InferOutput<typeof SCHEMA> = {}): WantedKernel {
  const { modules = {}, blacklist = {} } = value;
  const settings = (["sysctl", "sysfs"] as const).flatMap((kind) =>
    inOrder(value[kind] ?? {}).map(([name, given]) => ({
      kind,
      name,
      path: `${SETTING_ROOTS[kind]}/${settingPath(name)}`,
      value: String(given).trim(),
    }))
  );
  return {
    modules: inOrder(modules).map(([name, { parameters = {} }]) => ({
      name: moduleId(name),
      parameters: inOrder(parameters).map(([name, given]) => ({ name, value: String(given) })),
    })),
    blacklist: inOrder(blacklist).map(([name]) => moduleId(name)),
    settings,
  };
}

function inOrder<Value>(entries: Record<string, Value>): [string, Value][] {
  return Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1);
}

export const kernel = configKey({
  schema: described(
    SCHEMA,
    "Kernel modules with their parameters, drivers that are left alone, and settings below /proc/sys and /sys. Settings are " +
      "made when all modules are there, in the order of their names, and read back; one that goes away has its earlier value " +
      "again. The identity drive keeps modules, parameters, blacklist and sysctl, so that they hold before drivers are loaded " +
      "at the next boot; those of drivers that are needed to find the drive have to be in the image.",
    { since: "0.2.0", default: "none" },
  ),
  example: `kernel:
  modules:
    br_netfilter: {}
    nbd: {parameters: {nbds_max: 4}}
  blacklist: {nouveau: true}
  sysctl:
    net.bridge.bridge-nf-call-iptables: 0
    net.ipv4.ip_local_port_range: "20000 60999"
  sysfs:
    kernel.mm.transparent_hugepage.enabled: madvise
`,
  desired,
  problems: ({ modules = {}, blacklist = {} }) => {
    const ids = Object.keys(modules).map(moduleId);
    const barred = Object.keys(blacklist).map(moduleId);
    return [
      ...twice(ids).map((id) => `modules: ${id} stands here twice, with - and with _`),
      ...twice(barred).map((id) => `blacklist: ${id} stands here twice, with - and with _`),
      ...ids.filter((id) => barred.includes(id)).map((id) =>
        `${id} stands below modules and below blacklist`
      ),
    ];
  },
  needs: { programs: ["/usr/lib/psyopsos/kernel-files"], packages: [] },
  owns: [["path", MODPROBE_FILE]],
  claims: (value) =>
    desired(value).settings.map(({ kind, name, path }) => ({
      claim: ["path", path],
      at: [kind, name],
    })),
  observed: v.array(openMapping({
    /** E.g. "sysctl vm.swappiness", "module nbd", "parameter nbds_max of nbd", "driver nouveau". */
    what: anyText,
    /** Of a setting or parameter: its value or what may be told of it; else what became of it. */
    is: anyText,
  })),
  differences: (wanted, seen, shown) => {
    const open = new Map(facts(shown));
    return facts(wanted).flatMap(([what, want]) => {
      const is = seen.find((one) => one.what === what)?.is;
      return compare(what, is, tellable(want, open.get(what) ?? ""));
    });
  },
});

/** What is wanted, each thing by the name that a node's report has for it. */
export function facts({ modules, blacklist, settings }: WantedKernel): [string, string][] {
  return [
    ...modules.flatMap(({ name, parameters }): [string, string][] => [
      [`module ${name}`, UNSEEN.loaded],
      ...parameters.map(({ name: parameter, value }): [string, string] => [
        `parameter ${parameter} of ${name}`,
        value,
      ]),
    ]),
    ...blacklist.map((name): [string, string] => [`driver ${name}`, UNSEEN.kept]),
    ...settings.map(({ kind, name, value }): [string, string] => [
      `${kind} ${name}`,
      normalSetting(value),
    ]),
  ];
}

function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}

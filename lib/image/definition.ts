/**
 * The OS definition, `overlay/image.yaml`: what is in the image and how it starts. Every key is checked;
 * a mistake is reported with file, line and column. Supported: one document of YAML 1.2. Refused:
 * aliases, unknown keys, duplicate keys, values of another type.
 *
 * @module
 */
import * as v from "valibot";
import { findOddity, hasTooMany, TOO_MANY } from "../schema/yaml_oddities.ts";
import { isNode, LineCounter, parseDocument } from "yaml";
import { FORM_CHOICES } from "../agent_build/forms.ts";
import { MAX_CMDLINE } from "../documents/boot_entry.ts";
import { UserError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { timeServers } from "../schema/fields.ts";
import { printable } from "../visible.ts";

/** OpenRC's runlevels, in the order they are reached. */
export const RUNLEVELS = ["sysinit", "boot", "default", "shutdown"] as const;
/** One of {@linkcode RUNLEVELS}. */
export type Runlevel = typeof RUNLEVELS[number];

/** Longest definition that is read, in bytes. */
export const MAX_DEFINITION = 256 * 1024;
const MAX_LIST = 1000;
/** As much of a place is shown in a message, in characters. */
const MAX_QUOTED = 120;

const pattern = (expression: RegExp, rule: string) =>
  v.pipe(v.string(rule), v.maxLength(512, rule), v.regex(expression, rule));
const word = pattern(/^[a-zA-Z0-9][\w.+-]*$/, "must be a name of letters, digits and . _ + -");
const dependency = pattern(
  /^[a-zA-Z0-9][\w.+:-]*(@\w+)?([<>=~]+[\w.+~-]+)?$/,
  "must be a package name, with a version constraint or not",
);
const path = pattern(
  /^(?!.*(^|\/)\.{1,2}(\/|$))[^/\s][^\s]*[^/\s]$/,
  "must be a path without a leading slash, blanks or ..",
);
const modeText = pattern(/^[0-7]{4}$/, 'must be four octal digits in quotes, e.g. "0640"');
const accountId = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(1, "must be at least 1"),
  v.maxValue(65533, "must be at most 65533"),
);
const between = (low: number, high: number) =>
  v.pipe(
    v.number("must be a number"),
    v.integer("must be a whole number"),
    v.minValue(low, `must be at least ${low}`),
    v.maxValue(high, `must be at most ${high}`),
  );
const list = <T extends v.GenericSchema>(item: T) =>
  v.pipe(
    v.array(item, "must be a list"),
    v.maxLength(MAX_LIST, `must have at most ${MAX_LIST} entries`),
  );
/** What the mkimage engine adds to the definition, when image.yaml does not say otherwise. */
const MKIMAGE_DEFAULTS = {
  packages: ["alpine-base", "openssl"],
  features: [
    "ata",
    "base",
    "cdrom",
    "ext4",
    "mmc",
    "nvme",
    "raid",
    "scsi",
    "squashfs",
    "usb",
    "virtio",
  ],
  modules: ["loop", "squashfs", "sd-mod", "usb-storage"],
  microcode: [],
  services: ["modloop"],
};
const ids = v.record(word, accountId, "must be a mapping of names to ids");
const mapping = "must be a mapping";

const schema = v.strictObject({
  name: pattern(/^[a-zA-Z][\w-]*$/, "must be a name of letters, digits, _ and -"),
  repositories: v.pipe(
    list(v.strictObject({
      url: pattern(/^https?:\/\/[^\s?#]+[^\s?#/]$/, "must be an http(s) URL without final slash"),
      /** Who may sign its index: file names, and what those files must be. */
      keys: v.pipe(
        list(v.strictObject({
          name: pattern(/^[\w@.-]+\.rsa\.pub$/, "must be a key's file name, ending in .rsa.pub"),
          sha256: pattern(/^[0-9a-f]{64}$/, "must be a SHA-256 in 64 hex digits"),
        }, mapping)),
        v.nonEmpty("must not be empty"),
      ),
    }, mapping)),
    v.nonEmpty("must not be empty"),
  ),
  packages: v.pipe(list(dependency), v.nonEmpty("must not be empty")),
  /** In which form the agent is in the image; a compiled one needs no package deno. */
  agent: v.optional(
    v.strictObject({
      form: v.picklist(FORM_CHOICES, `must be one of ${FORM_CHOICES.join(", ")}`),
    }, mapping),
    { form: "auto" },
  ),
  /** Packages that are unpacked for single files of theirs but not installed. */
  boot: v.strictObject({ busybox: dependency, loader: dependency }, mapping),
  kernel: v.strictObject({
    flavour: pattern(/^[a-z0-9]+$/, "must be a kernel flavour, e.g. virt or lts"),
    modules: v.union(
      [v.literal("all"), list(pattern(/^[\w-]+$/, "must be a module's name"))],
      "must be all, or a list of module names",
    ),
  }, mapping),
  cmdline: pattern(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/, "must be printable words with single blanks"),
  /** Time servers that a machine without a clock asks before https, unless its identity drive names others. */
  ntp: v.optional(timeServers),
  services: v.strictObject({
    sysinit: list(word),
    boot: list(word),
    default: list(word),
    shutdown: list(word),
  }, mapping),
  /** Numbers that accounts made by packages get, so that data kept across updates keeps its owner. */
  accounts: v.strictObject({ users: ids, groups: ids }, mapping),
  /** Modes and owners of files of `overlay/root`, which git can't keep. */
  permissions: v.record(
    path,
    v.strictObject({ mode: modeText, owner: v.optional(word), group: v.optional(word) }, mapping),
    mapping,
  ),
  /** Every file that may be setuid or setgid; any other is an error. */
  privileged: list(path),
  disk: v.strictObject({ sizeMiB: between(64, 1 << 20) }, mapping),
  squashfs: v.strictObject({ level: between(1, 22) }, mapping),
  /** What the engine mkimage adds: its root is put together at boot, from packages on the medium. */
  mkimage: v.optional(
    v.strictObject({
      /** On the medium beside `packages`; alpine-base and, for the signed modules, openssl are musts. */
      packages: list(dependency),
      /** Of Alpine's initramfs: what it can boot from. */
      features: list(word),
      /** Modules that its initramfs loads first. */
      modules: list(word),
      /** Packages of microcode, each with a /boot/<package>.img. */
      microcode: list(word),
      /** Added to the runlevel sysinit: modloop gives the modules their place. */
      services: list(word),
    }, mapping),
    MKIMAGE_DEFAULTS,
  ),
  /** What changes when packages come from the lab repository, which has only what Debian gives. */
  lab: v.strictObject({
    omit: v.strictObject({ packages: list(dependency), services: list(word) }, mapping),
    squashfs: v.strictObject({ level: between(1, 22) }, mapping),
  }, mapping),
}, "must be a mapping");

/** A checked `image.yaml`. */
export type ImageDefinition = v.InferOutput<typeof schema>;

/**
 * Reads the definition; `file` is the name that messages give.
 *
 * @throws {UserError} one line per file, naming line, column, the place and the rule.
 */
export function parseDefinition(source: string, file = "overlay/image.yaml"): ImageDefinition {
  if (source.length > MAX_DEFINITION) {
    throw new UserError(`read ${file}`, `larger than ${MAX_DEFINITION} characters`);
  }
  if (hasTooMany(source)) throw new UserError(`read ${file}`, `it ${TOO_MANY}`);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken) throw new UserError(`read ${at(broken.pos[0])}`, broken.message);
  const odd = findOddity(document, { known: [], message: "tags (!…) are not supported" });
  if (odd) throw new UserError(`read ${at(odd.offset)}`, odd.message);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new UserError(`read ${file}`, "it uses YAML aliases", { cause });
  }
  const result = v.safeParse(schema, content);
  if (!result.success) {
    // A mistyped key is also a missing one: the unknown word says more.
    const issue = result.issues.find(isUnknownKey) ?? result.issues[0];
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    const position = at(offsetOf(document, keys));
    throw new UserError(`read ${position}`, describe(issue, keys));
  }
  return result.output;
}

/** Runlevel and package lists for the lab repository: everything less `lab.omit`. */
export function labDefinition(definition: ImageDefinition): ImageDefinition {
  const { packages, services } = definition.lab.omit;
  const keep = (names: readonly string[]) => names.filter((name) => !services.includes(name));
  return {
    ...definition,
    packages: definition.packages.filter((name) => !packages.includes(name)),
    services: {
      sysinit: keep(definition.services.sysinit),
      boot: keep(definition.services.boot),
      default: keep(definition.services.default),
      shutdown: keep(definition.services.shutdown),
    },
    squashfs: definition.lab.squashfs,
  };
}

type Issue = v.InferIssue<typeof schema>;

function isUnknownKey(issue: Issue): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

function describe(issue: Issue, keys: readonly (string | number)[]): string {
  // By a slip of the pen a key may be anything.
  const place = printable(keys.join("."), MAX_QUOTED);
  const last = String(keys.at(-1) ?? "");
  if (isUnknownKey(issue)) {
    const near = nearest(last, knownKeys(keys.slice(0, -1)));
    return `unknown key ${place}${near ? `, did you mean ${near}?` : ""}`;
  }
  if (issue.type === "strict_object" && issue.received === "undefined") {
    return `${place} is missing`;
  }
  return `${place || "the document"} ${issue.message}`;
}

/** The keys that the schema knows at a place. */
function knownKeys(keys: readonly (string | number)[]): string[] {
  let here: unknown = schema;
  for (const key of keys) here = child(here, key);
  if (isRecord(here) && isRecord(here.wrapped)) here = here.wrapped;
  return isRecord(here) && isRecord(here.entries) ? Object.keys(here.entries) : [];
}

function child(here: unknown, key: string | number): unknown {
  if (!isRecord(here)) return undefined;
  if (isRecord(here.entries)) return here.entries[key];
  if (isRecord(here.wrapped)) return child(here.wrapped, key);
  return here.item ?? here.value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Where the deepest part of `keys` that exists stands in the source. */
function offsetOf(document: ReturnType<typeof parseDocument>, keys: (string | number)[]): number {
  for (let length = keys.length; length > 0; length--) {
    const parent = length === 1
      ? document.contents
      : document.getIn(keys.slice(0, length - 1), true);
    const key = keys[length - 1]!;
    // The key's own position where there is one: it is what a person looks for.
    if (isRecord(parent) && Array.isArray(parent.items) && typeof key === "string") {
      for (const pair of parent.items as { key?: unknown }[]) {
        if (isNode(pair.key) && String(pair.key) === key) return pair.key.range?.[0] ?? 0;
      }
      continue;
    }
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return isNode(document.contents) ? document.contents.range?.[0] ?? 0 : 0;
}

/** The definition's kernel command line with `extra` behind it. @throws {UserError} */
export function kernelCmdline({ cmdline }: ImageDefinition, extra = ""): string {
  const whole = `${cmdline} ${extra}`.trim();
  if (whole.length <= MAX_CMDLINE && /^[\x20-\x7e]+$/.test(whole)) return whole;
  throw new UserError(
    "use the kernel command line",
    `it must be 1 to ${MAX_CMDLINE} printable ASCII characters`,
  );
}

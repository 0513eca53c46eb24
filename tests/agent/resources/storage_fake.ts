/** The disks of a node in memory, and the programs that make, open, check and mount what is on them. */
import { utf8 } from "../../../lib/bytes.ts";
import type { RunOptions, RunResult } from "../../../lib/host.ts";
import type { Program } from "../../support/fake_host.ts";
import type { FakeHost } from "../../support/fake_host.ts";

const STORAGE = "/usr/lib/psyopsos/storage";
const LUKS_SECTORS = 32768;

/** What is on a device. */
export interface FakeContent {
  signatures: { type: string; uuid?: string; label?: string }[];
  /** Whether it holds something that nobody knows. */
  isUnknown?: boolean;
  mark?: string;
  /** Of LUKS: keys by slot, and what is inside. */
  slots?: (string | undefined)[];
  inner?: FakeContent;
  /** What an account has put into its file system. */
  data?: string;
  /** What e2fsck gives; a damaged one can't be mounted. */
  check?: number;
}

/** A disk, or a partition where `disk` says of which. */
export interface FakeDisk {
  sectors?: number;
  disk?: string;
  partition?: number;
  removable?: boolean;
  usb?: boolean;
  readOnly?: boolean;
  serial?: string;
  model?: string;
  path?: string;
  content: FakeContent;
}

/** A disk that holds nothing. */
export const EMPTY: FakeContent = { signatures: [] };

/** A file system of this type and label. */
export function fakeFs(type: string, label?: string, data?: string): FakeContent {
  return {
    signatures: [{ type, uuid: `${type}-0001`, ...label && { label } }],
    ...data && { data },
  };
}

/** A LUKS header with these keys, and what is inside. */
export function fakeLuks(label: string, keys: string[], inner: FakeContent): FakeContent {
  return {
    signatures: [{ type: "crypto_LUKS", uuid: "abcd-ef01", label }],
    slots: [...keys],
    inner,
  };
}

type Answer = Partial<RunResult> | string;

/** Answers all programs that the key runs. */
export class StorageFake {
  readonly disks = new Map<string, FakeDisk>();
  /** Devices that are open, by the name of the mapped one. */
  readonly mapped = new Map<string, string>();
  /** Mounts: where, what, and its type. */
  readonly mounts: { point: string; source: string; type: string; options: string }[] = [
    { point: "/", source: "overlay", type: "overlay", options: "" },
  ];
  readonly swaps = new Set<string>();
  /** Mounts that somebody uses. */
  readonly busy = new Set<string>();
  /** Servers on the network that answer. */
  readonly servers = new Set<string>();
  /** All commands with what they had on standard input. */
  readonly commands: string[] = [];
  /** Called before each command with how many there were. */
  onCommand: (count: number) => void = () => {};

  constructor(readonly host: FakeHost) {
    const programs: Record<string, Program> = {
      [STORAGE]: (args) => this.#helper(args),
      wipefs: (args) => this.#wipefs(args),
      "mkfs.ext4": (args) => this.#mkfs("ext4", args),
      "mkfs.xfs": (args) => this.#mkfs("xfs", args),
      "mkfs.btrfs": (args) => this.#mkfs("btrfs", args),
      e2fsck: (args) => this.#check(args),
      cryptsetup: (args, options) => this.#cryptsetup(args, options),
      mount: (args) => this.#mount(args),
      umount: (args) => this.#umount(args),
      swapon: ([path = ""]) => {
        this.swaps.add(path);
        return {};
      },
      swapoff: ([path = ""]) => this.swaps.delete(path) ? {} : failed("not in use"),
      cat: ([path]) => path === "/proc/self/mountinfo" ? this.#mountinfo() : failed("no such file"),
    };
    for (const [name, program] of Object.entries(programs)) {
      // The identity drive's mounts, and what else is read of the kernel, are other fakes'.
      const others = host.programs.get(name);
      host.programs.set(name, (args, options) => {
        const isOurs = args.at(-1) === "/proc/self/mountinfo" ||
          name !== "cat" && !args.at(-1)?.startsWith("/run/psyopsos");
        if (others && !isOurs) return others(args, options);
        this.onCommand(this.commands.length);
        this.commands.push([name, ...args].join(" "));
        return program(args, options);
      });
    }
  }

  /** The content that a path of a device leads to. */
  at(path: string): FakeContent {
    const name = path.replace(/^\/dev\/(?:mapper\/)?/, "");
    if (path.startsWith("/dev/mapper/")) {
      const inner = this.disks.get(this.mapped.get(name)!)?.content.inner;
      if (!inner) throw new Error(`the fake has no ${path}`);
      return inner;
    }
    const disk = this.disks.get(name);
    if (!disk) throw new Error(`the fake has no ${path}`);
    return disk.content;
  }

  #mountinfo(): string {
    return this.mounts.map(({ point, source, type }, i) =>
      `${i + 20} 1 0:${i} / ${point} rw,relatime shared:1 - ${type} ${source} rw\n`
    ).join("");
  }

  #helper([verb, name = "", ...more]: readonly string[]): Answer {
    switch (verb) {
      case "look":
        return this.#mountinfo().replaceAll(/^(?=.)/gm, "mount ") +
          [...this.swaps].map((path) => `swap ${path} file 16380 0 -2\n`).join("") +
          [...this.disks.keys()].map((one) => `block ${one} \n`).join("") +
          [...this.mapped.keys()].map((one, i) => `block dm-${i} ${one}\n`).join("");
      case "disks":
        return [...this.disks].map(([one, disk]) => this.#line(one, disk)).join("");
      case "blank": {
        const content = this.at(name);
        const isBlank = content.signatures.length === 0 && !content.isUnknown && !content.mark;
        return `blank ${isBlank ? "yes" : "no"}\n` + (content.mark ? `mark ${content.mark}\n` : "");
      }
      case "mark":
        this.at(name).mark = more[0];
        return {};
      case "unmark":
        delete this.at(name).mark;
        return {};
      case "modules":
        return {};
      case "swapfile":
        this.host.put(name, new Uint8Array(Number(more[0]) * 1024 * 1024), 0o600);
        return {};
      case "zram":
        this.swaps.add("/dev/zram0");
        return {};
      case "zram-off":
        this.swaps.delete("/dev/zram0");
        return {};
      case "later": {
        const [program, dashT, type = "", ...rest] = more;
        if (program !== "mount" || dashT !== "-t") return failed("no mount");
        const [source = "", point = ""] = rest.slice(-2);
        if (!this.servers.has(source)) return { code: 3 };
        this.mounts.push({ point, source, type, options: rest.slice(0, -2).join(" ") });
        return {};
      }
      case "never":
        return {};
      default:
        return failed(`the fake does not know ${verb}`);
    }
  }

  #line(name: string, given: FakeDisk): string {
    const { disk = "", partition = "", sectors = 1 << 20, serial = "", model = "", path = "" } =
      given;
    const flag = (one?: boolean) => one ? "1" : "0";
    const holders = [...this.mapped].filter(([, device]) => device === name).map(([one]) => one);
    return [
      ...[
        name,
        disk,
        partition,
        sectors,
        flag(given.removable),
        flag(given.usb),
        flag(given.readOnly),
      ],
      ...[serial, model, path, holders.join(" ")],
    ].join("\t") + "\n";
  }

  #wipefs([first, ...rest]: readonly string[]): Answer {
    if (first === "--no-act" && rest[0] === "--json" && rest.length === 2) {
      const path = rest[1]!;
      const inFile = this.host.nodes.has(path) ? [{ type: "swap" }] : undefined;
      const signatures = inFile ?? this.at(path).signatures;
      // Some things stand on a device twice.
      const all = signatures.flatMap((one) => one.type === "crypto_LUKS" ? [one, one] : [one]);
      return all.length === 0 ? "" : JSON.stringify({ signatures: all });
    }
    if (first !== "--all" || rest.length !== 1) return failed(`wipefs: unknown ${first}`);
    const content = this.at(rest[0]!);
    for (const name of Object.keys(content)) if (name !== "mark") delete content[name as "data"];
    content.signatures = [];
    return {};
  }

  #mkfs(type: string, args: readonly string[]): Answer {
    const label = args[args.indexOf("-L") + 1]!;
    const [path = "", size] = type === "ext4" ? args.slice(-2) : [args.at(-1), "-"];
    const words = { ext4: ["-q", "-F", "-L"], xfs: ["-q", "-f", "-L"], btrfs: ["-q", "-f", "-L"] };
    if (args.slice(0, 3).join() !== words[type as "ext4"].join() || !size) return failed("usage");
    const content = this.at(path);
    if (content.signatures.length > 0) return failed("it holds something");
    const made = fakeFs(type, label);
    content.signatures = made.signatures;
    return {};
  }

  #check([preen, path = ""]: readonly string[]): Answer {
    if (preen !== "-p") return failed("it would ask");
    return { code: this.at(path).check ?? 0 };
  }

  #cryptsetup([verb, ...args]: readonly string[], { stdin = "" }: RunOptions): Answer {
    const key = String(stdin);
    const at = args.indexOf("--key-file");
    const rest = at < 0 ? args : args.slice(at + 2);
    if (at >= 0 && args[at + 1] !== "-") return failed("the key is no standard input");
    const options = at < 0 ? [] : args.slice(0, at).join(" ");
    const STRETCH = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";
    const known: Record<string, string> = {
      luksFormat: `--batch-mode --type luks2 ${STRETCH} --offset ${LUKS_SECTORS} --label`,
      luksAddKey: `--batch-mode ${STRETCH}`,
      luksRemoveKey: "--batch-mode",
    };
    if (verb === "close") return this.#close(args);
    const path = rest[0] ?? "";
    const content = this.at(path);
    const slots = content.slots ??= [];
    const slot = slots.indexOf(key);
    if (verb === "open") {
      if (options !== "--type luks2" && options !== "--test-passphrase --type luks2") {
        return failed("usage");
      }
      if (!content.signatures.some(({ type }) => type === "crypto_LUKS")) {
        return failed("not a LUKS device");
      }
      if (slot < 0) return { code: 2, stderr: utf8("No key available with this passphrase.") };
      if (String(options).startsWith("--test")) return {};
      if (this.mapped.has(rest[1]!)) return failed(`Device ${rest[1]} already exists.`);
      this.mapped.set(rest[1]!, path.slice("/dev/".length));
      return {};
    }
    if (!String(options).startsWith(known[verb!] ?? "unknown")) {
      return failed(`cryptsetup: ${verb} ${options}`);
    }
    switch (verb) {
      case "luksFormat": {
        const made = fakeLuks(args[args.indexOf("--label") + 1]!, [key], { signatures: [] });
        Object.assign(content, made);
        return {};
      }
      case "luksAddKey": {
        if (slot < 0) return { code: 2 };
        const free = slots.indexOf(undefined);
        const added = this.host.textOf(rest[1]!);
        if (free < 0) slots.push(added);
        else slots[free] = added;
        return {};
      }
      default:
        if (slot < 0) return { code: 2 };
        if (slots.filter((one) => one !== undefined).length === 1) return failed("the last key");
        slots[slot] = undefined;
        return {};
    }
  }

  #close(args: readonly string[]): Answer {
    const name = args.at(-1)!;
    const [first] = args;
    if (first !== name && first !== "--deferred") return failed("usage");
    if (this.mounts.some(({ source }) => source === `/dev/mapper/${name}`)) return failed("busy");
    return this.mapped.delete(name)
      ? {}
      : { code: 4, stderr: utf8(`Device ${name} is not active.`) };
  }

  #mount(args: readonly string[]): Answer {
    if (args.length === 3 && args[0] === "-o" && /^remount,bind,/.test(args[1]!)) {
      this.mounts.findLast(({ point }) => point === args[2])!.options = args[1]!;
      return {};
    }
    const [source = "", point = ""] = args.slice(-2);
    const words = args.slice(0, -2);
    if (!this.host.nodes.has(point)) return failed("there is no such directory");
    if (words.join(" ") === "-o bind") {
      const below = this.mounts.findLast((one) =>
        source.startsWith(`${one.point}/`) || one.point === "/"
      )!;
      this.mounts.push({ ...below, point, options: "bind" });
      return {};
    }
    if (words[0] !== "-t" || words.length > 4) return failed("usage");
    const content = this.at(source);
    if (content.mark !== undefined) throw new Error("it is mounted before it is made");
    if (content.signatures[0]?.type !== words[1] || content.check) return failed("wrong fs type");
    this.mounts.push({ point, source, type: words[1]!, options: words[3] ?? "" });
    return {};
  }

  #umount(args: readonly string[]): Answer {
    const point = args.at(-1)!;
    if (args.length > 1 && args[0] !== "-l") return failed("usage");
    const isUsed = this.busy.has(point) ||
      [...this.swaps].some((one) => one.startsWith(`${point}/`));
    if (args.length === 1 && isUsed) return failed("target is busy");
    const at = this.mounts.findLastIndex((one) => one.point === point);
    if (at < 0) return failed("not mounted");
    this.mounts.splice(at, 1);
    return {};
  }
}

function failed(stderr: string): Partial<RunResult> {
  return { code: 1, stderr: utf8(stderr) };
}

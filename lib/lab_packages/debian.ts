/**
 * Debian packages through apt, as any user: which versions the machine's package lists name, their
 * files, their content. apt itself checks them against Debian's signed lists.
 *
 * @module
 */
import { sha256Hex, text } from "../bytes.ts";
import { complaintOf } from "../complaint.ts";
import { EXIT, UserError } from "../errors.ts";
import { readTar, type TarEntry } from "../formats/tar.ts";
import { type Host, NO_PROGRAM, type RunResult } from "../host.ts";

/** One version of a Debian package that apt can download. */
export interface Deb {
  name: string;
  /** Debian's version with epoch, e.g. "1:9.2p1-2+deb12u10". */
  version: string;
  /** File name that apt gives the download. */
  file: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/** What a Debian package says and holds. */
export interface DebContent {
  deb: Deb;
  homepage: string;
  /** The first line of its description. */
  summary: string;
  /** Name of its source package. */
  source: string;
  entries: TarEntry[];
}

/** Packages that apt knows, with what each depends on (first choices, virtual names left out). */
export type DebGraph = ReadonlyMap<string, readonly string[]>;

const APT_ENV = { LC_ALL: "C" };
/** Where apt keeps its lists; their names and times tell whether a resolution is still true. */
const LISTS = "/var/lib/apt/lists";

/** A text that changes whenever `apt-get update` fetched something new. */
export async function aptListsStamp(host: Host): Promise<string> {
  const stamps: string[] = [];
  for (const name of await host.readDir(LISTS)) {
    const info = await host.stat(`${LISTS}/${name}`);
    if (info?.kind === "file") stamps.push(`${name} ${info.size} ${info.mtime}`);
  }
  return stamps.join("\n");
}

/** Everything `names` depend on. @throws {UserError} where apt or a package is missing. */
export async function debGraph(host: Host, names: readonly string[]): Promise<DebGraph> {
  const quiet = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
  const result = await apt(host, [
    "apt-cache",
    "depends",
    "--recurse",
    "--option=APT::Cache::ShowOnlyFirstOr=true",
    ...quiet.map((kind) => `--no-${kind}`),
    ...names,
  ]);
  const graph = parseDepends(result);
  for (const name of names) if (!graph.has(name)) throw unknownPackage(name);
  return graph;
}

/** Reads what `apt-cache depends --recurse` prints: a package per line, its relations indented. */
export function parseDepends(output: string): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output.split("\n")) {
    const relation = /^ [ |](?:Pre)?Depends: (\S+)/.exec(line)?.[1];
    if (relation && !relation.startsWith("<")) current.push(relation);
    else if (/^[a-z0-9]/.test(line)) graph.set(line.trim(), current = []);
  }
  return graph;
}

/** Versions, file names and hashes that apt would download for `names`. */
export async function resolveDebs(
  host: Host,
  names: readonly string[],
): Promise<Map<string, Deb>> {
  const debs = parseUris(await apt(host, ["apt-get", "download", "--print-uris", ...names]));
  for (const name of names) if (!debs.has(name)) throw unknownPackage(name);
  return debs;
}

/** Reads `'URI' NAME_VERSION_ARCH.deb SIZE SHA256:HEX` lines. */
export function parseUris(output: string): Map<string, Deb> {
  const debs = new Map<string, Deb>();
  for (const line of output.split("\n")) {
    // In a file name apt writes %3a for the colon of an epoch.
    const match =
      /^'[^']*' ([^_\s/]+)_((?:[^_\s/%]|%[0-7][0-9a-f])+)_[^_\s/]+\.deb (\d+) SHA256:([0-9a-f]{64})$/i
        .exec(line.trim());
    if (!match) continue;
    const [, name = "", version = "", size, sha256 = ""] = match;
    const file = line.split(" ")[1] ?? "";
    debs.set(name, {
      name,
      version: decodeURIComponent(version),
      file,
      size: Number(size),
      sha256,
    });
  }
  return debs;
}

/** Downloads what `dir` lacks; several apt processes, so that a kernel does not hold up the rest. */
export async function fetchDebs(host: Host, dir: string, debs: readonly Deb[]): Promise<void> {
  const missing: Deb[] = [];
  for (const deb of debs) {
    const info = await host.stat(`${dir}/${deb.file}`);
    if (info?.size !== deb.size) missing.push(deb);
  }
  if (missing.length === 0) return;
  await host.mkdir(dir);
  const sandbox = "--option=APT::Sandbox::User=root";
  const small = missing.filter((deb) => deb.size < LARGE_DEB);
  const groups = [small, ...missing.filter((deb) => deb.size >= LARGE_DEB).map((deb) => [deb])];
  await Promise.all(
    groups.filter((group) => group.length > 0).map((group) =>
      apt(host, [
        "apt-get",
        "download",
        "--quiet=2",
        sandbox,
        ...group.map((deb) => `${deb.name}=${deb.version}`),
      ], dir)
    ),
  );
}

/** From this many bytes on a package is downloaded by an apt of its own. */
const LARGE_DEB = 8 << 20;

/** Unpacks a downloaded package after comparing its hash. */
export async function readDeb(host: Host, dir: string, deb: Deb): Promise<DebContent> {
  const path = `${dir}/${deb.file}`;
  if (sha256Hex(await host.readFile(path)) !== deb.sha256) {
    await host.remove(path);
    throw new UserError(`read ${path}`, "its SHA-256 is not the one in apt's lists", {
      hint: "it was removed; run again to download it anew",
    });
  }
  const [fields, tar] = await Promise.all([
    tool(host, ["dpkg-deb", "--field", path, "Homepage", "Source", "Description"]),
    tool(host, ["dpkg-deb", "--fsys-tarfile", path]),
  ]);
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text(fields))?.[1] ?? "";
  return {
    deb,
    homepage: field("Homepage"),
    summary: field("Description"),
    source: field("Source").split(" ")[0] || deb.name,
    entries: readTar(tar),
  };
}

/** Debian's name of the machine's architecture, e.g. "amd64". */
export async function debianArchitecture(host: Host): Promise<string> {
  return text(await tool(host, ["dpkg", "--print-architecture"])).trim();
}

async function tool(host: Host, command: readonly string[], cwd?: string) {
  const result = await host.run(command, { cwd, env: APT_ENV });
  if (result.code === NO_PROGRAM) {
    throw new UserError("make the lab repository", `${command[0]} is missing`, {
      exitCode: EXIT.missing,
      hint: "it is made from Debian packages: run on Debian 12, or use an Alpine mirror",
    });
  }
  if (result.code !== 0) throw toolFailed(command, result);
  return result.stdout;
}

async function apt(host: Host, command: readonly string[], cwd?: string): Promise<string> {
  return text(await tool(host, command, cwd));
}

function toolFailed(command: readonly string[], result: RunResult): UserError {
  const why = complaintOf(
    result,
    (lines) => lines.find((line) => line.startsWith("E:")) ?? lines.at(-1),
  );
  const what = command.slice(0, 2).join(" ");
  return new UserError("make the lab repository", `${what} failed: ${why}`, {
    exitCode: EXIT.missing,
    hint: "run `sudo apt-get update`, then again",
  });
}

function unknownPackage(name: string): UserError {
  return new UserError("make the lab repository", `apt knows no package ${name}`, {
    exitCode: EXIT.missing,
    hint: "run `sudo apt-get update`, then again (Debian 12 has all of them)",
  });
}

/**
 * Files of the configuration: content, mode and owner. A file that is no longer listed stays until the next boot, which
 * starts from the image anyway.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../../lib/bytes.ts";
import { fileContent } from "../../lib/documents/site.ts";
import { UserError } from "../../lib/errors.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { MAX_DOCUMENT_BYTES } from "../../lib/limits.ts";
import { installFile } from "../system/install_file.ts";
import type { Resource, Step } from "./resource.ts";

/** One file as it shall be. */
export interface DesiredFile {
  path: string;
  data: Bytes;
  sha256: string;
  mode: number;
  owner: string;
  group: string;
}

/** What is at a path. */
export interface ActualFile {
  kind: FileInfo["kind"];
  sha256?: string;
  mode: number;
  owner: string;
  group: string;
}

interface Change extends Step {
  readonly file: DesiredFile;
}

export const files: Resource<DesiredFile[], Map<string, ActualFile>, Change> = {
  name: "files",

  desire: ({ config }) =>
    Object.entries(config.files ?? {}).map(([path, given]) => {
      const data = fileContent(given);
      return {
        path,
        data,
        sha256: sha256Hex(data),
        mode: parseInt(given.mode ?? "0644", 8),
        owner: given.owner ?? "root",
        group: given.group ?? "root",
      };
    }),

  async read(host, desired) {
    const names = await readNames(host);
    const actual = new Map<string, ActualFile>();
    for (const { path, data } of desired) {
      const found = await readFileFacts(host, path, names, data.length);
      if (found) actual.set(path, found);
    }
    return actual;
  },

  plan: (desired, actual) =>
    desired.filter((file) => !isSame(file, actual.get(file.path))).map((file) => ({
      file,
      text: `write ${file.path} (${file.data.length} bytes, ${octal(file.mode)} ` +
        `${file.owner}:${file.group})`,
    })),

  async apply({ file }, host) {
    const { users, groups } = await readNames(host);
    const uid = idOf(users, file.owner);
    const gid = idOf(groups, file.group);
    if (uid === undefined || gid === undefined) {
      const missing = uid === undefined ? `user ${file.owner}` : `group ${file.group}`;
      throw new UserError(`write ${file.path}`, `there is no ${missing}`);
    }
    await installFile(host, file.path, file.data, { mode: file.mode, uid, gid });
  },
};

/** Names of users and groups by id. */
export interface Names {
  users: Map<number, string>;
  groups: Map<number, string>;
}

/** Reads the names that owners are shown with. */
export async function readNames(host: Host): Promise<Names> {
  const users = parsePasswd(await host.readTextFile("/etc/passwd"));
  const groups = parseGroup(await host.readTextFile("/etc/group"));
  // The first line of an id wins, as in the C library.
  return {
    users: new Map(users.reverse().map(({ uid, name }) => [uid, name])),
    groups: new Map(groups.reverse().map(({ gid, name }) => [gid, name])),
  };
}

/**
 * What is at `path`, undefined for nothing. The content is hashed when it is as long as `size`; without it, unless it is longer
 * than any configuration: an account may have put there what does not fit into memory.
 */
export async function readFileFacts(
  host: Host,
  path: string,
  names: Names,
  size?: number,
): Promise<ActualFile | undefined> {
  const info = await host.stat(path);
  if (!info) return undefined;
  const fits = size === undefined ? info.size <= MAX_DOCUMENT_BYTES : info.size === size;
  const hashed = info.kind === "file" && fits;
  return {
    kind: info.kind,
    sha256: hashed ? sha256Hex(await host.readFile(path)) : undefined,
    mode: info.mode,
    owner: names.users.get(info.uid) ?? `${info.uid}`,
    group: names.groups.get(info.gid) ?? `${info.gid}`,
  };
}

/** Permission bits as configurations write them, e.g. "0644". */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function isSame(file: DesiredFile, actual: ActualFile | undefined): boolean {
  return actual?.kind === "file" && actual.sha256 === file.sha256 && actual.mode === file.mode &&
    actual.owner === file.owner && actual.group === file.group;
}

function idOf(names: Map<number, string>, wanted: string): number | undefined {
  for (const [id, name] of names) if (name === wanted) return id;
}

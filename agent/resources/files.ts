/**
 * Files of the configuration: content, mode and owner. A file that is no longer listed stays until the next boot, which
 * starts from the image anyway.
 *
 * @module
 */
import { sha256Hex } from "../../lib/bytes.ts";
import { type DesiredFile, octal } from "../../lib/config/files.ts";
import { PRIVATE_DIGEST } from "../../lib/config/key.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { MAX_DOCUMENT_BYTES } from "../../lib/limits.ts";
import { installFile } from "../system/install_file.ts";
import type { KeyResource, Step } from "./resource.ts";

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

export const files: KeyResource<"files", Map<string, ActualFile>, Change> = {
  async read(host, wanted) {
    const names = await readNames(host);
    const actual = new Map<string, ActualFile>();
    for (const { path, data } of wanted) {
      const found = await readFileFacts(host, path, names, data.length);
      if (found) actual.set(path, found);
    }
    return actual;
  },

  plan: (wanted, actual) =>
    wanted.filter((file) => !isSame(file, actual.get(file.path))).map((file) => ({
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

  async observe(host, wanted, shown) {
    const names = await readNames(host);
    const found: ObservedOf<"files"> = [];
    for (const { path, sha256 } of wanted) {
      const facts = await readFileFacts(host, path, names);
      if (facts?.sha256 === undefined) continue;
      const open = shown.some((one) => one.path === path && one.sha256 === sha256);
      const told = facts.sha256 === sha256 ? PRIVATE_DIGEST : "differs";
      const { owner, group } = facts;
      const mode = octal(facts.mode);
      found.push({ path, sha256: open ? facts.sha256 : told, mode, owner, group });
    }
    return found;
  },
};

/** Names of users and groups by id. */
interface Names {
  users: Map<number, string>;
  groups: Map<number, string>;
}

/** Reads the names that owners are shown with. */
async function readNames(host: Host): Promise<Names> {
  const users = parsePasswd(await host.readTextFile("/etc/passwd"));
  const groups = parseGroup(await host.readTextFile("/etc/group"));
  // The first line of an id wins, as in the C library.
  return {
    users: new Map(users.reverse().map(({ uid, name }) => [uid, name])),
    groups: new Map(groups.reverse().map(({ gid, name }) => [gid, name])),
  };
}

/**
 * The facts of what is at `path`; undefined when there is nothing. A file's content is hashed only if it is `size`
 * bytes long. Without `size` it is hashed unless it is longer than any configuration: an account may have put a file
 * there that does not fit into memory.
 */
async function readFileFacts(
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

function isSame(file: DesiredFile, actual: ActualFile | undefined): boolean {
  return actual?.kind === "file" && actual.sha256 === file.sha256 && actual.mode === file.mode &&
    actual.owner === file.owner && actual.group === file.group;
}

function idOf(names: Map<number, string>, wanted: string): number | undefined {
  for (const [id, name] of names) if (name === wanted) return id;
}

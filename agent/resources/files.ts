/**
 * Files of the configuration: content, mode and owner. What was there before comes back when a file is no longer listed: see
 * `gone.ts`.
 *
 * @module
 */
import { sha256Hex } from "../../lib/bytes.ts";
import { type DesiredFile, octal } from "../../lib/config/files.ts";
import { DIFFERS, PRIVATE_DIGEST } from "../../lib/config/key.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import type { FileInfo, Host, RegularFile } from "../../lib/host.ts";
import { findFilePlace, installFile } from "../system/install_file.ts";
import { readFacts, readSystemText } from "../system/read_file.ts";
import { digestKey, fileForm, noteMade } from "./made.ts";
import type { KeyResource, Step } from "./resource.ts";

/** What is at a path. */
export interface ActualFile {
  kind: FileInfo["kind"];
  /** Of a regular file that is no longer than the wanted one. */
  sha256?: string;
  mode: number;
  owner: string;
  group: string;
}

/**
 * Stands for what can't be read, e.g. through a link that an account made. Writing the file puts it right, or fails and
 * says why; the other files are looked at all the same.
 */
const UNREADABLE: RegularFile = {
  info: { kind: "other", size: 0, mode: 0, uid: 0, gid: 0, mtime: 0 },
};

interface Change extends Step {
  readonly file: DesiredFile;
  readonly key: Uint8Array;
}

interface Actual {
  found: Map<string, ActualFile>;
  /** Of digests in the records of what was made. */
  key: Uint8Array;
}

export const files: KeyResource<"files", Actual, Change> = {
  async read(host, wanted, { identity }) {
    const names = await readNames(host);
    const found = new Map<string, ActualFile>();
    for (const file of wanted) {
      const actual = await readActual(host, file, names);
      if (actual) found.set(file.path, actual);
    }
    return { found, key: digestKey(identity) };
  },

  plan: (wanted, { found, key }) =>
    wanted.filter((file) => !isSame(file, found.get(file.path))).map((file) => ({
      file,
      key,
      // Not how long it is: that is the length of a secret.
      text: `write ${file.path} (${octal(file.mode)} ${file.owner}:${file.group})`,
    })),

  async apply({ file, key }, host) {
    const { users, groups } = await readNames(host);
    const uid = idOf(users, file.owner);
    const gid = idOf(groups, file.group);
    if (uid === undefined || gid === undefined) {
      const missing = uid === undefined ? `user ${file.owner}` : `group ${file.group}`;
      throw new UserError(`write ${file.path}`, `there is no ${missing}`);
    }
    const { path, data, mode } = file;
    const place = await findFilePlace(host, path);
    const form = fileForm(data, { mode, uid, gid }, key);
    await noteMade(host, { what: "file", path, place, form, key });
    await installFile(host, path, data, { mode, uid, gid });
  },

  async observe(host, wanted, shown) {
    const names = await readNames(host);
    const found: ObservedOf<"files"> = [];
    for (const file of wanted) {
      const facts = await readActual(host, file, names);
      if (facts?.kind !== "file") continue;
      const { path, sha256 } = file;
      const isOpen = shown.some((one) => one.path === path && one.sha256 === sha256);
      const asWanted = isOpen ? sha256 : PRIVATE_DIGEST;
      // What else is there is nobody's business: it may be a secret, or another file that an account has put there.
      const told = facts.sha256 === sha256 ? asWanted : DIFFERS;
      const { owner, group } = facts;
      found.push({ path, sha256: told, mode: octal(facts.mode), owner, group });
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
  const users = parsePasswd(await readSystemText(host, "/etc/passwd"));
  const groups = parseGroup(await readSystemText(host, "/etc/group"));
  // The first line of an id wins, as in the C library.
  return {
    users: new Map(users.reverse().map(({ uid, name }) => [uid, name])),
    groups: new Map(groups.reverse().map(({ gid, name }) => [gid, name])),
  };
}

/**
 * The facts of what is where `file` is wanted; undefined when there is nothing. Content is hashed only when it is no longer
 * than the wanted one.
 */
async function readActual(
  host: Host,
  { path, data: wanted }: DesiredFile,
  names: Names,
): Promise<ActualFile | undefined> {
  const found = await readFacts(host, path, wanted.length).catch(() => UNREADABLE);
  if (!found) return undefined;
  const { info, data } = found;
  return {
    kind: info.kind,
    sha256: data && sha256Hex(data),
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

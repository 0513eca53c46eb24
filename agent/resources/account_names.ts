/**
 * Names of accounts and groups, by which owners are told and wanted.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import type { FileInfo, Host } from "../../lib/host.ts";
import { readSystemText } from "../system/read_file.ts";

/** Names of users and groups by id. */
export interface AccountNames {
  users: ReadonlyMap<number, string>;
  groups: ReadonlyMap<number, string>;
}

/** Reads the names of the node. */
export async function readAccountNames(host: Host): Promise<AccountNames> {
  const users = parsePasswd(await readSystemText(host, "/etc/passwd"));
  const groups = parseGroup(await readSystemText(host, "/etc/group"));
  // The first line of an id wins, as in the C library.
  return {
    users: new Map(users.reverse().map(({ uid, name }) => [uid, name])),
    groups: new Map(groups.reverse().map(({ gid, name }) => [gid, name])),
  };
}

/** Names of the owner and group of something; ids where nobody has them. */
export function ownerNames(
  { users, groups }: AccountNames,
  { uid, gid }: Pick<FileInfo, "uid" | "gid">,
): { owner: string; group: string } {
  return { owner: users.get(uid) ?? `${uid}`, group: groups.get(gid) ?? `${gid}` };
}

/** Ids of an owner and a group. @throws {UserError} "Cannot <doing>: there is no …" */
export function ownerIds(
  { users, groups }: AccountNames,
  { owner, group }: { owner: string; group: string },
  doing: string,
): { uid: number; gid: number } {
  const [uid, gid] = [idOf(users, owner), idOf(groups, group)];
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  const missing = uid === undefined ? `user ${owner}` : `group ${group}`;
  throw new UserError(doing, `there is no ${missing}`);
}

function idOf(names: ReadonlyMap<number, string>, wanted: string): number | undefined {
  for (const [id, name] of names) if (name === wanted) return id;
}

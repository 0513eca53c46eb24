/**
 * The account files passwd(5), group(5) and shadow(5) as values: parsed, changed and rendered without losing a line that
 * is not understood. Refused: fields that would end a field or a line. Pure.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { isLine } from "./lines.ts";

/** One line of `/etc/passwd`. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
  comment: string;
  home: string;
  shell: string;
}

/** One line of `/etc/group`. */
export interface Group {
  name: string;
  gid: number;
  members: string[];
}

/** Accounts in the text of `/etc/passwd`; lines that are none are skipped. */
export function parsePasswd(text: string): Account[] {
  return rows(text, 7).filter(([, , uid, gid]) => isId(uid) && isId(gid)).map(
    ([name, , uid, gid, comment, home, shell]) => ({
      name: name!,
      uid: Number(uid),
      gid: Number(gid),
      comment: comment!,
      home: home!,
      shell: shell!,
    }),
  );
}

/** Groups in the text of `/etc/group`; lines that are none are skipped. */
export function parseGroup(text: string): Group[] {
  return rows(text, 4).filter(([, , gid]) => isId(gid)).map(([name, , gid, members]) => ({
    name: name!,
    gid: Number(gid),
    members: members!.split(",").filter(Boolean),
  }));
}

/** Names that have a line in the text of `/etc/shadow`, with their password fields. Of several lines the first holds. */
export function parseShadow(text: string): Map<string, string> {
  const passwords = new Map<string, string>();
  for (const [name, password] of rows(text, 9)) {
    if (!passwords.has(name!)) passwords.set(name!, password!);
  }
  return passwords;
}

/** `text` with the account added, or changed when there is one of its name. */
export function withAccount(text: string, account: Account): string {
  const { name, uid, gid, comment, home, shell } = account;
  return withRow(text, [name, "x", `${uid}`, `${gid}`, comment, home, shell]);
}

/** `text` with the group added, or changed when there is one of its name. */
export function withGroup(text: string, group: Group): string {
  return withRow(text, [group.name, "x", `${group.gid}`, group.members.join(",")]);
}

/** `text` of group(5) without the group `name`. */
export function withoutGroup(text: string, name: string): string {
  return text.split("\n").filter((line) => !line.startsWith(`${name}:`)).join("\n");
}

/**
 * `text` with the account's password field set, to a hash or to what none can match: `*` lets keys in, while sshd takes `!` for
 * a locked account. Other fields are kept, and where there is no such line `changed` (days since 1970) is its day of last
 * change.
 */
export function withPassword(
  text: string,
  name: string,
  password: string,
  { changed }: { changed?: number } = {},
): string {
  const known = rows(text, 9).find((row) => row[0] === name);
  const rest = known?.slice(2) ?? [`${changed ?? ""}`, "0", "99999", "7", "", "", ""];
  return withRow(text, [name, password, ...rest]);
}

/** `text` of passwd or shadow with `instead` wherever the password is empty, which would let everybody in. */
export function withoutOpenPasswords(text: string, instead: "x" | "*"): string {
  return text.split("\n").map((line) => line.replace(/^([^:]*):(?=:|$)/, `$1:${instead}`)).join(
    "\n",
  );
}

/** The lowest number from `first` on that is not taken. */
export function freeId(taken: Iterable<number>, first: number): number {
  const used = new Set(taken);
  let id = first;
  while (used.has(id)) id++;
  return id;
}

/** Whether a field is a number that the C library would take; it passes over lines where it is not. */
function isId(field: string | undefined): boolean {
  return /^[0-9]{1,10}$/.test(field!) && Number(field) <= 0xffff_ffff;
}

function rows(text: string, fields: number): string[][] {
  return text.split("\n").map((line) => line.split(":")).filter((row) => row.length === fields);
}

function withRow(text: string, row: string[]): string {
  const odd = row.find((field) => field.includes(":") || !isLine(field));
  if (odd !== undefined) {
    throw new UserError(
      `write the account line of ${row[0]}`,
      `${JSON.stringify(odd)} has a colon or a line break`,
    );
  }
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const at = lines.findIndex((line) => line.startsWith(`${row[0]}:`));
  if (at < 0) lines.push(row.join(":"));
  else lines[at] = row.join(":");
  return `${lines.join("\n")}\n`;
}

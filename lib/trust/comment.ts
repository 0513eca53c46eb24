/**
 * What a psyopsOS signature is for, written into minisign's trusted comment:
 * `psyopsOS type=node path=psyopsOS/nodes/x.json serial=42 issued=2026-11-22T20:00:00Z sha256=…`.
 *
 * A verifier compares type, path and sha256 with what it asked for, so a document can't be passed off under another
 * name or as another kind. Words are separated by one blank, keys appear once and in any order; keys that are not known
 * here are skipped, so later versions can add facts. Refused: comments of other programs, values with blanks or controls,
 * unknown types, paths with "..".
 *
 * @module
 */
import { RefusedError, UserError } from "../errors.ts";
import { isInstant } from "../instant.ts";

/** What kinds of documents are signed, and which role's key must have signed each. */
export const ROLE_OF = {
  root: "root",
  timestamp: "timestamp",
  publication: "config",
  global: "config",
  node: "config",
  tag: "config",
  "postboot-index": "config",
  postboot: "config",
  "os-update": "release",
  release: "release",
} as const;

/** Kind of a signed document. */
export type DocumentType = keyof typeof ROLE_OF;

/** What a key may sign. */
export type Role = typeof ROLE_OF[DocumentType];

/** All roles, in the order root.json lists them. */
export const ROLES = ["root", "config", "release", "timestamp"] as const satisfies Role[];

/** The facts of a trusted comment. */
export interface Facts {
  readonly type: DocumentType;
  /** Path on the site, e.g. "psyopsOS/nodes/millennium.json". */
  readonly path: string;
  /** The publication it was made for; a positive integer. */
  readonly serial?: number;
  /** When it was signed, e.g. "2026-11-22T20:00:00Z". */
  readonly issued?: string;
  /** SHA-256 of the signed bytes, lower-case hex. */
  readonly sha256: string;
}

/** Longest path on the site. */
export const MAX_PATH_BYTES = 255;

const MARK = "psyopsOS";
const PATH = /^[A-Za-z0-9_][A-Za-z0-9._+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$/;

/** Whether `path` may name a file of the site: relative, plain characters, no dot files, no "..". */
export function isSitePath(path: string): boolean {
  return path.length <= MAX_PATH_BYTES && PATH.test(path);
}

/** Whether `type` is a known kind of document. */
export function isDocumentType(type: string): type is DocumentType {
  return Object.hasOwn(ROLE_OF, type);
}

/** The trusted comment that states `facts`. @throws {UserError} when {@linkcode parseComment} would refuse it. */
export function formatComment(facts: Facts): string {
  const words = [MARK, `type=${facts.type}`, `path=${facts.path}`];
  if (facts.serial !== undefined) words.push(`serial=${facts.serial}`);
  if (facts.issued !== undefined) words.push(`issued=${facts.issued}`);
  words.push(`sha256=${facts.sha256}`);
  const comment = words.join(" ");
  try {
    parseComment(comment);
  } catch (error) {
    throw new UserError(`sign ${facts.path}`, "the facts for its comment are not valid", {
      cause: error,
    });
  }
  return comment;
}

/** The facts that a trusted comment states. @throws {RefusedError} with check "malformed". */
export function parseComment(comment: string): Facts {
  const refuse = (state: string) =>
    new RefusedError("malformed", "read the trusted comment", state);
  const [mark, ...words] = comment.split(" ");
  if (mark !== MARK) throw refuse(`it is not one of ${MARK}`);
  const values = new Map<string, string>();
  for (const word of words) {
    const match = /^([a-z][a-z0-9]{0,31})=([\x21-\x7e]+)$/.exec(word);
    if (!match) throw refuse("it is no list of key=value words");
    const [, key = "", value = ""] = match;
    if (values.has(key)) throw refuse(`${key} is given twice`);
    values.set(key, value);
  }
  const type = values.get("type") ?? "";
  const path = values.get("path") ?? "";
  const sha256 = values.get("sha256") ?? "";
  const serial = values.get("serial");
  const issued = values.get("issued");
  if (!isDocumentType(type)) throw refuse("its type is missing or unknown");
  if (!isSitePath(path)) throw refuse("its path is missing or not valid");
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw refuse("its sha256 is missing or not valid");
  if (issued !== undefined && !isInstant(issued)) throw refuse("its issued is no time");
  if (serial !== undefined && !(/^[1-9]\d{0,15}$/.test(serial) && Number.isSafeInteger(+serial))) {
    throw refuse("its serial is no positive integer");
  }
  return {
    type,
    path,
    sha256,
    ...(serial === undefined ? {} : { serial: Number(serial) }),
    ...(issued === undefined ? {} : { issued }),
  };
}

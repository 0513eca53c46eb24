/**
 * What packages ask for and offer: `[!]NAME[@tag][OPERATOR VERSION]` in D:, p: and i: of an index, in
 * .PKGINFO and in a world. Names may be plain, `so:…`, `cmd:…`, `pc:…` or a path.
 * Spec: apk-package(5), apk-world(5).
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { printable } from "../visible.ts";
import { isVersion, type Operator, satisfies } from "./version.ts";

/** One condition on a name. */
export interface Dependency {
  name: string;
  /** True for `!name`: what matches must not be there. */
  conflict: boolean;
  /** Undefined when any version will do. */
  operator?: Operator;
  /** A version, or a checksum with operator `><`; empty without an operator. */
  version: string;
  /** Repository tag, allowed in a world only. */
  tag?: string;
}

/** A name that a package answers to beside its own; without a version it answers unversioned requests only. */
export interface Provide {
  name: string;
  version?: string;
}

/** Longest name of a dependency. */
export const MAX_NAME_LENGTH = 512;

const SHAPE = /^(!?)([^\s<>=~@!][^\s<>=~@]*)(?:@([A-Za-z0-9_-]+))?(?:([<>=~]+)(\S+))?$/;

/** Every spelling that apk accepts. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  "<": "<",
  "<=": "<=",
  "=": "=",
  ">=": ">=",
  ">": ">",
  "~": "~",
  "~=": "~",
  "=~": "~",
  "<~": "<~",
  "<=~": "<~",
  "<~=": "<~",
  ">~": ">~",
  ">=~": ">~",
  ">~=": ">~",
  "><": "><",
};

/** A dependency from its text. @throws {UserError} that quotes the text. */
export function parseDependency(text: string): Dependency {
  const match = SHAPE.exec(text);
  const operator = match?.[4] === undefined ? undefined : OPERATORS[match[4]];
  const version = match?.[5] ?? "";
  if (
    !match || match[2]!.length > MAX_NAME_LENGTH || (match[4] !== undefined && !operator) ||
    (operator && operator !== "><" && !isVersion(version))
  ) {
    throw new UserError(
      `read the dependency ${JSON.stringify(printable(text, 200))}`,
      "it is not of the form name, !name or name=version (also < <= > >= ~)",
    );
  }
  const dependency: Dependency = { name: match[2]!, conflict: match[1] === "!", version };
  if (operator) dependency.operator = operator;
  if (match[3]) dependency.tag = match[3];
  return dependency;
}

/** The text of a dependency; {@linkcode parseDependency} reads it back. */
export function formatDependency(dependency: Dependency): string {
  const { conflict, name, tag, operator = "", version } = dependency;
  return `${conflict ? "!" : ""}${name}${tag ? `@${tag}` : ""}${operator}${version}`;
}

/** An item of p: or `provides`: `name` or `name=version`. */
export function parseProvide(text: string): Provide {
  const at = text.indexOf("=");
  return at < 0 ? { name: text } : { name: text.slice(0, at), version: text.slice(at + 1) };
}

/**
 * Whether something of that name with `version` (undefined: a provide without one) is what the
 * dependency names; `conflict` is left to the caller. Only an unversioned request takes an
 * unversioned provide.
 */
export function matches(
  dependency: Dependency,
  version: string | undefined,
  checksum: string,
): boolean {
  if (!dependency.operator) return true;
  if (dependency.operator === "><") return checksum === dependency.version;
  return version !== undefined && satisfies(version, dependency.operator, dependency.version);
}

/**
 * What is told of a file's value before its schema is asked: the schema library would take it for something else, or say less.
 *
 * @module
 */
import type * as v from "valibot";
import { namesOf, oldListAt } from "../../lib/config/old_forms.ts";
import { below, listsAsMappings, schemaAt } from "../../lib/schema/paths.ts";
import { forbiddenKeys } from "../../lib/schema/read.ts";
import { factsOf, publishedSecrets, visitValues } from "../../lib/schema/words.ts";
import { Sealed } from "./sealed.ts";
import { shown } from "./yaml_message.ts";

type Path = readonly (string | number)[];

/** Why a secret field is refused where it stands, and where it belongs. */
const SECRET_PLACE = "write it below private, since everyone can read config on the site";

/** What to do about an empty value where `null` is meaningful. */
const EMPTY = "write its value, or null to take away what lower layers say of it";

/** What to do about lists of earlier versions. */
const MIGRATE = "deno task site --migrate rewrites such lists";

/** A problem by its place in the value; with `onKey` the key itself is meant. */
export interface EarlyProblem {
  path: Path;
  message: string;
  onKey?: boolean;
}

/** What is looked at. */
export interface Looked {
  /** The value with {@linkcode Sealed} where secrets are. */
  sealed: unknown;
  /** The value with what stands for each. */
  value: unknown;
  /** Paths of keys without a value. */
  blanks: readonly Path[];
}

/** The problems of a value that is to follow `schema`. */
export function earlyProblems(
  schema: v.GenericSchema,
  { sealed, value, blanks }: Looked,
): EarlyProblem[] {
  const at = (path: Path, rule: string) => ({ path, message: `${shown(path.join("."))} ${rule}` });
  const empty = blanks.filter((path) => isNull(value, path) && isRemovable(schema, path));
  return [
    ...plainSealed(schema, sealed).map((path) =>
      at(path, "must be encrypted: deno task node renew writes it anew")
    ),
    ...publishedSecrets(schema, value).map((path) => ({
      ...at(path, `is a secret: ${SECRET_PLACE}`),
      onKey: true,
    })),
    ...forbiddenKeys(value).map((path) => ({ path, message: "key not allowed", onKey: true })),
    ...empty.map((path) => at(path, `is empty: ${EMPTY}`)),
    ...listsAsMappings(schema, value).map((path) => ({ path, message: listRule(value, path) })),
  ];
}

/** What a list that stands where a mapping belongs must be; lists of earlier versions are told in their new form. */
function listRule(value: unknown, path: readonly string[]): string {
  const [part = "", ...below] = path;
  const old = part === "config" || part === "private" ? oldListAt(below) : undefined;
  if (!old) return "must be a mapping";
  const items = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], value);
  const names = namesOf(old, items as unknown[]).filter((name) => name !== "");
  const entries = names.map((name) => `${shown(name)}: ${old.isSet ? "true" : "…"}`);
  return `${shown(path.join("."))} must be a mapping, {${entries.join(", ")}}: ${MIGRATE}`;
}

function isNull(value: unknown, path: Path): boolean {
  const held = path.reduce((at, key) => (at as Record<string, unknown> | null)?.[key], value);
  return held === null;
}

/** Whether `null` may stand at `path`, to take away what lower layers say. */
function isRemovable(schema: v.GenericSchema, path: Path): boolean {
  const parent = schemaAt(schema, path.slice(0, -1));
  let field = parent?.entries?.[String(path.at(-1))] ?? parent?.value;
  while (field && (field as { type: string }).type !== "nullable") {
    field = (field as { wrapped?: v.GenericSchema }).wrapped;
  }
  return field !== undefined;
}

/** Whether the field at `path` is one that is taken encrypted only. */
export function isSealedField(schema: v.GenericSchema, path: Path): boolean {
  const field = path.reduce<v.GenericSchema | undefined>((at, key) => below(at, key), schema);
  return field !== undefined && factsOf(field)?.sealed === true;
}

/** Paths of such fields in `value` that are not encrypted. */
function plainSealed(schema: v.GenericSchema, value: unknown): (readonly string[])[] {
  const found: (readonly string[])[] = [];
  visitValues(schema, value, (field, held, path) => {
    if (factsOf(field)?.sealed && !(held instanceof Sealed)) found.push(path);
  });
  return found;
}

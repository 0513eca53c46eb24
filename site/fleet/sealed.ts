/**
 * Secrets in the fleet's files: YAML scalars tagged `!age` whose text is armored age, encrypted to the administrators. A
 * git checkout of the fleet so holds no plaintext; the site build decrypts them, in memory only. Each says inside where it
 * belongs (lib/documents/secret_text.ts): anywhere else it is refused.
 *
 * @module
 */
import type { ScalarTag } from "yaml";
import { text } from "../../lib/bytes.ts";
import { RefusedError } from "../../lib/errors.ts";
import {
  homeName,
  isSameHome,
  parseSecret,
  type SecretHome,
  type SecretText,
} from "../../lib/documents/secret_text.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { isArmored, Opener } from "../../lib/trust/age_value.ts";

/** What is said of a value that is not what its tag says. */
export const NOT_ARMORED = "is no armored age text";

/** What is said of one that stands where it stands by an alias (`*name`). */
export const BY_ALIAS =
  "stands here by an alias: a secret belongs to one place, secret set writes it anew";

/** An `!age` value as it stands in the file. */
export class Sealed {
  constructor(readonly armored: string) {}

  /** Whether it is armored age text at all. */
  isValid(): boolean {
    return isArmored(this.armored);
  }

  toString(): string {
    return "(encrypted)";
  }
}

/** The YAML tag `!age`, for scalars of any style. */
export const AGE_TAG: ScalarTag = {
  tag: "!age",
  resolve: (given) => new Sealed(given),
  identify: (value) => value instanceof Sealed,
};

/** What an `!age` value holds, or what is wrong with it. */
export type Plain = SecretText | { problem: string };

/** Armored text to what it holds. */
export type Unsealed = ReadonlyMap<string, Plain>;

/** Decrypts each of `armored` once. What can't be decrypted is told by the reader of the file, with its place. */
export async function unseal(
  armored: Iterable<string>,
  { keys, skipped }: IdentityFile,
): Promise<Unsealed> {
  const opener = new Opener(keys);
  const unsealed = new Map<string, Plain>();
  for (const one of armored) {
    if (unsealed.has(one)) continue;
    try {
      unsealed.set(one, parseSecret(text(await opener.open(one))));
    } catch (error) {
      unsealed.set(one, { problem: problemOf(error, one, skipped) });
    }
  }
  return unsealed;
}

/** "global.yaml" is the file of "global", "tags/lab.yaml" of "tags/lab", "alpha.yaml" of "nodes/alpha". */
export function ownerOf(path: string): string {
  const name = path.replace(/\.yaml$/, "");
  return name === "global" || name.startsWith("tags/") ? name : `nodes/${name}`;
}

/**
 * What is wrong with a value that stands at `home`; undefined when it belongs there. With `mustBeBound`, one that does not say
 * where it belongs is wrong, too.
 */
export function homeProblem(
  plain: Plain,
  home: SecretHome,
  mustBeBound: boolean,
): string | undefined {
  if ("problem" in plain) return plain.problem;
  if (plain.home === undefined) {
    return mustBeBound
      ? "does not say where it belongs: secret set writes it anew, secret rekey --bind-here lets it stay"
      : undefined;
  }
  return isSameHome(plain.home, home)
    ? undefined
    : `belongs to ${homeName(plain.home)}: it was put here without being decrypted`;
}

function problemOf(error: unknown, armored: string, skipped: readonly string[]): string {
  // What the UTF-8 decoder throws.
  if (error instanceof TypeError) return "is encrypted, but not text in UTF-8";
  if (!(error instanceof RefusedError)) throw error;
  if (error.check === "recipient") {
    const rest = skipped.length > 0
      ? ` as far as it can be used here (not ${skipped.join("; ")})`
      : "";
    return `is not encrypted to your age identity${rest}`;
  }
  return isArmored(armored) ? "is encrypted, but damaged" : NOT_ARMORED;
}

/** Each {@linkcode Sealed} in `value`, with its path. */
export function findSealed(
  value: unknown,
  path: readonly (string | number)[] = [],
): { path: (string | number)[]; armored: string }[] {
  if (value instanceof Sealed) return [{ path: [...path], armored: value.armored }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    findSealed(item, [...path, Array.isArray(value) ? Number(key) : key])
  );
}

/** What a document says, with the armored text of each secret in its place: two of them can be compared. */
export function saidBy(value: unknown): Record<string, unknown> {
  return replaceSealed(value, ({ armored }) => ({ age: armored })) as Record<string, unknown>;
}

/**
 * A copy of `value` with each {@linkcode Sealed} in it replaced by what `replace` gives for it and its path.
 */
export function replaceSealed(
  value: unknown,
  replace: (sealed: Sealed, path: readonly (string | number)[]) => unknown,
  path: readonly (string | number)[] = [],
): unknown {
  if (value instanceof Sealed) return replace(value, path);
  if (Array.isArray(value)) {
    return value.map((item, i) => replaceSealed(item, replace, [...path, i]));
  }
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    // Assigning a key of this name would set the prototype; the reader refuses it later.
    Object.defineProperty(out, key, {
      value: replaceSealed(item, replace, [...path, key]),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return out;
}

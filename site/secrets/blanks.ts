/**
 * Blanks: keys below `private` whose values are still to come. While one of several secrets is set, the others wait.
 *
 * @module
 */
import { schemaAt, type SchemaParts } from "../../lib/schema/paths.ts";
import { fileSchema } from "../fleet/fleet_schema.ts";
import { Sealed } from "../fleet/sealed.ts";
import type { ParsedYaml } from "../fleet/yaml_file.ts";
import { pathKey } from "../fleet/yaml_text.ts";

/** Groups of values, in the words of the schemas. */
const GROUPS = ["strict_object", "record", "array"];

/**
 * `parsed`, the file at `path` below the directory, as it will be once each blank has its secret: a blank single value
 * below `private` holds `armored`, a blank group that is to hold one is left out.
 */
export function withoutBlanks(path: string, parsed: ParsedYaml, armored: string): ParsedYaml {
  const schema = fileSchema(path);
  const sealed = [...parsed.sealed];
  const blanks = new Set(parsed.blanks.map(pathKey));
  const isBlank = (at: readonly (string | number)[]) => blanks.has(pathKey(at));
  const fill = (value: unknown, at: (string | number)[]): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => fill(item, [...at, i]) ?? item);
    if (typeof value === "object" && value !== null) {
      if (value instanceof Sealed) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, fill(item, [...at, key])] as const)
          .filter(([, item]) => item !== undefined),
      );
    }
    const parts: SchemaParts | undefined = isBlank(at) ? schemaAt(schema, at) : undefined;
    if (!parts) return value;
    if (GROUPS.includes(parts.type)) return undefined;
    const { line, column } = parsed.problemAt(at, "");
    sealed.push({ path: at, armored, line, column, byAlias: false });
    return new Sealed(armored);
  };
  const { value } = parsed;
  if (typeof value !== "object" || value === null || !("private" in value)) return parsed;
  const filled = { ...value, private: fill(value.private, ["private"]) ?? {} };
  return { ...parsed, value: filled, sealed, blanks: [] };
}

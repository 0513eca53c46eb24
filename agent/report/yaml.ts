/**
 * Values as YAML for people: mappings and lists in block form. Scalars are written as JSON does, which YAML reads as the same,
 * but for plain words.
 *
 * @module
 */

/** Words that need no quotes, whatever reads them: none that YAML takes for a number, a time, true, false or null. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z][A-Za-z0-9 ._/+-]*[A-Za-z0-9]$/i;

/** The YAML of a value of JSON, a line each. */
export function yamlLines(value: unknown): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return ["[]"];
    return value.flatMap((item) => {
      const [first = "", ...rest] = yamlLines(item);
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  if (typeof value !== "object" || value === null) return [scalar(value)];
  const entries = Object.entries(value);
  if (entries.length === 0) return ["{}"];
  return entries.flatMap(([key, item]) => {
    const lines = yamlLines(item);
    const isBlock = typeof item === "object" && item !== null && Object.keys(item).length > 0;
    return isBlock
      ? [`${scalar(key)}:`, ...lines.map((line) => `  ${line}`)]
      : [`${scalar(key)}: ${lines[0]}`];
  });
}

function scalar(value: unknown): string {
  return typeof value === "string" && PLAIN.test(value) ? value : JSON.stringify(value);
}

/**
 * The files that Amazon's tools share, `~/.aws/credentials` and `~/.aws/config`: sections, `key = value`, comments, one level of
 * indented values (`s3 =` and below it `  addressing_style = path`, read as "s3.addressing_style").
 *
 * Lines that are none of these are skipped, as those tools do. A value is never part of a message.
 *
 * @module
 */

/** Values by section and key. */
export type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reads such a file. */
export function parseSections(source: string): Sections {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let above = "";
  for (const line of source.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header) {
      const name = header[1]!.replace(/\s+/g, " ");
      section = sections.get(name) ?? new Map();
      sections.set(name, section);
      above = "";
      continue;
    }
    const pair = /^(\s*)([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (!pair || !section) continue;
    const [, indent, key, value] = pair as unknown as [string, string, string, string];
    if (indent === "") above = key;
    // A blank and a "#" begin a comment.
    const plain = value.replace(/\s#.*$/, "");
    section.set(indent === "" ? key : `${above}.${key}`, plain);
  }
  return sections;
}

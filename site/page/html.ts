/**
 * HTML as a template tag: what is put in is escaped unless it is HTML itself, so nothing can be forgotten. The tag is
 * not called html, because formatters take that as leave to move blanks, which count here.
 *
 * @module
 */

/** A piece of markup. */
export class Html {
  constructor(readonly text: string) {}
}

/** What may stand in a template; undefined is nothing. */
export type Content = string | number | Html | undefined | readonly Content[];

/** Markup with its values escaped, in text and within quotes alike. */
export function markup(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(strings.map((part, i) => part + render(values[i])).join(""));
}

const REPLACED: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it must stand in HTML. Control characters, which HTML forbids, are shown as U+FFFD. */
export function escapeHtml(given: string): string {
  return given.replaceAll(
    // deno-lint-ignore no-control-regex -- they are what is replaced
    /[&<>"'\x00-\x08\x0b-\x1f\x7f]/g,
    (character) => REPLACED[character] ?? "\ufffd",
  );
}

function render(value: Content): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  return value.map(render).join("");
}

/**
 * Text of others on a terminal: an error may quote a server, a line may quote a file or a bucket, and none of them is to move
 * the cursor, change a colour, set a title or turn the direction of writing.
 *
 * @module
 */

/**
 * What a terminal takes for anything else than one character in its place: control and format characters, separators of
 * lines and paragraphs, halves of characters, and fillers of Hangul, which are letters that nobody sees.
 */
const UNPRINTABLE = String.raw`\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0`;
/** Line feeds and tabs lay out our own text; joiners are parts of words. */
const HIDDEN = new RegExp(String.raw`[[${UNPRINTABLE}]--[\t\n\u200c\u200d]]`, "gv");
/** In a quotation, what separates words or lines is a space. */
const BLANKS = new RegExp(String.raw`[[${UNPRINTABLE}]&&\s]+`, "gv");
const OTHERS = new RegExp(`[${UNPRINTABLE}]`, "gu");

/**
 * `text` with every such character written out, e.g. `\u001b` for an escape: in the spelling of JSON, so that JSON stays JSON
 * and says the same.
 */
export function visible(text: string): string {
  return text.replaceAll(
    HIDDEN,
    (found) =>
      Array.from(
        { length: found.length },
        (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/**
 * What may be quoted of somebody else's text in a message, a status or a log: one line of at most `max` UTF-16 units, of
 * characters that each stand in their place. Line ends and tabs become a space, anything else that is unprintable a question
 * mark, and a text that was cut ends with "…".
 */
export function printable(text: string, max: number): string {
  // Cut first: a text of megabytes is not to be looked through for the few words of it that are shown.
  const isLong = text.length > max;
  const begin = isLong ? text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "") : text;
  return begin.replaceAll(BLANKS, " ").replaceAll(OTHERS, "?") + (isLong ? "…" : "");
}

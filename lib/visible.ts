/**
 * Text of others on a terminal: an error may quote a server, a line may quote a file or a bucket, and none of them is to move
 * the cursor, change a colour, set a title or turn the direction of writing.
 *
 * @module
 */

/**
 * What a terminal takes for anything else than one character in its place: control and format characters, separators of
 * lines and paragraphs, halves of characters. Line feeds and tabs lay out our own text; joiners are parts of words.
 */
const HIDDEN = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\t\n\u200c\u200d]]/gv;

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

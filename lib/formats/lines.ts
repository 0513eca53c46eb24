/**
 * Text files that hold one item a line: lists of names, apk's database. An item with a line break would be read as
 * two, the second of them an item that nobody wrote.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";

/** A file called `name` with these lines, each with its end. @throws {UserError} for an item that is more than one. */
export function lineFile(name: string, items: Iterable<string>): Bytes {
  const lines: string[] = [];
  for (const item of items) {
    if (!isLine(item)) {
      const shown = JSON.stringify(item.slice(0, 200));
      throw new UserError(`write /${name}`, `${shown} is more than one line`);
    }
    lines.push(`${item}\n`);
  }
  return utf8(lines.join(""));
}

/** Whether a text has no line break and no NUL, at which C programs end it. */
export function isLine(item: string): boolean {
  return !/[\n\0]/.test(item);
}

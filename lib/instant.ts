/**
 * Instants as the documents write them: UTC to the second, e.g. 2026-11-22T20:00:00Z. In this form text compares as time does.
 *
 * @module
 */

/** The form of an instant; not all that have it exist. */
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Whether `text` is a point in time in UTC to the second, as psyopsOS writes it. */
export function isInstant(text: string): boolean {
  return INSTANT.test(text) && !Number.isNaN(Date.parse(text)) &&
    formatInstant(new Date(text)) === text;
}

/** `date` in UTC to the second, e.g. "2026-11-22T20:00:00Z". */
export function formatInstant(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** The later of two instants. */
export function laterInstant(a: string, b: string): string {
  return a > b ? a : b;
}

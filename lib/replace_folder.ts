/**
 * Results that are whole or not there.
 *
 * @module
 */
import type { Host } from "./host.ts";

/** Fills a folder aside and then puts it in the place of `dir`: never a half-written result. Gives what `fill` gave. */
export async function replaceFolder<T>(
  host: Host,
  dir: string,
  fill: (aside: string) => Promise<T>,
): Promise<T> {
  const at = dir.lastIndexOf("/") + 1;
  const aside = `${dir.slice(0, at)}.${dir.slice(at)}.${crypto.randomUUID().slice(0, 8)}`;
  await host.mkdir(aside);
  try {
    const filled = await fill(aside);
    await host.remove(dir);
    await host.rename(aside, dir);
    return filled;
  } catch (error) {
    await host.remove(aside);
    throw error;
  }
}

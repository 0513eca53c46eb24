/** The part of @std/fmt/bytes that psyopsOS uses. */
export function format(
  bytes: number,
  options?: { binary?: boolean; minimumFractionDigits?: number; maximumFractionDigits?: number },
): string;

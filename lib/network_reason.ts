/**
 * Why a request got no answer. Deno says "fetch failed" and keeps the reason in the error's cause.
 *
 * @module
 */
import { errorText } from "./errors.ts";
import { printable } from "./visible.ts";

/** What is said in front of the reason, each by the layer above it. */
const LAYERS = new RegExp(
  `^(?:${
    [
      "fetch failed",
      String
        .raw`error sending request(?: from \S+)?(?: for (?:url )?\(?https?:[^\s)]*\)?(?: \([^)]*\))?)?`,
      String.raw`client error(?: \(\w+\))?`,
      "tcp connect error",
      "dns error",
      "failed to lookup address information",
    ].join("|")
  })(?:: |$)`,
  "i",
);
const URLS = /https?:\/\/[^\s)]*/g;
const MAX_REASON = 200;
/** How TLS says that a certificate does not hold at the time that the system's clock shows. */
const UNTIMELY = /^invalid peer certificate: certificate (?:expired|not valid yet)/;

/**
 * The innermost reason of a failed request on one line, e.g. "Connection refused" or "invalid peer certificate: Expired".
 * Without its URL: that may hold a password, and who asked knows it anyway.
 */
export function networkReason(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  let reason = errorText(at);
  while (LAYERS.test(reason)) reason = reason.replace(LAYERS, "");
  const plain = reason.replaceAll(URLS, "").replace(/ \(os error \d+\)$/, "").trim();
  return printable(plain, MAX_REASON) || "no answer";
}

/** Whether a request failed because the server's certificate has expired or does not hold yet, by the system's clock. */
export function isUntimely(error: unknown): boolean {
  return UNTIMELY.test(networkReason(error));
}

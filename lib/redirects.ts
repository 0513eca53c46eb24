/**
 * Redirects of a site: followed within one origin (protocol, host and port), from http to https on the usual ports of one
 * host, and to the origins that the node's own URLs name, and nowhere else. What is read is verified wherever it comes
 * from; but who answers could otherwise make a node ask any machine and any port that it can reach, and everybody on the way
 * learn of it. A password goes only to the origin that it was given for. Nodes read by this file, and so does whoever checks
 * what nodes will get.
 *
 * @module
 */
import type { FetchInit, Host } from "./host.ts";

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** What {@linkcode fetchFollowing} is told beside the request. */
export interface Follow {
  /** Base URLs of the site. */
  sites: readonly string[];
  /** The error for a redirect that is not followed. */
  fail: (state: string) => Error;
}

/** Fetches `url`, following redirects as far as they are allowed. @throws what `fail` makes of any other. */
export async function fetchFollowing(
  host: Host,
  url: string,
  init: FetchInit,
  { sites, fail }: Follow,
): Promise<Response> {
  let at = new URL(url);
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const response = await host.fetch(at.href, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, at) ? new URL(location, at) : undefined;
    if (!next || !isAllowed(next, at, sites)) {
      const where = next ? `to ${next.protocol}//${next.host}` : "to no URL";
      throw fail(`it redirects ${where}, which is not one of the site's`);
    }
    // A server names itself without the password that it was asked with, and says none for others.
    const isSame = next.origin === at.origin;
    [next.username, next.password] = isSame ? [at.username, at.password] : ["", ""];
    at = next;
  }
  throw fail(`it redirects more than ${MAX_REDIRECTS} times`);
}

/** Whether a redirect leads to the same origin, to one of the site's own, or from http to https on the usual ports. */
function isAllowed(next: URL, from: URL, sites: readonly string[]): boolean {
  // The origin of `blob:http://…` is that of what is behind it.
  if (!/^https?:$/.test(next.protocol)) return false;
  const origins = [from.href, ...sites].map((url) => new URL(url).origin);
  if (origins.includes(next.origin)) return true;
  return from.origin === `http://${from.hostname}` && next.origin === `https://${from.hostname}`;
}

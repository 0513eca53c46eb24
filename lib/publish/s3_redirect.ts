/**
 * Where a server may send a request that is signed: to itself, to a host of the bucket below its own, and at Amazon to any host
 * of S3, as happens for some hours after a bucket was made. What is signed and sent to anybody else would tell them the site.
 *
 * @module
 */

/** A host of Amazon S3, with its region if it names one. */
const AMAZON =
  /(?:^|\.)s3(?:-fips)?[.-](?:dualstack\.)?(?:([a-z]{2}(?:-[a-z]+)+-\d+)\.)?(amazonaws\.(?:com|com\.cn|eu))$/;

/** The redirects that say to repeat the request as it is; others are for browsers, or tell that the region is wrong. */
const REPEAT = [307, 308];

/** Where a request goes next, and the region that it is signed for if that changes; undefined when it must not go there. */
export function redirectOf(
  status: number,
  headers: Headers,
  from: URL,
  endpoint: URL,
): { url: URL; region?: string } | undefined {
  const location = headers.get("location");
  if (!REPEAT.includes(status) || location === null || !URL.canParse(location, from)) {
    return undefined;
  }
  const url = new URL(location, from);
  if (`${url.username}${url.password}${url.hash}` !== "") return undefined;
  if (url.protocol !== endpoint.protocol && url.protocol !== "https:") return undefined;
  const amazon = AMAZON.exec(url.hostname);
  const ours = AMAZON.exec(endpoint.hostname);
  const same = url.host === endpoint.host || url.host.endsWith(`.${endpoint.host}`) ||
    (amazon !== null && ours !== null && amazon[2] === ours[2] && url.port === endpoint.port);
  if (!same) return undefined;
  return { url, region: headers.get("x-amz-bucket-region") ?? amazon?.[1] };
}

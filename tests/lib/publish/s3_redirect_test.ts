import { assertEquals } from "@std/assert";
import { redirectOf } from "../../../lib/publish/s3_redirect.ts";

/** Endpoint, status, Location, x-amz-bucket-region; then where it goes and for which region. */
const CASES: [string, number, string, string | undefined, string | undefined, string?][] = [
  [
    "https://s3.amazonaws.com",
    307,
    "https://fleet.s3-us-west-2.amazonaws.com/a",
    undefined,
    "https://fleet.s3-us-west-2.amazonaws.com/a",
    "us-west-2",
  ],
  [
    "https://s3.eu-central-1.amazonaws.com",
    307,
    "https://fleet.s3.eu-central-1.amazonaws.com/a",
    "eu-central-1",
    "https://fleet.s3.eu-central-1.amazonaws.com/a",
    "eu-central-1",
  ],
  ["http://s3.home:9000", 308, "/fleet/b", undefined, "http://s3.home:9000/fleet/b"],
  [
    "http://s3.home:9000",
    307,
    "http://fleet.s3.home:9000/b",
    "x-1",
    "http://fleet.s3.home:9000/b",
    "x-1",
  ],
  // Another provider, another machine at the same one, another port, another scheme, another kind of redirect.
  ["https://s3.amazonaws.com", 307, "https://s3.example.net/a", undefined, undefined],
  [
    "https://s3.amazonaws.com",
    307,
    "https://ec2-1-2-3-4.compute.amazonaws.com/a",
    undefined,
    undefined,
  ],
  ["https://s3.amazonaws.com", 307, "https://evil-s3.amazonaws.com/a", undefined, undefined],
  ["https://s3.amazonaws.com", 307, "https://s3.amazonaws.com.example.net/a", undefined, undefined],
  [
    "https://s3.amazonaws.com",
    307,
    "https://s3.cn-north-1.amazonaws.com.cn/a",
    undefined,
    undefined,
  ],
  [
    "https://s3.example.net",
    307,
    "https://fleet.s3.us-west-2.amazonaws.com/a",
    undefined,
    undefined,
  ],
  ["http://s3.home:9000", 307, "http://s3.home:9001/a", undefined, undefined],
  ["http://s3.home:9000", 307, "http://evils3.home:9000/a", undefined, undefined],
  ["https://s3.home", 307, "http://s3.home/a", undefined, undefined],
  ["https://s3.home", 307, "https://ann:pw@s3.home/a", undefined, undefined],
  ["https://s3.home", 301, "https://s3.home/a", undefined, undefined],
  ["https://s3.home", 302, "https://s3.home/a", undefined, undefined],
  ["https://s3.home", 307, "http://[", undefined, undefined],
];

for (const [endpoint, status, location, region, url, forRegion] of CASES) {
  Deno.test(`redirectOf() of ${status} from ${endpoint} to ${location}: ${url ?? "no"}`, () => {
    const headers = new Headers({ location });
    if (region !== undefined) headers.set("x-amz-bucket-region", region);
    const found = redirectOf(status, headers, new URL(`${endpoint}/fleet/a`), new URL(endpoint));
    assertEquals(found && [found.url.href, found.region], url && [url, forRegion]);
  });
}

Deno.test("redirectOf() needs to be told where", () => {
  const url = new URL("https://s3.home/");
  assertEquals(redirectOf(307, new Headers(), url, url), undefined);
});

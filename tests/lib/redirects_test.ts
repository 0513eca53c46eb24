import { assertEquals, assertRejects } from "@std/assert";
import { AgentError } from "../../agent/report/problem.ts";
import { fetchFollowing } from "../../lib/redirects.ts";
import { FakeHost } from "../support/fake_host.ts";

const SITES = ["https://ann:s3cret@site.test/base/", "http://mirror.test:8080/"];
const fail = (state: string) => new AgentError("unreachable", "get it", state);

/** Follows the redirects that start at the first URL, one to the next; gives what was asked for. */
async function follow(...chain: string[]): Promise<string[]> {
  const host = new FakeHost();
  const asked: string[] = [];
  host.fetch = (url, init) => {
    assertEquals(init?.redirect, "manual");
    asked.push(url);
    const location = chain[asked.length];
    if (location === undefined) return Promise.resolve(new Response("here"));
    return Promise.resolve(new Response("there", { status: 302, headers: { location } }));
  };
  const response = await fetchFollowing(host, chain[0]!, {}, { sites: SITES, fail });
  assertEquals(await response.text(), "here");
  return asked;
}

const refused = (...chain: string[]) => assertRejects(() => follow(...chain), AgentError);

Deno.test("redirects are followed on the same origin, with the password that it was asked with", async () => {
  assertEquals(await follow(`${SITES[0]}x`, "/y", "../z", "https://site.test/"), [
    "https://ann:s3cret@site.test/base/x",
    "https://ann:s3cret@site.test/y",
    "https://ann:s3cret@site.test/z",
    "https://ann:s3cret@site.test/",
  ]);
  assertEquals((await follow("http://site.test/x", "https://site.test/x")).length, 2);
});

Deno.test("redirects are followed to the other URLs of the site, without a password", async () => {
  assertEquals(await follow(`${SITES[0]}x`, "http://mirror.test:8080/x"), [
    `${SITES[0]}x`,
    "http://mirror.test:8080/x",
  ]);
  const others = [
    "http://ann:s3cret@site.test/x",
    "https://site.test/x",
    "http://eve:h4x@mirror.test:8080/x",
  ];
  assertEquals(await follow(...others), [
    "http://ann:s3cret@site.test/x",
    "https://site.test/x",
    "http://mirror.test:8080/x",
  ]);
});

Deno.test("redirects to other hosts and ports, to plain http, in a ring or to no URL are refused", async () => {
  const others = [
    "https://other.test/x?token=t0ken",
    "//other.test/",
    "blob:https://site.test/0e6ba7b1",
    "http://169.254.169.254/latest/",
    "http://mirror.test/",
    "http://site.test/x",
    "file:///etc/passwd",
    "https://",
    // Other services of the same machine.
    "https://site.test:8443/x",
    "http://site.test:443/x",
  ];
  for (const other of others) {
    const { message } = await refused(`${SITES[0]}x`, other);
    assertEquals(/s3cret|t0ken/.test(message), false, message);
  }
  await refused(`${SITES[1]}x`, "http://mirror.test/x");
  await refused(`${SITES[1]}x`, "https://mirror.test/x");
  await refused(`${SITES[1]}x`, "https://mirror.test:8080/x");
  await refused("http://site.test/x", "https://site.test:8443/x");
  await refused(`${SITES[0]}x`, "/y", "https://other.test/");
  await refused(...Array(7).fill("https://site.test/ring"));
});

import { assertEquals } from "@std/assert";
import { networkReason } from "../../lib/network_reason.ts";

const sending =
  "error sending request for url (https://ann:s3cret@x.test/a?token=t0ken): client error";

const SAID: [string, string][] = [
  [
    `${sending} (Connect): tcp connect error: Connection refused (os error 111)`,
    "Connection refused",
  ],
  [
    `${sending} (Connect): dns error: failed to lookup address information: Name or service not known`,
    "Name or service not known",
  ],
  [
    `${sending} (Connect): invalid peer certificate: UnknownIssuer`,
    "invalid peer certificate: UnknownIssuer",
  ],
  [
    `${sending} (SendRequest): connection closed before message completed`,
    "connection closed before message completed",
  ],
  [
    "error sending request from 127.0.0.1:37258 for http://127.0.0.1:80/a?b (127.0.0.1:80): client error (SendRequest): broken pipe",
    "broken pipe",
  ],
  [
    "error sending request from [::1]:1 for http://[::1]:80/ ([::1]:80): operation timed out",
    "operation timed out",
  ],
  ["error sending request for url (https://x.test/)", "no answer"],
  [
    "error reading a body from connection\nunexpected end of file",
    "error reading a body from connection unexpected end of file",
  ],
];

for (const [said, reason] of SAID) {
  Deno.test(`networkReason() says: ${reason}`, () => {
    assertEquals(networkReason(new TypeError(said)), reason);
    // As Deno 2.9 gives it.
    const failed = new TypeError("fetch failed", { cause: new Error(said) });
    assertEquals(networkReason(new Error("something", { cause: failed })), reason);
  });
}

Deno.test("networkReason() takes what stands in no cause, and what is no error", () => {
  const blocked = "Fetch failed: Requests to port 1 are blocked";
  assertEquals(networkReason(new TypeError(blocked)), "Requests to port 1 are blocked");
  assertEquals(networkReason("odd"), "odd");
  assertEquals(networkReason(new TypeError("fetch failed")), "no answer");
  assertEquals(networkReason(new Error("x".repeat(5000))).length, 200);
});

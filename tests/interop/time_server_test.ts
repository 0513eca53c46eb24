import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { createSocket } from "node:dgram";
import { readTime } from "../../agent/network/time_server.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import type { Bytes } from "../../lib/bytes.ts";
import { answerTo } from "../agent/network/ntp_fake.ts";

const host = new DenoHost();
const QUESTION: Bytes = new Uint8Array(48).fill(7);

/** A server on this machine that sends these answers to each question. */
async function served<T>(
  answers: (question: Uint8Array) => Uint8Array[],
  body: (port: number) => Promise<T>,
): Promise<T> {
  const socket = createSocket("udp4");
  socket.on("message", (question, { port, address }) => {
    for (const answer of answers(question)) socket.send(answer, port, address);
  });
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  try {
    return await body(socket.address().port);
  } finally {
    socket.close();
  }
}

const ask = (port: number, timeoutMs: number, server = "localhost") =>
  host.askUdp({
    server,
    port,
    data: QUESTION,
    timeoutMs,
    accept: (answer) => readTime(answer, QUESTION, 0) !== undefined,
  });

Deno.test("askUdp() waits for the answer, past what is none", async () => {
  const now = Date.parse("2026-11-22T20:00:00Z");
  const stray = [new Uint8Array(), new Uint8Array(2000), answerTo(new Uint8Array(48), now)];
  const answer = await served(
    (question) => [...stray, answerTo(question, now)],
    (port) => ask(port, 5000),
  );
  assertEquals(readTime(answer, QUESTION, 0), now);
});

Deno.test("askUdp() ends in time when nobody answers, and says that a name is none", async () => {
  const start = performance.now();
  await served(() => [], (port) => assertRejects(() => ask(port, 200), Error, "no answer in time"));
  assertLess(performance.now() - start, 3000);
  await assertRejects(() => ask(123, 3000, "no-such-host.invalid"), Error, "getaddrinfo");
});

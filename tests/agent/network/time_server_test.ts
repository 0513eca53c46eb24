import { assertEquals, assertRejects } from "@std/assert";
import { askTime, readTime } from "../../../agent/network/time_server.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import type { Bytes } from "../../../lib/bytes.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { answerTo } from "./ntp_fake.ts";

const NOW = Date.parse("2026-11-22T20:00:00Z");
const IMAGE = Date.parse("2026-11-01T00:00:00Z");
/** Takes what the years after the image can be. */
const BOUNDS = { imageMs: IMAGE, isUsable: (ms: number) => ms >= IMAGE && ms < IMAGE + 1e11 };
const QUESTION: Bytes = new Uint8Array(48).map((_, i) => i);

Deno.test("readTime() reads the second of a server's answer, in the era that the image is in", () => {
  assertEquals(readTime(answerTo(QUESTION, NOW), QUESTION, IMAGE), NOW);
  const next = Date.parse("2036-02-08T00:00:00Z");
  assertEquals(readTime(answerTo(QUESTION, next), QUESTION, IMAGE), next);
});

Deno.test("readTime() passes over what is no answer to its question, or of a server without the time", () => {
  const change = (at: number, value: number) => {
    const answer = answerTo(QUESTION, NOW);
    answer[at] = value;
    return answer;
  };
  const cases: Record<string, Bytes> = {
    "too short": answerTo(QUESTION, NOW).subarray(0, 47),
    "empty": new Uint8Array(),
    "a client's": change(0, 0x23),
    "of version 7": change(0, 0x3c),
    "unsynchronized": change(0, 0xe4),
    "a kiss of death": change(1, 0),
    "of stratum 16": change(1, 16),
    "to another question": change(24, 255),
    "without a time": answerTo(QUESTION, NOW).fill(0, 40, 48),
  };
  for (const [what, answer] of Object.entries(cases)) {
    assertEquals(readTime(answer, QUESTION, IMAGE), undefined, what);
  }
});

Deno.test("askTime() asks all servers at once, with a question that nobody can guess", async () => {
  const host = new FakeHost();
  const asked: Bytes[] = [];
  host.datagrams.set("good.test", (question) => {
    asked.push(question);
    return answerTo(question, NOW);
  });
  for (let i = 0; i < 2; i++) {
    assertEquals(await askTime(host, ["down.test", "good.test"], BOUNDS), NOW);
  }
  assertEquals(host.log.slice(0, 2), ["ask down.test:123", "ask good.test:123"]);
  assertEquals(asked[0]!.subarray(0, 40), asked[1]!.subarray(0, 40));
  assertEquals(asked[0]!.subarray(40).join() === asked[1]!.subarray(40).join(), false);
  await assertRejects(
    () => askTime(host, ["down.test", "lost.test"], BOUNDS),
    AgentError,
    "down.test: no answer in time; lost.test: no answer in time",
  );
});

Deno.test("askTime() waits for a usable answer when a server that is wrong is faster than one that is right", async () => {
  const host = new FakeHost();
  const past = Date.parse("2000-01-01T00:00:00Z");
  host.datagrams.set("wrong.test", (question) => answerTo(question, past));
  host.datagrams.set("right.test", (question) => answerTo(question, NOW));
  assertEquals(await askTime(host, ["wrong.test", "right.test"], BOUNDS), NOW);
  // A second before 1968 is read as one of the next era.
  await assertRejects(
    () => askTime(host, ["wrong.test"], BOUNDS),
    AgentError,
    "wrong.test: its 2136-02-07T06:28:16Z is before the time of this image or more than ten years after it",
  );
});

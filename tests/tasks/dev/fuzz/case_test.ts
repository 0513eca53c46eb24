import { assertEquals, assertMatch } from "@std/assert";
import { RefusedError, UserError } from "../../../../lib/errors.ts";
import {
  type Answer,
  isMisdeed,
  judge,
  MAX_MESSAGE,
  type Misdeed,
} from "../../../../tasks/dev/fuzz/case.ts";
import { type Subject, whole, WrongAnswer } from "../../../../tasks/dev/fuzz/target.ts";

const INPUT = whole(new Uint8Array());

function judged(read: () => unknown, more: Partial<Subject> = {}): Promise<Answer | Misdeed> {
  const subject: Subject = {
    samples: [INPUT],
    mutate: () => ({ input: INPUT, steps: [] }),
    read,
    ...more,
  };
  return judge(subject, INPUT);
}

const fails = (error: unknown) => () => {
  throw error;
};

Deno.test("judge() takes values for answers, and undefined and UserErrors for refusals", async () => {
  assertEquals(await judged(() => 0), { kind: "accepted" });
  assertEquals(await judged(() => Promise.resolve(null)), { kind: "accepted" });
  assertEquals(await judged(() => undefined), { kind: "refused", message: "nothing" });
  assertEquals(await judged(fails(new UserError("read it", "it is odd"))), {
    kind: "refused",
    message: "Cannot read it: it is odd",
  });
  const refused = new RefusedError("hash", "trust it", "it is another");
  assertEquals(await judged(() => Promise.reject(refused)), {
    kind: "refused",
    message: "Cannot trust it: it is another",
    check: "hash",
  });
});

Deno.test("judge() takes for a refusal what the subject says is one", async () => {
  const read = fails(new SyntaxError("odd"));
  assertEquals((await judged(read)).kind, "threw");
  const refuses = (error: unknown) => error instanceof SyntaxError;
  assertEquals((await judged(read, { refuses })).kind, "refused");
});

Deno.test("judge() finds errors that are no refusal, wrong answers and long messages", async () => {
  const cases: [unknown, string, RegExp][] = [
    [new TypeError("x is undefined"), "threw", /^TypeError: x is undefined\n +at /],
    ["a word", "threw", /^a word$/],
    [new WrongAnswer("it believes: x"), "wrong", /^it believes: x$/],
    [
      new UserError("read it", "x".repeat(MAX_MESSAGE)),
      "wordy",
      /^a message of 2\d\d\d characters/,
    ],
  ];
  for (const [error, kind, detail] of cases) {
    const outcome = await judged(fails(error));
    assertEquals([outcome.kind, isMisdeed(outcome)], [kind, true]);
    assertMatch((outcome as Misdeed).detail, detail);
  }
});

Deno.test("judge() finds a defect that was taken for a refusal on its way", async () => {
  const slip = (cause: unknown) => fails(new UserError("read it", "malformed", { cause }));
  const defect = new TypeError("Cannot read properties of undefined (reading 'length')");
  assertEquals((await judged(slip(defect))).kind, "threw");
  assertEquals((await judged(slip(new Error("x", { cause: defect })))).kind, "threw");
  assertEquals(
    (await judged(slip(new RangeError("Maximum call stack size exceeded")))).kind,
    "threw",
  );
  // What a decoder of text says of bytes that are none.
  assertEquals(
    (await judged(slip(new TypeError("The encoded data is not valid")))).kind,
    "refused",
  );
});

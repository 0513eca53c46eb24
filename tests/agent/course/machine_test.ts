/** The course as a table: what may follow what, and what is to be done about it. No host. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  type Effect,
  type Event,
  type Memory,
  RECHECK_MS,
  type State,
  type Step,
  step,
} from "../../../agent/course/machine.ts";
import type { Trouble } from "../../../agent/report/problem.ts";
import { EXIT } from "../../../lib/errors.ts";

interface Documents {
  serial: number;
  everySeconds: number;
}

const FIRST: Documents = { serial: 1, everySeconds: 100 };
const SECOND: Documents = { serial: 2, everySeconds: 200 };
const DOWN: Trouble = { check: "unreachable", message: "down", refused: false };
const BAD: Trouble = { check: "signature", message: "bad", refused: true };
const OLD: Trouble = { check: "expired", message: "old", refused: true };
const FULL: Trouble = { check: "full", message: "full", refused: false };

const NEW: Memory<Documents> = { once: false, failures: 0, retryMs: 0 };
const SET: Memory<Documents> & { current: object } = {
  ...NEW,
  current: { publication: FIRST, source: "site" },
  announced: "1 site",
};

const addressing = (memory = NEW): State<Documents> => ({ at: "addressing", memory });
const asking = (memory = NEW, again = false): State<Documents> => ({ at: "asking", memory, again });
const recalling = (trouble = DOWN, memory = { ...NEW, failures: 1 }): State<Documents> => ({
  at: "recalling",
  memory,
  trouble,
});
const applying = (
  trouble?: Trouble,
  memory: Partial<Memory<Documents>> = {},
): State<Documents> => ({
  at: "applying",
  memory: { ...SET, current: { publication: FIRST, source: "site" }, ...memory } as typeof SET & {
    current: { publication: Documents; source: "site" };
  },
  trouble,
});

/** What is done, in short. */
function brief(effects: readonly Effect<Documents>[]): string[] {
  return effects.map((effect) => {
    switch (effect.do) {
      case "enter":
        return `enter ${effect.phase}`;
      case "keep":
        return `keep ${effect.publication.serial}${effect.quietly ? " quietly" : ""}`;
      case "take":
      case "announce":
      case "apply":
        return `${effect.do} ${effect.current.publication.serial} ${effect.current.source}`;
      case "complain": {
        const { trouble, retrySeconds = "never", configured } = effect;
        return `complain ${trouble.check} retry ${retrySeconds}${configured ? "" : " bare"}`;
      }
      case "alsoComplain":
        return `mention ${effect.trouble.check}`;
      case "ask":
        return effect.afterMs === 0 ? "ask" : `ask after ${effect.afterMs}`;
      case "sleep":
        return `sleep ${effect.ms}`;
      default:
        return effect.do;
    }
  });
}

type Row = [
  what: string,
  state: State<Documents>,
  event: Event<Documents>,
  next: State<Documents>["at"],
  effects: string[],
];

// With a chance of 0 waits are shortest: 0.9 of the pause between looks, half of the pause after a failure.
const ROWS: Row[] = [
  ["a drive", { at: "looking", once: false }, { type: "identified" }, "addressing", [
    "enter waiting-network",
    "address",
  ]],
  ["no drive", { at: "looking", once: true }, { type: "unidentified" }, "ended", []],
  ["an address", addressing(), { type: "addressed" }, "asking", ["enter fetching", "ask"]],
  ["an address, configured before", addressing(SET), { type: "addressed" }, "asking", ["ask"]],
  ["no address, nothing before", addressing(), { type: "failed", trouble: DOWN }, "recalling", [
    "recall",
  ]],
  [
    "no address, configured before",
    addressing(SET),
    { type: "failed", trouble: DOWN },
    "applying",
    ["complain unreachable retry 2", "apply 1 site"],
  ],
  ["documents, the first", asking(), { type: "received", publication: FIRST }, "applying", [
    "keep 1",
    "take 1 site",
    "enter applying",
    "apply 1 site",
  ]],
  ["documents, newer ones", asking(SET), { type: "received", publication: SECOND }, "applying", [
    "keep 2",
    "take 2 site",
    "apply 2 site",
  ]],
  ["nothing new", asking(SET), { type: "unchanged" }, "applying", [
    "keep 1 quietly",
    "apply 1 site",
  ]],
  ["nothing new, soon after", asking(SET), { type: "unchanged", isRested: true }, "settled", [
    "keep 1 quietly",
    "clearProblem",
    "enter configured",
    "report",
    "sleep 90000",
  ]],
  ["a refusal, once", asking(SET), { type: "failed", trouble: BAD }, "asking", [
    `ask after ${RECHECK_MS}`,
  ]],
  ["a refusal, twice", asking(SET, true), { type: "failed", trouble: BAD }, "applying", [
    "complain signature retry 2",
    "apply 1 site",
  ]],
  [
    "a root chain without the key that vouched for what it has",
    asking(SET),
    { type: "failed", trouble: BAD, fallen: true },
    "holding",
    ["forget", "enter fetching", "complain signature retry 2 bare", "report", "sleep 2000"],
  ],
  [
    "an expired site, which no second look mends",
    asking(),
    { type: "failed", trouble: OLD },
    "recalling",
    [
      "recall",
    ],
  ],
  ["no answer, nothing before", asking(), { type: "failed", trouble: DOWN }, "recalling", [
    "recall",
  ]],
  ["last good documents", recalling(), { type: "recalled", publication: FIRST }, "applying", [
    "take 1 last-good",
    "complain unreachable retry 2",
    "enter applying",
    "apply 1 last-good",
  ]],
  ["no last good documents", recalling(), { type: "nothingKept" }, "holding", [
    "complain unreachable retry 2 bare",
    "report",
    "sleep 2000",
  ]],
  [
    "all applied, for the first time",
    applying(undefined, { announced: undefined }),
    {
      type: "applied",
      troubles: [],
    },
    "settled",
    ["clearProblem", "announce 1 site", "enter configured", "report", "sleep 90000"],
  ],
  ["all applied, as before", applying(), { type: "applied", troubles: [] }, "settled", [
    "clearProblem",
    "enter configured",
    "report",
    "sleep 90000",
  ]],
  ["some not applied", applying(), { type: "applied", troubles: [FULL] }, "holding", [
    "complain full retry never",
    "enter degraded",
    "report",
    "sleep 90000",
  ]],
  [
    "last good ones applied",
    applying(DOWN, { failures: 1, retryMs: 2500 }),
    {
      type: "applied",
      troubles: [],
    },
    "holding",
    ["enter degraded", "report", "sleep 2500"],
  ],
  [
    "last good ones applied in part",
    applying(DOWN, { failures: 1, retryMs: 2500 }),
    {
      type: "applied",
      troubles: [FULL],
    },
    "holding",
    ["mention full", "enter degraded", "report", "sleep 2500"],
  ],
  ["time for a look", { at: "settled", memory: SET }, { type: "tick" }, "addressing", ["address"]],
  [
    "time for a look, after another agent",
    { at: "settled", memory: SET },
    { type: "tick", superseded: true },
    "addressing",
    ["enter waiting-network", "address"],
  ],
  ["time for another try", { at: "holding", memory: NEW }, { type: "tick" }, "addressing", [
    "enter waiting-network",
    "address",
  ]],
  ["what nobody foresaw", applying(), { type: "unexpectedError", trouble: DOWN }, "holding", [
    "complain unreachable retry 2",
    "report",
    "sleep 2000",
  ]],
];

for (const [what, state, event, next, effects] of ROWS) {
  Deno.test(`while ${state.at}, ${what}: then ${next}`, () => {
    const { state: after, effects: done } = step(state, event, 0);
    assertEquals([after.at, brief(done)], [next, effects]);
  });
}

const STATES: State<Documents>[] = [
  { at: "looking", once: false },
  addressing(SET),
  asking(SET),
  recalling(),
  applying(),
  { at: "settled", memory: SET },
  { at: "holding", memory: SET },
];
const EVENTS: Event<Documents>[] = [
  { type: "identified" },
  { type: "unidentified" },
  { type: "addressed" },
  { type: "received", publication: FIRST },
  { type: "unchanged" },
  { type: "failed", trouble: DOWN },
  { type: "recalled", publication: FIRST },
  { type: "nothingKept" },
  { type: "applied", troubles: [] },
  { type: "tick" },
  { type: "unexpectedError", trouble: DOWN },
];
const MAY_FOLLOW: Record<string, string[]> = {
  looking: ["identified", "unidentified", "unexpectedError"],
  addressing: ["addressed", "failed", "unexpectedError"],
  asking: ["received", "unchanged", "failed", "unexpectedError"],
  recalling: ["recalled", "nothingKept", "unexpectedError"],
  applying: ["applied", "unexpectedError"],
  settled: ["tick", "unexpectedError"],
  holding: ["tick", "unexpectedError"],
};

Deno.test("nothing but what the table allows may happen in a state", () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      if (MAY_FOLLOW[state.at]!.includes(event.type)) step(state, event, 0);
      else {assertThrows(
          () => step(state, event, 0),
          TypeError,
          `"${event.type}" is not expected in state "${state.at}"`,
        );}
    }
    const { state: after, effects } = step(state, { type: "stopped" }, 0);
    assertEquals([after, effects], [{ at: "ended", code: EXIT.ok }, []]);
    assertThrows(() => step(after, { type: "stopped" }, 0), TypeError);
  }
  assertThrows(() => step(asking(NEW), { type: "unchanged" }, 0), TypeError);
});

Deno.test("a single round ends with a code that says how it went, and sleeps no more", () => {
  const cases: [State<Documents>, Event<Documents>, number][] = [
    [applying(undefined, { once: true }), { type: "applied", troubles: [] }, EXIT.ok],
    [applying(undefined, { once: true }), { type: "applied", troubles: [FULL] }, EXIT.failed],
    [applying(DOWN, { once: true }), { type: "applied", troubles: [] }, EXIT.failed],
    [applying(BAD, { once: true }), { type: "applied", troubles: [] }, EXIT.refused],
    [recalling(BAD, { ...NEW, once: true }), { type: "nothingKept" }, EXIT.refused],
    [addressing({ ...SET, once: true }), { type: "unexpectedError", trouble: DOWN }, EXIT.failed],
    [{ at: "looking", once: true }, { type: "unidentified" }, EXIT.failed],
  ];
  for (const [state, event, code] of cases) {
    const { state: after, effects } = step(state, event, 0);
    assertEquals(after, { at: "ended", code: code as 0 });
    assertEquals(brief(effects).some((effect) => effect.startsWith("sleep")), false);
  }
});

Deno.test("failures in a row wait longer and longer, and what is said of it is what happens", () => {
  let state: State<Documents> = { at: "settled", memory: SET };
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    state = step(state, { type: "tick" }, 0.5).state;
    const { state: next, effects }: Step<Documents> = step(
      state,
      { type: "failed", trouble: DOWN },
      0.5,
    );
    const complaint = effects.find((effect) => effect.do === "complain")!;
    const done: Step<Documents> = step(next, { type: "applied", troubles: [] }, 0.5);
    const sleep = done.effects.find((effect) => effect.do === "sleep")!;
    assertEquals(complaint.retrySeconds! * 1000, sleep.ms);
    pauses.push(sleep.ms / 1000);
    state = done.state;
  }
  assertEquals(pauses, [3, 6, 12, 24, 48, 75, 75], "up to what the configuration says");
  state = step(state, { type: "tick" }, 0.5).state;
  state = step(state, { type: "addressed" }, 0.5).state;
  state = step(state, { type: "unchanged" }, 0.5).state;
  const { effects } = step(state, { type: "applied", troubles: [] }, 0.5);
  assertEquals(brief(effects).at(-1), "sleep 100000", "as if nothing had been");
});

Deno.test("what is said when last good documents are taken is when the next try comes", () => {
  const first = step(
    recalling(),
    { type: "recalled", publication: { ...FIRST, everySeconds: 3 } },
    0.9,
  );
  const said = first.effects.find((effect) => effect.do === "complain")!.retrySeconds!;
  const { effects } = step(first.state, { type: "applied", troubles: [] }, 0.1);
  assertEquals(brief(effects).at(-1), `sleep ${said * 1000}`);
});

import { assertEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import {
  formatTrialRecord,
  MAX_TRIAL_RECORD,
  parseTrialRecord,
  type TrialRecord,
} from "../../../lib/documents/trial_record.ts";
import { UserError } from "../../../lib/errors.ts";
import { UnreadableError } from "../../../lib/schema/read.ts";

const digest = "0".repeat(64);

Deno.test("formatTrialRecord() and parseTrialRecord() agree", () => {
  const records: TrialRecord[] = [
    {},
    { confirmed: { digest, text: "table …\n" } },
    { confirmed: { digest, text: "" }, refused: { digest, reason: "it did not hold" } },
  ];
  for (const record of records) {
    assertEquals(parseTrialRecord(formatTrialRecord(record)), record);
  }
});

Deno.test("formatTrialRecord() writes nothing that would not be read, and parseTrialRecord() reads nothing else", () => {
  const long = { confirmed: { digest, text: "x".repeat(MAX_TRIAL_RECORD) } };
  assertThrows(() => formatTrialRecord(long), UserError, "longer than");
  const bad = ["", "{}", '{"version": 2}', '{"version": 1, "confirmed": {"digest": "x"}}', " "];
  for (const text of [...bad, "x".repeat(MAX_TRIAL_RECORD + 1)]) {
    assertThrows(
      () => parseTrialRecord(utf8(text)),
      UnreadableError,
    );
  }
});

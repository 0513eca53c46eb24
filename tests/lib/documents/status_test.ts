import { assertEquals, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { formatStatus, parseStatus, statusSchema } from "../../../lib/documents/status.ts";
import { fieldsOf } from "../../../lib/schema/words.ts";
import { MAX_STATUS_BYTES } from "../../../lib/limits.ts";
import { UnreadableError } from "../../../lib/schema/read.ts";
import { exampleStatus } from "../../support/status.ts";

const written = (over: Record<string, unknown>) =>
  utf8(JSON.stringify({ ...exampleStatus(), ...over }));

Deno.test("parseStatus() gives what formatStatus() wrote", () => {
  const status = exampleStatus({
    phase: "degraded",
    problem: {
      check: "signature",
      message: "Cannot trust it",
      since: "2026-11-30T12:00:00Z",
      attempts: 3,
    },
    observed: { hostname: "alpha" },
  });
  assertEquals(parseStatus(formatStatus(status)), status);
});

Deno.test("parseStatus() leaves out what a later agent tells, at every level", () => {
  const { image } = exampleStatus();
  const later = written({
    uptime: 5,
    image: { ...image, slot: "a" },
    observed: { hostname: "alpha", later: { deep: true } },
  });
  assertEquals(parseStatus(later), exampleStatus({ observed: { hostname: "alpha" } }));
});

Deno.test("parseStatus() names what is wrong", () => {
  for (
    const [over, place] of [
      [{ phase: "asleep" }, "phase"],
      [{ image: undefined }, "image"],
      [{ steps: "none" }, "steps"],
      [{ reached: { starting: "soon" } }, "reached"],
      [{ observed: { hostname: 5 } }, "hostname"],
    ] as const
  ) {
    assertThrows(() => parseStatus(written(over)), UnreadableError, place);
  }
  assertThrows(() => parseStatus(utf8("{")), UnreadableError);
  assertThrows(() => parseStatus(new Uint8Array(MAX_STATUS_BYTES + 1)), UnreadableError);
});

Deno.test("docs/agent.md tells of every field of the status, and of no other", async () => {
  const text = await Deno.readTextFile("docs/agent.md");
  const rows = text.slice(text.indexOf("| Field |")).split("\n").slice(2);
  const told = rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, field]) => field!)
  );
  const fields = fieldsOf(statusSchema)
    .filter(({ path }) => path.length === 1 || path[0] !== "observed")
    .filter(({ path, parts }) =>
      path[0] === "observed" || !parts.entries && !parts.value && !parts.item
    )
    .map(({ path }) => path.join("."));
  assertEquals(told.sort(), fields.sort());
});

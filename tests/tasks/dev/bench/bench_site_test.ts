import { assertEquals, assertNotEquals } from "@std/assert";
import {
  benchFleet,
  benchNode,
  benchNodeFile,
  SECRETS_PER_NODE,
} from "../../../../tasks/dev/bench/fleet.ts";
import { sizeOf, tableLines, timeOf } from "../../../../tasks/dev/bench/table.ts";
import { parseFleet } from "../../../../site/fleet/fleet.ts";
import { RECIPIENTS } from "../../../site/support.ts";

const options = { recipients: RECIPIENTS, admins: [], seed: 1 };

Deno.test("benchFleet() makes a fleet that can be read, the same each time", async () => {
  const texts = await benchFleet(options);
  const fleet = parseFleet(texts);
  assertEquals(fleet.nodes.map(({ name }) => name), [benchNode(0), benchNode(1)]);
  for (const node of fleet.nodes) {
    const shared = Object.keys(node.public.files ?? {}).length;
    assertEquals(Object.keys(node.whole.files!).length, shared + SECRETS_PER_NODE);
  }
  assertEquals(await benchFleet(options), texts);
});

Deno.test("another version of a node's file has one other secret", async () => {
  const [before, after] = [await benchNodeFile(1, options), await benchNodeFile(1, options, 1)];
  const rest = after.split("\n").filter((line) => !before.split("\n").includes(line));
  assertEquals(rest.length, 1);
  assertNotEquals(before, after);
});

Deno.test("tables have names to the left and figures to the right", () => {
  assertEquals(tableLines([["name", "n"], ["a", "10"], ["long one", "5"]]), [
    "name       n",
    "a         10",
    "long one   5",
  ]);
  assertEquals([0.5, 35, 4210].map(timeOf), ["0.5 ms", "35 ms", "4.21 s"]);
  assertEquals([812, 12_700, 3_400_000].map(sizeOf), ["812 B", "12.4 KiB", "3.2 MiB"]);
});

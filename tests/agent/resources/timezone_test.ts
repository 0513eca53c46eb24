import { assertEquals } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { timezone } from "../../../agent/resources/timezone.ts";
import { differences, mergedProblems } from "../../../lib/config/mod.ts";
import { IDENTITY } from "./identity.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const ZONES = {
  "/usr/share/zoneinfo/UTC": "TZif UTC",
  "/usr/share/zoneinfo/Europe/Berlin": "TZif CET",
};
const host = () => new FakeHost({ ...ROOT_FILES, ...ZONES });
const BERLIN = { timezone: "Europe/Berlin" };

const OWN = { files: { "/etc/timezone": { content: "Pacific/Apia\n" } } };

askQuestions("timezone", {
  resource: timezone,
  host,
  cases: [
    { title: "leaves an image alone that knows no zone but UTC", config: {}, steps: [] },
    {
      title: "is set in both files",
      config: BERLIN,
      steps: ["set the time zone", "write /etc/timezone"],
      check: (host) => assertEquals(host.textOf("/etc/localtime"), "TZif CET"),
    },
    {
      title: "is UTC again when the key goes",
      before: BERLIN,
      config: {},
      steps: ["set the time zone", "write /etc/timezone"],
    },
  ],
});

Deno.test("timezone leaves the two files to a fleet that writes one of them", async () => {
  const { apply: act } = applier("timezone", timezone);
  for (const config of [OWN, { ...OWN, ...BERLIN }]) {
    const node = host();
    node.put("/etc/timezone", "Pacific/Apia\n");
    assertEquals(await apply(node, act, targetOf(config)), { steps: [], troubles: [] });
    const found = differences({ timezone: "unknown", files: [] }, config, config, IDENTITY);
    assertEquals(found, ["file /etc/timezone is missing"], "of the zone nothing is said");
  }
  assertEquals(mergedProblems(OWN).map(({ message }) => message), [
    "files./etc/timezone: the path /etc/timezone belongs to the key timezone",
  ]);
});

Deno.test("timezone says each time that the image has no such zone", async () => {
  const node = host();
  const { apply: act, observe } = applier("timezone", timezone);
  const target = targetOf({ timezone: "Pacific/Apia" });
  for (let i = 0; i < 2; i++) {
    const { troubles } = await apply(node, act, target);
    assertEquals(troubles.map(({ message }) => message), [
      "Cannot set the time zone: the image has no such zone",
    ]);
  }
  assertEquals(await observe(node, target), "unknown");
});

import { assertEquals } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { timezone } from "../../../agent/resources/timezone.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const ZONES = {
  "/usr/share/zoneinfo/UTC": "TZif UTC",
  "/usr/share/zoneinfo/Europe/Berlin": "TZif CET",
};
const host = () => new FakeHost({ ...ROOT_FILES, ...ZONES });
const BERLIN = { timezone: "Europe/Berlin" };

askQuestions("timezone", {
  resource: timezone,
  host,
  cases: [
    { title: "leaves an image alone that knows no zone but UTC", config: {}, steps: [] },
    {
      title: "is set in both files",
      config: BERLIN,
      steps: ["set the time zone Europe/Berlin", "write Europe/Berlin to /etc/timezone"],
      check: (host) => assertEquals(host.textOf("/etc/localtime"), "TZif CET"),
    },
    {
      title: "is UTC again when the key goes",
      before: BERLIN,
      config: {},
      steps: ["set the time zone UTC", "write UTC to /etc/timezone"],
    },
  ],
});

Deno.test("timezone says each time that the image has no such zone", async () => {
  const node = host();
  const { apply: act, observe } = applier("timezone", timezone);
  const target = targetOf({ timezone: "Pacific/Apia" });
  for (let i = 0; i < 2; i++) {
    const { troubles } = await apply(node, act, target);
    assertEquals(troubles.map(({ message }) => message), [
      "Cannot set the time zone Pacific/Apia: the image has no such zone",
    ]);
  }
  assertEquals(await observe(node, target), "unknown");
});

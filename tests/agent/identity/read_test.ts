import { assertEquals, assertRejects } from "@std/assert";
import { readIdentity } from "../../../agent/identity/read.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import { driveFiles } from "../../../lib/documents/drive.ts";
import { AGE_PAIR, driveTexts } from "../../support/drive_texts.ts";
import { FakeHost } from "../../support/fake_host.ts";

Deno.test("readIdentity() reads what the drive maker writes", async () => {
  const host = new FakeHost();
  for (const [name, { data, mode }] of driveFiles(driveTexts())) {
    host.put(`/drive/${name}`, data, mode);
  }
  const identity = await readIdentity(host, "/drive");
  assertEquals([identity.name, identity.ageKeys], ["alpha", [AGE_PAIR.identity]]);
  host.put("/drive/nodename", "x".repeat(17 * 1024));
  const read = () => readIdentity(host, "/drive");
  const message = "Cannot read nodename on the identity drive: it is longer than 16384 bytes";
  await assertRejects(read, AgentError, message);
  await host.remove("/drive/nodename");
  await host.mkdir("/drive/nodename");
  await assertRejects(read, AgentError, "nodename on the identity drive: it is no file");
  await host.remove("/drive/nodename");
  await assertRejects(read, AgentError, "nodename on the identity drive: it is missing");
});

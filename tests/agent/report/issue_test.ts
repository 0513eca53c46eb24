import { assert, assertEquals } from "@std/assert";
import { issueText, writeIssue } from "../../../agent/report/issue.ts";
import { describeStatus } from "../../../agent/report/status.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { exampleStatus } from "../../support/status.ts";
import { driveOf, makeSite, World } from "../world.ts";

// Of `printf key | sha256sum`, as ssh would show it.
const KEY = { line: "ssh-ed25519 a2V5 x", hash: "LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM" };

Deno.test("the console tells which machine this is, where it is, how it stands and by which key it is known", () => {
  const text = issueText(exampleStatus(), { addresses: ["eth0 10.0.2.15/24"], hostKey: KEY.line });
  assertEquals(text.split("\n").slice(2, -2), [
    "node      alpha",
    "address   eth0 10.0.2.15/24",
    "state     configured",
    `host key  SHA256:${KEY.hash}`,
  ]);
  const problem = { check: "x", message: "Cannot \\l \u001b[2J", since: "", attempts: 1 };
  const odd = issueText(exampleStatus({ problem }), { addresses: [], hostKey: "nonsense" });
  assert(odd.includes("problem   Cannot /l ?[2J\n"), odd);
  assert(!odd.includes("host key"));
});

Deno.test("the console's text is written only when it says something new, and by the agent alone", async () => {
  const host = new FakeHost({ "/etc/issue": "of the image" });
  const facts = { addresses: [], hostKey: KEY.line };
  for (let i = 0; i < 3; i++) await writeIssue(host, exampleStatus(), facts);
  assertEquals(host.log, ["write /etc/issue"]);
  const world = new World(driveOf("alpha"), await makeSite());
  await world.boot({ once: true });
  assert(world.textOf("/etc/issue").includes("address   eth0 10.0.2.15/24\nstate     configured"));
});

Deno.test("a status tells first what of which key has failed", () => {
  const keys = { users: [], ssh: ["Cannot set up the SSH server: no"], hosts: [] };
  const text = describeStatus(exampleStatus({ phase: "degraded", keys }));
  assert(text.startsWith("failed     ssh: Cannot set up the SSH server: no\nnode "), text);
  assert(text.includes("\napplied    hosts, users\n"), text);
});

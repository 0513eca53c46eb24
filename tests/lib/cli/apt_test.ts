import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { AptBusyError, aptGet } from "../../../lib/cli/apt.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";

const HELD =
  "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)\n" +
  "E: Unable to lock directory /var/lib/apt/lists/\n";

/** A machine whose apt complains so in turn, and then no more. */
function machine(...complaints: string[]): FakeHost {
  const host = new FakeHost();
  host.programs.set("apt-get", () => {
    const stderr = complaints.shift();
    return stderr === undefined ? "" : { code: 100, stderr: utf8(stderr) };
  });
  return host;
}

const runs = ({ log }: FakeHost) => log.filter((line) => line.startsWith("run "));

Deno.test("aptGet() waits while another program has the lock, and says once which", async () => {
  const host = machine(HELD, HELD, HELD);
  const said: string[] = [];
  await aptGet(host, ["update"], (line) => said.push(line));
  assertEquals(said, ["waiting for apt: apt-get (process 812) holds /var/lib/apt/lists/lock"]);
  assertEquals(runs(host), [
    "run apt-get -y -q -o DPkg::Lock::Timeout=0 update",
    ...Array(3).fill("run apt-get -y -q -o DPkg::Lock::Timeout=600 update"),
  ]);
});

Deno.test("aptGet() says anew when another one has it, and knows older words", async () => {
  const host = machine(
    HELD,
    "E: Could not get lock /var/lib/dpkg/lock - open (11: Resource temporarily unavailable)\n",
  );
  const said: string[] = [];
  await aptGet(host, ["update"], (line) => said.push(line));
  assertEquals(said[1], "waiting for apt: another program holds /var/lib/dpkg/lock");
});

Deno.test("aptGet() gives up after ten minutes, naming who has the lock", async () => {
  const host = machine(...Array(1000).fill(HELD));
  const error = await assertRejects(() => aptGet(host, ["update"]), AptBusyError);
  assertEquals(
    error.message,
    "Cannot run apt-get update: apt-get (process 812) holds /var/lib/apt/lists/lock",
  );
  assertEquals(runs(host).length, 121);
});

Deno.test("aptGet() tells its own complaint of all else, without waiting", async () => {
  const host = machine("W: old\nE: Unable to locate package nothing\n");
  const error = await assertRejects(() => aptGet(host, ["install", "nothing"]), UserError);
  assertEquals(
    [error.message, error.exitCode],
    ["Cannot run apt-get install nothing: Unable to locate package nothing", EXIT.missing],
  );
  assertEquals(runs(host).length, 1);
});

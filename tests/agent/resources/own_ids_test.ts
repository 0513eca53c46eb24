import { assertEquals } from "@std/assert";
import { deriveIds } from "../../../agent/identity/derived.ts";
import { ownIds } from "../../../agent/resources/own_ids.ts";
import { bind } from "../../../agent/resources/resource.ts";
import { encodeHex } from "@std/encoding/hex";
import { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { apply, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const act = bind(({ identity }) => identity, ownIds);

Deno.test("a node writes its ids once, puts right what was changed, and the initiator's name where the image can do iSCSI", async () => {
  const node = new FakeHost({ ...ROOT_FILES, "/etc/machine-id": "of the image\n" });
  const target = targetOf({});
  assertEquals(await settle(node, act, target), ["write /etc/machine-id", "write /etc/hostid"]);
  const ids = deriveIds(IDENTITY);
  assertEquals(node.textOf("/etc/machine-id"), `${ids.machineId}\n`);
  assertEquals(encodeHex(await node.readFile("/etc/hostid")), encodeHex(ids.hostId));
  node.put("/etc/hostid", "xxxx");
  node.put("/etc/iscsi/iscsid.conf", "");
  assertEquals(await settle(node, act, target), [
    "write /etc/hostid",
    "write /etc/iscsi/initiatorname.iscsi",
  ]);
  assertEquals(
    node.textOf("/etc/iscsi/initiatorname.iscsi"),
    `InitiatorName=${ids.iscsiName}\n`,
  );
  assertEquals((await node.stat("/etc/iscsi/initiatorname.iscsi"))?.mode, 0o600);
});

Deno.test("a node's ids follow the seed of its drive", async () => {
  const seed = new Uint8Array(32).fill(7);
  const [one, other] = [new FakeHost(ROOT_FILES), new FakeHost(ROOT_FILES)];
  await apply(one, act, targetOf({}, { identity: { ...IDENTITY, seed } }));
  const renewed = { ...IDENTITY, seed, ageKeys: ["AGE-SECRET-KEY-1OTHER"] };
  await apply(other, act, targetOf({}, { identity: renewed }));
  for (const path of ["/etc/machine-id", "/etc/hostid"]) {
    assertEquals(await one.readFile(path), await other.readFile(path), path);
  }
});

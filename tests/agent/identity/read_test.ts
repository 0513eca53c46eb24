import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AgentError } from "../../../agent/report/problem.ts";
import { parseSites, parseStaticNetwork, readIdentity } from "../../../agent/identity/read.ts";
import { driveFiles } from "../../../lib/identity/make_drive.ts";
import { formatIdentityFile } from "../../../lib/trust/age_keygen.ts";
import { formatPublicKey } from "../../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { KEY } from "../../site/support.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { HOST_KEY, PAIRS } from "../world.ts";

Deno.test("readIdentity() reads what the drive maker writes", async () => {
  const host = new FakeHost();
  const network = { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.2"] };
  const files = driveFiles({
    name: "alpha",
    ageIdentity: formatIdentityFile(PAIRS.alpha),
    minisignKey: formatPublicKey(publicKeyOf(KEY)),
    sshHostKey: HOST_KEY,
    sshHostKeyPublic: "ssh-ed25519 AAAA alpha",
    sites: ["https://a.test/x", "http://b.test/"],
    network,
  });
  for (const [name, { data, mode }] of files) host.put(`/drive/${name}`, data, mode);
  const identity = await readIdentity(host, "/drive");
  assertEquals(identity, {
    name: "alpha",
    ageKeys: [PAIRS.alpha.identity],
    pinned: publicKeyOf(KEY),
    sites: ["https://a.test/x/", "http://b.test/"],
    sshHostKey: HOST_KEY,
    sshHostPublicKey: "ssh-ed25519 AAAA alpha",
    network,
  });
  host.put("/drive/nodename", "x".repeat(17 * 1024));
  await assertRejects(() => readIdentity(host, "/drive"), AgentError, "longer than 16384 bytes");
});

Deno.test("parseSites() names the line that is no URL", () => {
  assertEquals(parseSites("# all\n\nhttp://a.test # first\n"), ["http://a.test/"]);
  for (const bad of ["", "# none\n", "http://a.test/?q\n", "file:///x\n", "http://\n"]) {
    assertThrows(() => parseSites(bad), Error);
  }
  assertThrows(() => parseSites("http://a.test\nx\n"), Error, "line 2");
});

Deno.test("parseStaticNetwork() refuses what is not an address", () => {
  for (const bad of ["", "[]", "{}", '{"address":"x"}', '{"address":"1.2.3.4/24","mask":1}']) {
    assertThrows(() => parseStaticNetwork(bad), Error);
  }
});

/** Documents say which agent they need; older ones keep what they have, and who publishes is told. */
import { assertEquals, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import { AgentTooOldError, parseInstructions } from "../../../lib/documents/site.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { makeSite } from "../../../site/build/make_site.ts";
import { ALPHA, buildWorldSite } from "../../agent/world.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { imageManifest, imagePackage } from "../../support/image_manifest.ts";
import { ISSUED, RECIPIENTS } from "../support.ts";

const WITH_ZONE = ALPHA.replace("config:\n", "config:\n  timezone: Europe/Berlin\n");

/** The instructions of `alpha` in a fleet where it is this. */
async function payloadOf(alpha: string): Promise<string> {
  return (await buildWorldSite({ alpha })).envelopes.get("alpha")!.payload;
}

Deno.test("instructions say which agent they need, and nothing where every agent will do", async () => {
  const oldest = ALPHA.replace(/groups: \{.*?\}, sshKeys: \{.*?\}/, "");
  assertEquals(JSON.parse(await payloadOf(oldest)).agent, undefined);
  assertEquals(JSON.parse(await payloadOf(WITH_ZONE)).agent, "0.2.0");
});

Deno.test("parseInstructions() tells an agent that is too old, before it reads what it can't know", async () => {
  const payload = utf8(await payloadOf(WITH_ZONE));
  for (const agent of ["0.2.0", "0.10.0", "unknown", undefined]) {
    assertEquals(parseInstructions(payload, "alpha", agent).config.timezone, "Europe/Berlin");
  }
  const unreadable = text(payload).replace('"timezone"', '"key of tomorrow"');
  const error = assertThrows(
    () => parseInstructions(utf8(unreadable), "alpha", "0.1.0"),
    AgentTooOldError,
    "Cannot use psyopsOS/postboot/alpha.age: it needs agent 0.2.0, this is 0.1.0: update the OS",
  );
  assertEquals([error.needed, error.own], ["0.2.0", "0.1.0"]);
  // For whom it is comes first, and a version that is none is no excuse.
  assertThrows(
    () => parseInstructions(payload, "beta", "0.1.0"),
    RefusedError,
    "is for node alpha",
  );
  const odd = text(payload).replace('"agent": "0.2.0"', '"agent": "tomorrow"');
  assertThrows(
    () => parseInstructions(utf8(odd), "alpha", "0.1.0"),
    RefusedError,
    "agent: must be",
  );
});

Deno.test("makeSite() names the nodes that no release on offer has an agent for", async () => {
  const host = new FakeHost();
  host.clock = new Date(ISSUED);
  await initKeys(host, "/k", { issued: ISSUED });
  host.programs.set("cp", ([from = "", to = ""]) => {
    host.put(to, host.textOf(from));
    return "";
  });
  host.put("/nodes/alpha.yaml", `recipient: ${RECIPIENTS[0]}\nconfig: {timezone: UTC}\n`);
  host.put("/nodes/beta.yaml", `recipient: ${RECIPIENTS[1]}\nconfig: {hostname: b}\n`);
  const keyring = await loadKeyring(host, "/k");
  const make = async () => {
    const options = { nodes: "/nodes", out: "/public", cache: "/cache", releases: "/dist" };
    return (await makeSite(host, { ...options, keyring })).heldBack;
  };
  const putImage = (version: string, agent?: string) => {
    const slot = `psyopsos-${version}-x86_64.slot.tar`;
    host.put(`/dist/${version}/${slot}`, `slot ${version}`);
    const facts = agent ? { agent: { version: agent, commit: "c", form: "bundle" } } : {};
    const packages = [imagePackage("tzdata")];
    const manifest = imageManifest({ [slot]: `slot ${version}` }, { version, packages, ...facts });
    host.put(`/dist/${version}/manifest.json`, manifest);
  };
  assertEquals(await make(), [], "nothing is known of agents");
  putImage("1.0");
  assertEquals(await make(), [], "nor is it now");
  putImage("1.1", "0.1.0");
  const held = [{ node: "alpha", needs: "0.2.0", offered: "0.1.0" }];
  assertEquals(await make(), held);
  assertEquals(await make(), held, "nodes that are not built anew count as well");
  putImage("1.2", "0.2.0");
  assertEquals(await make(), []);
  host.put("/nodes/os-update.yaml", 'channels: {stable: {version: "1.1"}}\n');
  assertEquals(await make(), held, "a release that no channel names is no offer");
});

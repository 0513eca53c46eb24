import { assertEquals, assertMatch } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { parseNodeDocument, SITE_PATHS } from "../../lib/documents/site.ts";
import { decryptWith, parseIdentityFile } from "../../lib/trust/age.ts";
import { openSite } from "../../lib/trust/client.ts";
import { loadKeyring } from "../../lib/trust/keyring.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { makeSite } from "../../site/build/make_site.ts";
import { newNode } from "../../site/nodes/new_node.ts";
import { FakeHost } from "../support/fake_host.ts";
import { ISSUED } from "./support.ts";

Deno.test("a node with a post-quantum key reads its instructions, and the page of its facts holds the key", async () => {
  const host = new FakeHost({ "nodes/global.yaml": "private: {hostname: hush}\n" });
  host.clock = new Date(ISSUED);
  await initKeys(host, "keys", { issued: ISSUED });
  let identity = "";
  host.programs.set("mke2fs", (args) => {
    identity = host.textOf(`${args[args.indexOf("-d") + 1]}/age.key`);
    return "";
  });
  host.programs.set("debugfs", () => "");
  const made = await newNode(host, {
    name: "n",
    sites: ["https://x.example/"],
    nodes: "nodes",
    keys: "keys",
    out: "drives/n.img",
    postQuantum: true,
  });
  assertMatch(made.recipient, /^age1pq1[a-z0-9]{1952}$/);
  const keyring = await loadKeyring(host, "keys");
  await makeSite(host, { nodes: "nodes", out: "public", cache: "cache", keyring });
  const view = await openSite({
    pinned: keyring.publicKeys.root,
    state: NO_STATE,
    now: new Date(ISSUED),
    fetch: (path) => host.readFile(`public/${path}`),
  });
  const facts = parseNodeDocument(await view.get(SITE_PATHS.node("n"), "node"), "n");
  assertEquals(facts.recipient, made.recipient);
  const ciphertext = await view.getHashed(SITE_PATHS.postboot("n"));
  assertMatch(new TextDecoder().decode(ciphertext), /\n-> mlkem768x25519 /);
  const envelope = text(await decryptWith(parseIdentityFile(identity).keys, ciphertext));
  assertEquals(envelope.includes("hush"), true);
});

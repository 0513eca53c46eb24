import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { newNode, type NewNodeOptions } from "../../../site/nodes/new_node.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { formatPublicKey } from "../../../lib/trust/minisign.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { FakeHost } from "../../support/fake_host.ts";

const OPTIONS: NewNodeOptions = {
  name: "alpha",
  sites: ["https://fleet.example.net"],
  tags: ["lab"],
  nodes: "/nodes",
  keys: "/k",
  out: "/drives/alpha.img",
};

/** A host with keys, one tag, and tools that keep what goes onto the drive. */
async function setUp() {
  const host = new FakeHost({ "/nodes/tags/lab.yaml": "" });
  await initKeys(host, "/k", { issued: "2026-11-22T20:00:00Z" });
  const drive = new Map<string, string>();
  host.programs.set("mke2fs", (args) => {
    const tree = args[args.indexOf("-d") + 1]!;
    for (const [path, node] of host.nodes) {
      if (path.startsWith(`${tree}/`) && node.kind === "file") {
        drive.set(path.slice(tree.length + 1), host.textOf(path));
      }
    }
    return "";
  });
  host.programs.set("debugfs", () => "");
  host.log.length = 0;
  return { host, drive };
}

Deno.test("newNode() makes a drive and a node file that belong together", async () => {
  const { host, drive } = await setUp();
  const made = await newNode(host, OPTIONS);
  const fleet = await loadFleet(host, "/nodes");
  const [node] = fleet.nodes;
  assertEquals(node?.name, "alpha");
  assertEquals(node?.tags, ["lab"]);
  assertEquals(node?.recipient, made.recipient);
  assertEquals(node?.sshHostKey, made.sshHostKey);
  assertEquals(drive.get("nodename"), "alpha\n");
  assertEquals(
    drive.get("age.key")?.includes(`# public key: ${made.recipient}\nAGE-SECRET-KEY-1`),
    true,
  );
  assertEquals(drive.get("ssh_host_ed25519_key.pub"), `${made.sshHostKey}\n`);
  assertEquals(drive.get("site")?.includes("\nhttps://fleet.example.net/\n"), true);
  const { publicKeys } = await loadKeyring(host, "/k");
  assertEquals(drive.get("minisign.pubkey"), formatPublicKey(publicKeys.root));
  assertEquals((await host.stat("/drives/alpha.img"))?.mode, 0o600);
});

Deno.test("newNode() leaves no private half but on the drive", async () => {
  const { host } = await setUp();
  await newNode(host, OPTIONS);
  for (const [path, node] of host.nodes) {
    if (node.kind !== "file" || path.startsWith("/k/")) continue;
    const content = host.textOf(path);
    assertEquals(/AGE-SECRET-KEY|PRIVATE KEY/.test(content), false, path);
  }
});

Deno.test("newNode() makes other keys for each node", async () => {
  const { host } = await setUp();
  const first = await newNode(host, OPTIONS);
  const second = await newNode(host, { ...OPTIONS, name: "beta", out: "/drives/beta.img" });
  assertNotEquals(first.recipient, second.recipient);
  assertNotEquals(first.sshFingerprint, second.sshFingerprint);
});

const WRONG: [string, Partial<NewNodeOptions>, string][] = [
  ["a name that is no host name", { name: "Al pha" }, "its name must be"],
  ["a path as name", { name: "../x" }, "its name must be"],
  ["a reserved name", { name: "global" }, "its name must be"],
  ["no site", { sites: [] }, "needs the URL of its site"],
  ["a site that is no URL", { sites: ["fleet.example.net"] }, "must be an http:// or https:// URL"],
  ["a site with a query", { sites: ["https://x/?a"] }, "without ? and #"],
  ["a site with a password", { sites: ["https://u:hunter2@x/"] }, "must hold no password"],
  ["an unknown tag", { tags: ["lba"] }, "unknown tag lba, did you mean lab?"],
  ["a tag twice", { tags: ["lab", "lab"] }, "a tag is given twice"],
  [
    "a network that can't be",
    { network: { address: "x" } },
    "it could not read network.json on its drive: address: must be",
  ],
  ["missing keys", { keys: "/none" }, "there is no /none/minisign.pubkey"],
];
for (const [what, change, message] of WRONG) {
  Deno.test(`newNode() refuses ${what} and makes nothing`, async () => {
    const { host } = await setUp();
    const error = await assertRejects(
      () => newNode(host, { ...OPTIONS, ...change }),
      UserError,
      message,
    );
    assertEquals(error.message.includes("hunter2"), false);
    assertEquals(host.log, []);
  });
}

Deno.test("newNode() overwrites neither a node's file nor a drive", async () => {
  const { host } = await setUp();
  host.put("/nodes/alpha.yaml", "mine");
  await assertRejects(() => newNode(host, OPTIONS), UserError, "/nodes/alpha.yaml exists");
  assertEquals(host.textOf("/nodes/alpha.yaml"), "mine");
  host.put("/drives/beta.img", "mine");
  const beta = { ...OPTIONS, name: "beta", out: "/drives/beta.img" };
  await assertRejects(() => newNode(host, beta), UserError, "/drives/beta.img exists");
  assertEquals(host.textOf("/drives/beta.img"), "mine");
});

Deno.test("newNode() keeps no drive that no node file speaks of", async () => {
  const { host } = await setUp();
  host.broken.set("/nodes/alpha.yaml", new Error("read-only"));
  await assertRejects(() => newNode(host, OPTIONS), Error, "read-only");
  assertEquals(await host.stat("/drives/alpha.img"), undefined);
});

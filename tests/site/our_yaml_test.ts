/** What our tools write into a fleet's files, our tools read: names that YAML would take for something else, through every writer. */
import { assertEquals } from "@std/assert";
import { nodeConfigSchema } from "../../lib/config/mod.ts";
import { isNodeName, TAG_NAME } from "../../lib/documents/names.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { readYaml } from "../../site/fleet/yaml_file.ts";
import { quoted } from "../../site/fleet/yaml_text.ts";
import { newNode } from "../../site/nodes/new_node.ts";
import { renewNode } from "../../site/nodes/revoke_node.ts";
import { initAdmin } from "../../site/secrets/admin_identity.ts";
import { rekeySecrets } from "../../site/secrets/rekey.ts";
import { openSecrets } from "../../site/secrets/secret_files.ts";
import type { SecretPath } from "../../site/secrets/secret_path.ts";
import { openSlot, setSecret } from "../../site/secrets/secret_slot.ts";
import { FakeHost } from "../support/fake_host.ts";
import { ADMIN, hostWith, identityOf, NEXT } from "./secret_support.ts";
import { fleetFiles } from "./support.ts";
import { NOT_ONLY_TEXT } from "./yaml_words.ts";

const identities = () => Promise.resolve(identityOf(ADMIN));
/** Those that may be names of scripts. */
const SCRIPTS = NOT_ONLY_TEXT.filter((one) =>
  !Array.isArray(readYaml("x", `scripts: {${quoted(one)}: {run: a}}`, nodeConfigSchema))
);
const TAGS = [...new Set(NOT_ONLY_TEXT.map((one) => one.toLowerCase()))]
  .filter((one) => TAG_NAME.test(one));

Deno.test("node new and node renew write any tag and any name so that it is read", async () => {
  const host = new FakeHost();
  for (const tag of TAGS) host.put(`/nodes/tags/${tag}.yaml`, "");
  for (const tool of ["mke2fs", "debugfs"]) host.programs.set(tool, () => "");
  await initKeys(host, "/k", { issued: "2026-11-22T20:00:00Z" });
  const names = ["alpha", ...TAGS.filter(isNodeName)];
  const base = { sites: ["https://x.example/"], nodes: "/nodes", keys: "/k" };
  for (const [i, name] of names.entries()) {
    const tags = i === 0 ? TAGS : [TAGS[i % TAGS.length]!];
    await newNode(host, { ...base, name, tags, out: `/drives/${name}` });
  }
  const renewed = await renewNode(host, { ...base, name: "2024", out: "/drives/2024", cache: "c" });
  const { nodes } = await loadFleet(host, "/nodes");
  assertEquals(nodes.map(({ name }) => name), names.toSorted());
  assertEquals(nodes.find(({ name }) => name === "alpha")!.tags, TAGS);
  const again = nodes.find(({ name }) => name === "2024")!;
  assertEquals([again.recipient, again.created], [renewed.recipient, renewed.created]);
});

Deno.test("secret set writes below any name so that it is read, and rekey leaves it so", async () => {
  const host = hostWith(fleetFiles().set("global.yaml", `admins: [${ADMIN.recipient}]\n`));
  const paths: SecretPath[] = [
    ...SCRIPTS.map((one) => ["private", "scripts", one, "run"]),
    ...["/null", "/etc/a: b", "/a #b", "/true", "/-", "/ä\u0085", "/e\u2028f", '/"q"', "/'"].map(
      (one) => ["private", "files", one, "content"],
    ),
    ...["null", "no", "y", "e5", "on"].map((one) => ["private", "users", one, "comment"]),
  ];
  for (const path of paths) {
    await setSecret(host, await openSlot(host, "nodes", "beta", path), "it");
  }
  const told = async () => {
    const { nodes } = await loadFleet(host, "nodes", { identities });
    const { scripts, files, users } = nodes[1]!.whole;
    return [scripts, files, users].map((one) => Object.keys(one ?? {}).toSorted());
  };
  assertEquals(SCRIPTS.length > 40, true);
  const expected = ["scripts", "files", "users"].map((kind) =>
    paths.filter((path) => path[1] === kind).map((path) => path[2]!).toSorted()
  );
  assertEquals(await told(), expected);
  const own = [ADMIN.recipient];
  await rekeySecrets(host, await openSecrets(host, "nodes"), {
    ...{ identities: identityOf(ADMIN), own, all: true },
  });
  assertEquals(await told(), expected);
});

Deno.test("secret init leaves all else in global.yaml as it is", async () => {
  const texts = [
    "",
    "# a fleet",
    "config: {}\n",
    `# who\nadmins: # these\n  - ${ADMIN.recipient} # me\n\n# all\nconfig: {hostname: "0x10"}\n`,
    `admins: [${ADMIN.recipient}] # me\r\nconfig: {}\r\n`,
    `{admins: [${NEXT.recipient}], config: {hostname: 'null'}}\n`,
    "admins: []\n",
  ];
  for (const text of texts) {
    const host = new FakeHost({ "nodes/global.yaml": text });
    const { recipient } = await initAdmin(host, await openSecrets(host, "nodes"), { keys: "k" });
    const after = host.textOf("nodes/global.yaml");
    const { fleet } = await openSecrets(host, "nodes");
    assertEquals(fleet.admins.at(-1), recipient);
    const rest = after.replace(recipient, "").split(/[\r\n]+|, |\[|\]/).map((one) => one.trim());
    for (const line of text.split(/[\r\n]+|, |\[|\]/)) {
      assertEquals(rest.includes(line.trim()), true, `${line} in ${after}`);
    }
  }
});

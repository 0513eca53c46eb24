import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { ADMIN, hostWith, identityOf, OTHER, sealed, secretFiles } from "../secret_support.ts";

const identities = () => Promise.resolve(identityOf(ADMIN));

Deno.test("loadFleet() decrypts secrets into the private configuration, each as its place wants it", async () => {
  const fleet = await loadFleet(hostWith(await secretFiles()), "nodes", { identities });
  const [alpha, beta] = fleet.nodes;
  const whole = alpha!.whole;
  assertEquals(whole.files?.["/etc/all"]?.content, "MARK-global");
  assertEquals(whole.files?.["/etc/token"]?.content, "MARK-lab\n");
  assertEquals(whole.users?.ops?.uid, 1234);
  assertEquals(beta!.whole.files?.["/etc/token"], undefined);
  assertEquals(/MARK|1234/.test(JSON.stringify(alpha!.public)), false);
  assertEquals(fleet.admins, [ADMIN.recipient]);
});

Deno.test("loadFleet() asks for the identity only when there is a secret", async () => {
  const files = await secretFiles();
  for (const path of ["tags/lab.yaml", "alpha.yaml", "global.yaml"]) files.delete(path);
  const never = () => Promise.reject(new Error("asked"));
  assertEquals((await loadFleet(hostWith(files), "nodes", { identities: never })).nodes.length, 1);
});

/** What is told when the tag's file holds `text`. */
async function problem(text: string, given = identities): Promise<string> {
  const files = await secretFiles();
  files.set("tags/lab.yaml", text);
  const host = hostWith(files);
  const error = await assertRejects(
    () => loadFleet(host, "nodes", { identities: given }),
    UserError,
  );
  return `${error.message} ${error.hint ?? ""}`;
}

Deno.test("loadFleet() names what it skipped of an identity file when nothing else fits", async () => {
  const skipped = ["line 2, a key of age-plugin-yubikey"];
  const given = () => Promise.resolve({ ...identityOf(OTHER), skipped });
  assertStringIncludes(
    await problem("", given),
    "is not encrypted to your age identity as far as it can be used here (not line 2, a key of " +
      "age-plugin-yubikey)",
  );
});

const content = (value: string) => `private:\n  files:\n    /etc/x:\n      content: ${value}\n`;

Deno.test("a secret for somebody else, a damaged one and none at all are told apart, with their place", async () => {
  assertStringIncludes(
    await problem(content(await sealed("x", 8, [OTHER.recipient]))),
    "nodes/tags/lab.yaml:4:21: is not encrypted to your age identity",
  );
  const good = await sealed("x", 8);
  const at = good.lastIndexOf("        -----END") - 8;
  const letter = good[at] === "A" ? "B" : "A";
  assertStringIncludes(
    await problem(content(good.slice(0, at) + letter + good.slice(at + 1))),
    "nodes/tags/lab.yaml:4:21: is encrypted, but damaged",
  );
  assertStringIncludes(
    await problem(content("!age hunter2")),
    "nodes/tags/lab.yaml:4:21: is no armored age text",
  );
});

Deno.test("without an identity each secret is named", async () => {
  const error = await assertRejects(
    async () => await loadFleet(hostWith(await secretFiles()), "nodes"),
    UserError,
  );
  assertStringIncludes(error.message, "is encrypted, and there is no age identity to decrypt it");
});

Deno.test("while a file can't be parsed no identity is asked for, and no secret is complained of", async () => {
  const files = await secretFiles();
  files.set("alpha.yaml", "config: [");
  const never = () => Promise.reject(new Error("asked"));
  const error = await assertRejects(
    () => loadFleet(hostWith(files), "nodes", { identities: never }),
    UserError,
    "nodes/alpha.yaml:1:10: not valid YAML",
  );
  assertEquals(/encrypted|identity/.test(`${error.message} ${error.hint ?? ""}`), false);
});

Deno.test("what is decrypted must fit its place; the message does not quote it", async () => {
  const said = await problem(`private:\n  hostname: ${await sealed("Hunter 2", 4)}\n`);
  assertStringIncludes(said, "nodes/tags/lab.yaml:2:18: private.hostname must be a host name");
  assertEquals(said.includes("Hunter"), false);
  assertStringIncludes(
    await problem(`private:\n  users:\n    ops: ${await sealed("uid: 5", 6)}\n`),
    "private.users.ops must be a mapping",
  );
  assertStringIncludes(
    await problem(`private:\n  users:\n    ops:\n      uid: ${await sealed("1e3", 8)}\n`),
    "private.users.ops.uid must be a number",
  );
});

Deno.test("a secret outside private is refused before it is decrypted", async () => {
  const said = await problem(`config:\n  hostname: ${await sealed("box", 4)}\n`);
  assertStringIncludes(said, "nodes/tags/lab.yaml:2:18: !age values belong below private");
});

Deno.test("post-quantum recipients do for nodes and admins, but admins are of one kind", async () => {
  const { generateIdentity } = await import("../../../lib/trust/age_keygen.ts");
  const pq = await generateIdentity({ postQuantum: true });
  const files = await secretFiles();
  for (const path of ["tags/lab.yaml", "alpha.yaml"]) files.delete(path);
  files.set("beta.yaml", `recipient: ${pq.recipient}\n`);
  files.set(
    "global.yaml",
    `admins: [${pq.recipient}]\n${content(await sealed("pq secret", 8, [pq.recipient]))}`,
  );
  const fleet = await loadFleet(hostWith(files), "nodes", {
    identities: () => Promise.resolve(identityOf(pq)),
  });
  assertEquals(fleet.nodes[0]!.whole.files?.["/etc/x"]?.content, "pq secret");
  files.set("global.yaml", `admins: [${pq.recipient}, ${ADMIN.recipient}]\n`);
  const error = await assertRejects(() => loadFleet(hostWith(files), "nodes"), UserError);
  assertStringIncludes(error.message, "nodes/global.yaml:1:9: admins must be all post-quantum");
});

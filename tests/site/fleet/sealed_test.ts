import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import {
  ADMIN,
  bound,
  hostWith,
  identityOf,
  OTHER,
  sealed,
  secretFiles,
} from "../secret_support.ts";

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
  const own = (path: string[], value: string, indent: number) =>
    bound("tags/lab", path, value, indent);
  const said = await problem(`private:\n  hostname: ${await own(["hostname"], "Hunter 2", 4)}\n`);
  assertStringIncludes(said, "nodes/tags/lab.yaml:2:18: private.hostname must be a host name");
  assertEquals(said.includes("Hunter"), false);
  assertStringIncludes(
    await problem(`private:\n  users:\n    ops: ${await own(["users", "ops"], "uid: 5", 6)}\n`),
    "private.users.ops must be a mapping",
  );
  assertStringIncludes(
    await problem(
      `private:\n  users:\n    ops:\n      uid: ${await own(["users", "ops", "uid"], "1e3", 8)}\n`,
    ),
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

/** The armored text of the first secret in a file, as a block for `content`. */
function copied(text: string): string {
  const armored = /-----BEGIN[^]*?-----END AGE ENCRYPTED FILE-----/.exec(text)![0];
  return `!age |\n${
    armored.split("\n").map((line) => ` ${" ".repeat(7)}${line.trim()}`).join("\n")
  }`;
}

const COPIES: [what: string, from: string, to: string, entry: string][] = [
  ["from a tag to a node that has not got the tag", "tags/lab.yaml", "beta.yaml", "/etc/token"],
  ["from a node to another", "alpha.yaml", "beta.yaml", "/etc/x"],
  ["from a node to its tag", "alpha.yaml", "tags/lab.yaml", "/etc/x"],
  ["from global to a node", "global.yaml", "beta.yaml", "/etc/all"],
  ["to another key of the same file", "tags/lab.yaml", "tags/lab.yaml", "/etc/other"],
];
for (const [what, from, to, entry] of COPIES) {
  for (const marked of [true, false]) {
    Deno.test(`a secret that was copied ${what} is refused${marked ? "" : ", marked fleet or not"}`, async () => {
      const files = await secretFiles();
      const value = copied(files.get(from)!);
      const extra = `  files:\n    ${entry}:\n      content: ${value}\n`;
      const before = from === to
        ? files.get(to)!.replace(/ {2}files:\n(?: {4}.*\n)*/, "")
        : files.get(to)!;
      const base = to === "tags/lab.yaml" && from !== to ? "private:\n" : before;
      files.set(
        to,
        base.includes("private:")
          ? base.replace("private:\n", `private:\n${extra}`)
          : `${base}private:\n${extra}`,
      );
      if (!marked) {
        files.set("global.yaml", files.get("global.yaml")!.replace("secrets: bound\n", ""));
      }
      const load = () => loadFleet(hostWith(files), "nodes", { identities });
      const error = await assertRejects(load, UserError);
      const owner = from === "global.yaml"
        ? "global"
        : from === "alpha.yaml"
        ? "nodes/alpha"
        : "tags/lab";
      assertStringIncludes(`${error.message} ${error.hint ?? ""}`, `belongs to ${owner} `);
      assertStringIncludes(`${error.message} ${error.hint ?? ""}`, `nodes/${to}:`);
    });
  }
}

Deno.test("a secret that says no place is read until the fleet, or the identity, says that all do", async () => {
  const legacy = content(await sealed("old\n", 8));
  const files = (await secretFiles()).set("tags/lab.yaml", legacy);
  const load = (boundOnly: boolean) =>
    loadFleet(hostWith(files), "nodes", {
      identities: () => Promise.resolve({ ...identityOf(ADMIN), boundOnly }),
    });
  const refused = "nodes/tags/lab.yaml:4:21: does not say where it belongs";
  assertStringIncludes((await assertRejects(() => load(false), UserError)).message, refused);
  files.set("global.yaml", files.get("global.yaml")!.replace("secrets: bound\n", ""));
  const [alpha] = (await load(false)).nodes;
  assertEquals(alpha!.whole.files?.["/etc/x"]?.content, "old\n");
  // Who takes the line out of the fleet's files gains nothing with an identity that psyopsOS made.
  assertStringIncludes((await assertRejects(() => load(true), UserError)).message, refused);
});

Deno.test("an item of a list belongs to the list, a secret by an alias nowhere", async () => {
  const item = await bound("tags/lab", ["hosts", "fd00::5"], "nas", 8);
  const list = `private:\n  hosts:\n    fd00::5:\n      - box\n      - ${item}\n`;
  const files = (await secretFiles()).set("tags/lab.yaml", list);
  const { nodes } = await loadFleet(hostWith(files), "nodes", { identities });
  assertEquals(nodes[0]!.whole.hosts, { "fd00::5": ["box", "nas"] });
  const name = await bound("tags/lab", ["hostname"], "box", 4);
  assertStringIncludes(
    await problem(`private:\n  hostname: &a ${name}\n  users: {ops: {comment: *a}}\n`),
    "stands here by an alias: a secret belongs to one place",
  );
});

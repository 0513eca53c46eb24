import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import {
  findOwner,
  openSecrets,
  readSecret,
  secretPlaces,
  setSecret,
} from "../../../site/secrets/secret_files.ts";
import { parseSecretName } from "../../../site/secrets/secret_path.ts";
import { ADMIN, hostWith, NEXT, OTHER, sealed, secretFiles } from "../secret_support.ts";

const identities = () => Promise.resolve([ADMIN.identity]);

/** Sets a secret in the fleet with secrets; the host, and what was done. */
async function set(owner: string, name: string, value: string, files?: Map<string, string>) {
  const host = hostWith(files ?? await secretFiles());
  const secrets = await openSecrets(host, "nodes");
  const done = await setSecret(
    host,
    secrets,
    findOwner(secrets, owner),
    parseSecretName(name),
    value,
  );
  return { host, done };
}

Deno.test("setSecret() is read by the site build as it was given, and is nowhere in plain", async () => {
  const { host, done } = await set("beta", "files./etc/k3s/token.content", "hunter2\n");
  assertEquals(done, { file: "nodes/beta.yaml", madeFile: true, wasPlain: false });
  const fleet = await loadFleet(host, "nodes", { identities });
  assertEquals(fleet.nodes[1]!.whole.files?.["/etc/k3s/token"], {
    mode: "0600",
    content: "hunter2\n",
  });
  for (const path of host.nodes.keys()) assertEquals(host.textOf(path).includes("hunter2"), false);
});

Deno.test("setSecret() leaves out the last newline only where the value must be one line", async () => {
  const { host } = await set("global", "report.url", "https://u:p@x.example/\n");
  const fleet = await loadFleet(host, "nodes", { identities });
  assertEquals(fleet.nodes[0]!.whole.report?.url, "https://u:p@x.example/");
});

Deno.test("setSecret() says that a value stood there in plain", async () => {
  const { host, done } = await set("alpha", "scripts.join.run", "echo new");
  assertEquals(done.wasPlain, true);
  assertEquals(host.textOf("nodes/alpha.yaml").includes("SECRET-of-alpha"), false);
});

Deno.test("setSecret() changes nothing but the value", async () => {
  const before = await secretFiles();
  const { host, done } = await set("lab", "files./etc/token.content", "other", before);
  assertEquals([done.madeFile, done.wasPlain], [false, false]);
  const [old, now] = [before.get("tags/lab.yaml")!, host.textOf("nodes/tags/lab.yaml")];
  const without = (text: string) => text.replace(/-----BEGIN[^]*?-----END/, "");
  assertEquals(without(now), without(old));
  assertEquals(now === old, false);
});

const REFUSED: [string, string, string, string][] = [
  ["a value that does not fit", "alpha", "users.ops.uid", "many"],
  ["a value that does not fit the rest", "beta", "hostname", "Not A Host"],
];
for (const [what, owner, name, value] of REFUSED) {
  Deno.test(`setSecret() refuses ${what}, and does not quote it`, async () => {
    const host = hostWith(await secretFiles());
    const secrets = await openSecrets(host, "nodes");
    const error = await assertRejects(
      () => setSecret(host, secrets, findOwner(secrets, owner), parseSecretName(name), value),
      UserError,
    );
    assertStringIncludes(error.message, `Cannot set ${name}: nodes/${owner}.yaml:`);
    assertEquals(error.message.includes(value), false);
    assertEquals(host.log, []);
  });
}

Deno.test("setSecret() refuses a fleet without admins", async () => {
  const files = await secretFiles();
  files.set("global.yaml", "");
  const error = await assertRejects(() => set("beta", "hostname", "x", files), UserError);
  assertStringIncludes(error.message, "nodes/global.yaml names no admins");
});

Deno.test("findOwner() finds global, nodes and tags, and asks when a name is both", async () => {
  const files = await secretFiles();
  files.set("tags/alpha.yaml", "");
  const secrets = await openSecrets(hostWith(files), "nodes");
  const find = (name: string) => {
    try {
      return findOwner(secrets, name);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(["global", "beta", "lab", "nodes/alpha", "tags/alpha"].map(find), [
    "global.yaml",
    "beta.yaml",
    "tags/lab.yaml",
    "alpha.yaml",
    "tags/alpha.yaml",
  ]);
  assertStringIncludes(find("alpha"), "it is a node and a tag; say nodes/alpha or tags/alpha");
  assertStringIncludes(find("bta"), "there is no such node or tag, did you mean beta?");
});

Deno.test("readSecret() gives encrypted and plain values", async () => {
  const secrets = await openSecrets(hostWith(await secretFiles()), "nodes");
  const read = (owner: string, name: string, keys = identities) =>
    readSecret(secrets, owner, parseSecretName(name), keys);
  assertEquals(await read("alpha.yaml", "users.ops.uid"), { text: "1234", sealed: true });
  const never = () => Promise.reject(new Error("asked"));
  assertEquals(await read("alpha.yaml", "scripts.join.run", never), {
    text: "echo SECRET-of-alpha",
    sealed: false,
  });
  assertEquals(await read("beta.yaml", "hostname", never), undefined);
  const error = await assertRejects(
    () => read("alpha.yaml", "users.ops.uid", () => Promise.resolve([OTHER.identity])),
    UserError,
  );
  assertStringIncludes(error.message, "nodes/alpha.yaml:");
});

Deno.test("secretPlaces() names each secret with its line and its recipients' state", async () => {
  const files = await secretFiles();
  const old = await sealed("x", 4, [NEXT.recipient]);
  files.set("beta.yaml", `${files.get("beta.yaml")!}private:\n  hostname: ${old}\n`);
  const places = secretPlaces(await openSecrets(hostWith(files), "nodes"));
  assertEquals(
    places.map(({ owner, name, state }) => [owner, name, state]),
    [
      ["nodes/alpha", "users.ops.uid", "current"],
      ["nodes/beta", "hostname", "other"],
      ["global", "files./etc/all.content", "current"],
      ["tags/lab", "files./etc/token.content", "current"],
    ],
  );
  assertEquals([places[1]!.file, places[1]!.line], ["nodes/beta.yaml", 3]);
});

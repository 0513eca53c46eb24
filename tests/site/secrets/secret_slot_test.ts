import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { parseSecretName } from "../../../site/secrets/secret_path.ts";
import { openSlot, readSecret, setSecret } from "../../../site/secrets/secret_slot.ts";
import { ADMIN, hostWith, identityOf, OTHER, secretFiles } from "../secret_support.ts";

const identities = () => Promise.resolve(identityOf(ADMIN));

/** Sets a secret in the fleet with secrets; the host, and what was done. */
async function set(owner: string, name: string, value: string, files?: Map<string, string>) {
  const host = hostWith(files ?? await secretFiles());
  const slot = await openSlot(host, "nodes", owner, parseSecretName(name));
  return { host, done: await setSecret(host, slot, value) };
}

Deno.test("setSecret() is read by the site build as it was given, and is nowhere in plain", async () => {
  const { host, done } = await set("beta", "files./etc/k3s/token.content", "hunter2\n");
  assertEquals(done, {
    file: "nodes/beta.yaml",
    madeFile: true,
    beganList: false,
    wasPlain: false,
  });
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

Deno.test("setSecret() begins a list and adds to it, item by item", async () => {
  const { host, done } = await set("beta", "hosts.fd00::5.0", "nas.example\n");
  assertEquals(done.beganList, true);
  const next = await openSlot(host, "nodes", "beta", parseSecretName("hosts.fd00::5.1"));
  assertEquals((await setSecret(host, next, "nas")).beganList, false);
  const fleet = await loadFleet(host, "nodes", { identities });
  assertEquals(fleet.nodes[1]!.whole.hosts, { "fd00::5": ["nas.example", "nas"] });
  const behind = parseSecretName("hosts.fd00::5.3");
  await assertRejects(
    () => openSlot(host, "nodes", "beta", behind),
    UserError,
    "private.hosts.fd00::5.3 is no item of the list: the next one to be added is 2",
  );
});

Deno.test("setSecret() lets blank lists wait, as other blanks", async () => {
  const files = await secretFiles();
  const blanks = "private:\n  hosts:\n    fd00::4:\n    fd00::5:\n";
  files.set("beta.yaml", `${files.get("beta.yaml")!.trimEnd()}\n${blanks}`);
  const { host } = await set("beta", "hosts.fd00::5.0", "nas", files);
  assertStringIncludes(
    host.textOf("nodes/beta.yaml"),
    "    fd00::4:\n    fd00::5:\n      - !age |",
  );
});

Deno.test("no place in a message is one of a text that was not written", async () => {
  // Each stands in text that is longer when it is judged than when it is read of.
  const cases: [owner: string, name: string, value: string, place: RegExp][] = [
    ["beta", "hosts.fd00::5.0", "No Host", /hosts\.fd00::5\.0 must be a host/],
    ["beta", "report.url", "no URL", /report\.url must be/],
    ["alpha", "users.ops.uid", "many", /users\.ops\.uid must be/],
  ];
  for (const [owner, name, value, rule] of cases) {
    const host = hostWith(await secretFiles());
    const slot = await openSlot(host, "nodes", owner, parseSecretName(name));
    const { message } = await assertRejects(() => setSecret(host, slot, value), UserError);
    assertMatch(message, rule);
    const [, line, column] = /nodes\/\w+\.yaml:(\d+):(\d+): /.exec(message)!;
    const text = host.textOf(`nodes/${owner}.yaml`).split("\n")[Number(line) - 1];
    assert(text !== undefined && Number(column) <= text.length, `${message}: ${text}`);
  }
  const files = await secretFiles();
  files.set(
    "beta.yaml",
    `${files.get("beta.yaml")!.trimEnd()}\nprivate:\n  hostname: a\nnots: x\n`,
  );
  const line = files.get("beta.yaml")!.split("\n").indexOf("nots: x") + 1;
  await assertRejects(
    () => set("beta", "hostname", "b", files),
    UserError,
    `nodes/beta.yaml:${line}:1: unknown key nots`,
  );
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
    const slot = await openSlot(host, "nodes", owner, parseSecretName(name));
    const error = await assertRejects(() => setSecret(host, slot, value), UserError);
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

Deno.test("readSecret() gives encrypted and plain values", async () => {
  const host = hostWith(await secretFiles());
  const read = async (owner: string, name: string, keys = identities) =>
    await readSecret(await openSlot(host, "nodes", owner, parseSecretName(name)), keys);
  assertEquals(await read("alpha", "users.ops.uid"), { text: "1234", sealed: true });
  const never = () => Promise.reject(new Error("asked"));
  assertEquals(await read("alpha", "scripts.join.run", never), {
    text: "echo SECRET-of-alpha",
    sealed: false,
  });
  assertEquals(await read("beta", "hostname", never), undefined);
  const error = await assertRejects(
    () => read("alpha", "users.ops.uid", () => Promise.resolve(identityOf(OTHER))),
    UserError,
  );
  assertStringIncludes(error.message, "nodes/alpha.yaml:");
});

const BLANKS: [what: string, source: string][] = [
  ["a blank content", '    /etc/x:\n      mode: "0600"\n      owner: ops\n      content:\n'],
  [
    "a content that is null",
    '    /etc/x:\n      mode: "0600"\n      owner: ops\n      content: ~ # soon\n',
  ],
  ["no content", '    /etc/x:\n      mode: "0600"\n      owner: ops\n'],
  ["a blank content in braces", '    /etc/x: {mode: "0600", owner: ops, content: }\n'],
  ["a content of the wrong kind", '    /etc/x: {mode: "0600", owner: ops, content: 5}\n'],
];
for (const [what, entry] of BLANKS) {
  for (const owner of ["beta", "lab", "global"]) {
    Deno.test(`setSecret() fills an entry of ${owner} with ${what}`, async () => {
      const files = await secretFiles();
      const path = owner === "lab" ? "tags/lab.yaml" : `${owner}.yaml`;
      const before = files.get(path)!;
      files.set(
        path,
        before.includes("  files:\n")
          ? before.replace("  files:\n", `  files:\n${entry}`)
          : `${before}private:\n  files:\n${entry}`,
      );
      const { host, done } = await set(owner, "files./etc/x.content", "hunter2", files);
      assertEquals(done.madeFile, false);
      const fleet = await loadFleet(host, "nodes", { identities });
      const node = fleet.nodes[owner === "beta" ? 1 : 0]!;
      const expected = { mode: "0600", owner: "ops", content: "hunter2" };
      assertEquals(node.whole.files?.["/etc/x"], expected);
    });
  }
}

Deno.test("setSecret() gives a blank entry of files the mode of a new one", async () => {
  const files = await secretFiles();
  files.set("beta.yaml", `${files.get("beta.yaml")!}private:\n  files:\n    /etc/x:\n`);
  const { host, done } = await set("beta", "files./etc/x.content", "hunter2", files);
  assertEquals(done.madeFile, true);
  const fleet = await loadFleet(host, "nodes", { identities });
  assertEquals(fleet.nodes[1]!.whole.files?.["/etc/x"]?.mode, "0600");
});

Deno.test("openSlot() tells what else is wrong before anybody types a value", async () => {
  const files = await secretFiles();
  files.set("beta.yaml", `${files.get("beta.yaml")!}config: {hostnam: x}\n`);
  const host = hostWith(files);
  const open = () => openSlot(host, "nodes", "alpha", parseSecretName("hostname"));
  const error = await assertRejects(open, UserError);
  assertStringIncludes(error.message, "nodes/beta.yaml:2:10: unknown key hostnam");
});

Deno.test("readSecret() does not show what was copied from elsewhere, so that nobody stores it there", async () => {
  const files = await secretFiles();
  const value = /-----BEGIN[^]*?-----END AGE ENCRYPTED FILE-----/.exec(files.get("alpha.yaml")!)![0]
    .replaceAll(/^ +/gm, "");
  const text = `private:\n  hostname: !age ${JSON.stringify(`${value}\n`)}\n`;
  files.set("beta.yaml", files.get("beta.yaml")! + text);
  const slot = await openSlot(hostWith(files), "nodes", "beta", parseSecretName("hostname"));
  const error = await assertRejects(() => readSecret(slot, identities), UserError);
  assertStringIncludes(error.message, "nodes/beta.yaml:3:18: belongs to nodes/alpha users.ops.uid");
});

Deno.test("setSecret() fills several blanks of one file and of two, one after the other", async () => {
  const names = [
    ["beta", "files./etc/x.content"],
    ["beta", "files./etc/y.content"],
    ["beta", "files./etc/z.content"],
    ["beta", "users.ops.uid"],
    ["beta", "report.url"],
    ["alpha", "users.ops.comment"],
  ] as const;
  const values: Record<string, string> = {
    "users.ops.uid": "1000",
    "report.url": "https://x.example/",
  };
  for (const order of [names, names.toReversed()]) {
    const files = await secretFiles();
    files.set(
      "beta.yaml",
      `${files.get("beta.yaml")!}private:
  report:
  users:
    ops:
      uid: # ours
  files:
    /etc/x: {mode: "0600", content: }
    /etc/y:
      mode: "0600"
      content: # todo
    /etc/z:
`,
    );
    files.set(
      "alpha.yaml",
      files.get("alpha.yaml")!.replace("ops: # of alpha\n", "$&      comment:\n"),
    );
    const host = hostWith(files);
    for (const [owner, name] of order) {
      const slot = await openSlot(host, "nodes", owner, parseSecretName(name));
      await setSecret(host, slot, values[name] ?? `value of ${name}`);
    }
    const fleet = await loadFleet(host, "nodes", { identities });
    const [alpha, beta] = fleet.nodes.map(({ whole }) => whole);
    assertEquals(alpha!.users?.ops?.comment, "value of users.ops.comment");
    assertEquals(beta!.users?.ops?.uid, 1000);
    assertEquals(beta!.files?.["/etc/y"], {
      mode: "0600",
      content: "value of files./etc/y.content",
    });
  }
});

Deno.test("openSlot() refuses a blank that waits for no secret", async () => {
  for (
    const text of [
      "config:\n  hostname:\n",
      "private:\n  hostnam:\n",
      "private:\n  dns:\n    servers: x\n",
    ]
  ) {
    const files = await secretFiles();
    files.set("beta.yaml", `${files.get("beta.yaml")!}${text}`);
    const open = () => openSlot(hostWith(files), "nodes", "alpha", parseSecretName("hostname"));
    await assertRejects(open, UserError, "nodes/beta.yaml:");
  }
});

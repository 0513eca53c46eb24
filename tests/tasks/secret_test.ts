import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { loadIdentities } from "../../lib/trust/age_identity.ts";
import { formatIdentityFile } from "../../lib/trust/age_keygen.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { main } from "../../tasks/secret.ts";
import { ADMIN, hostWith, NEXT, sealed, secretFiles } from "../site/secret_support.ts";
import type { FakeHost } from "../support/fake_host.ts";

interface Given {
  /** What is piped in; null for a terminal. */
  input?: string | Uint8Array | null;
  /** What is typed at the prompts, in order. */
  typed?: (string | null)[];
}

async function setUp(): Promise<FakeHost> {
  const host = hostWith(await secretFiles());
  host.put("keys/admin.age", formatIdentityFile(ADMIN), 0o600);
  return host;
}

/** Runs `deno task secret` with these words. */
async function secret(host: FakeHost, words: string, given: Given = {}) {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  const typed = [...given.typed ?? []];
  const { input = null } = given;
  const code = await main(
    words.split(" "),
    host,
    { out: add, err: add },
    () => typed.shift() ?? null,
    () => Promise.resolve(typeof input === "string" ? utf8(input) : input),
  );
  return { code, output: lines.join("\n") };
}

async function told(host: FakeHost, node: number) {
  const options = { keys: "keys", prompt: () => null };
  const fleet = await loadFleet(host, "nodes", { identities: () => loadIdentities(host, options) });
  return fleet.nodes[node]!.whole;
}

Deno.test("secret set takes standard input, shows no value, and the build reads it", async () => {
  const host = await setUp();
  const { code, output } = await secret(host, "set beta files./etc/t.content", {
    input: "hunter2\n",
  });
  assertEquals(code, EXIT.ok, output);
  assertEquals(
    output,
    'nodes/beta.yaml: files./etc/t.content is encrypted to 1 admin\n  the file is new and gets mode "0600"',
  );
  assertEquals((await told(host, 1)).files?.["/etc/t"], { mode: "0600", content: "hunter2\n" });
});

Deno.test("secret set asks without echo at a terminal", async () => {
  const host = await setUp();
  const { code, output } = await secret(host, "set lab scripts.join.run", { typed: ["hunter2"] });
  assertEquals([code, output.includes("hunter2")], [EXIT.ok, false]);
  assertEquals((await told(host, 0)).scripts?.join?.run, "echo SECRET-of-alpha");
  assertEquals(
    (await secret(host, "set lab scripts.join.run", { typed: [null] })).code,
    EXIT.failed,
  );
});

for (
  const [what, input] of [
    ["nothing", ""],
    ["what is no text", new Uint8Array([0xff, 0xfe])],
    ["what is too long", "x".repeat(1024 * 1024 + 1)],
  ] as const
) {
  Deno.test(`secret set refuses ${what}`, async () => {
    const host = await setUp();
    const { code, output } = await secret(host, "set beta hostname", { input });
    assertEquals(code, EXIT.failed, output);
    assertMatch(output, /^Cannot set hostname: /);
    assertEquals(host.log, []);
  });
}

Deno.test("secret edit hands a private file to the editor and takes it away again", async () => {
  const host = await setUp();
  host.nodes.set("/dev/shm", { ...host.nodes.get("nodes")! });
  host.variables.set("EDITOR", "ed --quiet");
  const seen: unknown[] = [];
  host.programs.set("sh", (args, options) => {
    const file = args[3]!;
    const dir = file.slice(0, file.lastIndexOf("/"));
    seen.push(args[1], host.textOf(file), host.nodes.get(file)!.mode, host.nodes.get(dir)!.mode);
    seen.push(dir.startsWith("/dev/shm/"), options.terminal);
    host.put(file, "5678\n", 0o600);
    host.put(`${file}~`, "a backup of the editor");
    return "";
  });
  const { code, output } = await secret(host, "edit alpha users.ops.uid");
  assertEquals(code, EXIT.ok, output);
  assertEquals(seen, ['ed --quiet "$1"', "1234", 0o600, 0o700, true, true]);
  assertEquals((await told(host, 0)).users?.ops?.uid, 5678);
  assertEquals([...host.nodes.keys()].filter((path) => path.includes("psyopsos-secret")), []);
  assertEquals(/1234|5678/.test(output), false);
});

Deno.test("secret edit changes nothing when the editor fails or the text is the same", async () => {
  const host = await setUp();
  const before = host.textOf("nodes/alpha.yaml");
  host.programs.set("sh", () => ({ code: 1 }));
  const failed = await secret(host, "edit alpha users.ops.uid");
  assertEquals(failed.code, EXIT.failed);
  assertStringIncludes(failed.output, "the editor ended with 1");
  host.programs.set("sh", (args) => {
    host.put(args[3]!, "1234\n", 0o600);
    return "";
  });
  assertEquals((await secret(host, "edit alpha users.ops.uid")).output, "nothing was changed");
  assertEquals(host.textOf("nodes/alpha.yaml"), before);
  assertEquals([...host.nodes.keys()].filter((path) => path.includes("psyopsos-secret")), []);
});

Deno.test("secret rekey --check needs no identity and fails while something is to be done", async () => {
  const host = await setUp();
  await host.remove("keys/admin.age");
  assertEquals((await secret(host, "rekey --check")).code, EXIT.ok);
  const global = host.textOf("nodes/global.yaml");
  host.put("nodes/global.yaml", global.replace(ADMIN.recipient, NEXT.recipient));
  const { code, output } = await secret(host, "rekey --check");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(
    output,
    "nodes/tags/lab.yaml:4  files./etc/token.content  for others: rekey",
  );
  assertStringIncludes(output, "Cannot confirm for whom 3 secrets are");
});

Deno.test("secret rekey --check fails until the fleet says that its secrets say where they belong", async () => {
  const host = await setUp();
  const global = host.textOf("nodes/global.yaml");
  host.put("nodes/global.yaml", global.replace("secrets: bound\n", ""));
  const { code, output } = await secret(host, "rekey --check");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, 'nodes/global.yaml does not say "secrets: bound"');
  assertEquals((await secret(host, "rekey")).code, EXIT.ok);
  assertEquals(host.textOf("nodes/global.yaml"), global);
  assertEquals((await secret(host, "rekey --check")).code, EXIT.ok);
  assertEquals((await secret(host, "rekey --check --bind-here")).code, EXIT.usage);
});

Deno.test("secret rekey --check with an identity tells what does not belong where it stands", async () => {
  const host = await setUp();
  const lab = host.textOf("nodes/tags/lab.yaml");
  host.put("nodes/tags/other.yaml", lab);
  host.put(
    "nodes/beta.yaml",
    `${host.textOf("nodes/beta.yaml")}private:\n  hostname: ${await sealed("b", 4)}\n`,
  );
  const { code, output } = await secret(host, "rekey --check --identity keys/admin.age");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "  files./etc/token.content  belongs to tags/lab ");
  assertStringIncludes(output, "  hostname  does not say where it belongs");
  assertStringIncludes(output, "--bind-here");
  assertStringIncludes(output, "Cannot confirm for whom 2 secrets are");
  const json = await secret(host, "rekey --check --json --identity keys/admin.age");
  assertStringIncludes(json.output, '"problem": "belongs to tags/lab');
  assertStringIncludes((await secret(host, "rekey --check")).output, "--identity FILE");
  assertEquals((await secret(host, "rekey --bind-here")).code, EXIT.ok);
  const after = await secret(host, "rekey --check --identity keys/admin.age");
  assertEquals(after.code, EXIT.ok, after.output);
});

Deno.test("secret rekey tells what the dropped admin could read", async () => {
  const host = await setUp();
  const global = host.textOf("nodes/global.yaml");
  host.put("nodes/global.yaml", global.replace(ADMIN.recipient, NEXT.recipient));
  host.put("/both", formatIdentityFile(ADMIN) + formatIdentityFile(NEXT), 0o600);
  const { code, output } = await secret(host, "rekey --identity /both");
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(
    output,
    "3 secrets, 3 encrypted anew in 3 files\nproven: each is for the admins (1)",
  );
  assertStringIncludes(output, "1 recipients are dropped");
  assertStringIncludes(output, "nodes/global.yaml:9  files./etc/all.content");
  assertEquals(/MARK|AGE-SECRET/.test(output), false);
  const again = await secret(host, "rekey --json --identity /both");
  assertEquals(JSON.parse(again.output), { total: 3, changed: [], files: [], dropped: [] });
});

Deno.test("secret show-names names secrets and never shows them", async () => {
  const host = await setUp();
  const { output } = await secret(host, "show-names");
  assertEquals(output.split("\n").map((line) => line.trim().split("  ")[1]), [
    "users.ops.uid",
    "files./etc/all.content",
    "files./etc/token.content",
  ]);
  const rows = JSON.parse((await secret(host, "show-names --json")).output);
  assertEquals(rows[0].owner, "nodes/alpha");
  assertEquals(JSON.stringify(rows).includes("BEGIN AGE"), false);
});

Deno.test("secret init makes an identity and lists it; another one joins it", async () => {
  const host = hostWith(new Map([["global.yaml", "# ours\nconfig: {} # c"]]));
  const first = await secret(host, "init --no-passphrase");
  assertEquals(first.code, EXIT.ok, first.output);
  assertEquals((await host.stat("keys/admin.age"))?.mode, 0o600);
  assertMatch(
    host.textOf("nodes/global.yaml"),
    /^# ours\nconfig: {} # c\n# Secrets.*\nadmins:\n {2}- age1[a-z0-9]{58}\n# Each.*\nsecrets: bound\n$/,
  );
  assertEquals(first.output.includes("AGE-SECRET"), false);
  assertStringIncludes((await secret(host, "init")).output, "keys/admin.age exists");
  const words = "init --keys other --no-passphrase";
  assertStringIncludes(
    (await secret(host, words)).output,
    "another admin runs deno task secret rekey",
  );
  const fleet = await loadFleet(host, "nodes");
  assertEquals(fleet.admins.length, 2);
  assertStringIncludes(host.textOf("nodes/global.yaml"), "# ours\nconfig: {} # c\n");
  const mixed = await secret(host, "init --keys third --no-passphrase --post-quantum");
  assertStringIncludes(mixed.output, "both kinds can't be mixed");
});

Deno.test("secret init protects the identity with a passphrase that is typed twice", async () => {
  const host = hostWith(new Map());
  host.nodes.set("nodes", { ...host.nodes.get("/")! });
  const differ = await secret(host, "init", { typed: ["one", "two"] });
  assertStringIncludes(differ.output, "the two entries differ");
  const { code, output } = await secret(host, "init", { typed: ["horse", "horse"] });
  assertEquals(code, EXIT.ok, output);
  assertMatch(host.textOf("keys/admin.age"), /^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  const prompt = () => "horse";
  assertEquals((await loadIdentities(host, { keys: "keys", prompt })).keys.length, 1);
});

Deno.test("a post-quantum admin sets and reads secrets", async () => {
  const host = hostWith(new Map([["n.yaml", `recipient: ${NEXT.recipient}\n`]]));
  assertEquals((await secret(host, "init --post-quantum --no-passphrase")).code, EXIT.ok);
  assertEquals((await secret(host, "set n hostname", { input: "hush\n" })).code, EXIT.ok);
  assertEquals((await told(host, 0)).hostname, "hush");
  assertEquals((await secret(host, "rekey --all")).code, EXIT.ok);
  assertEquals((await told(host, 0)).hostname, "hush");
});

for (
  const words of [
    "",
    "sett a b",
    "set beta",
    "set beta hostname hunter2",
    "set beta hostnam",
    "rekey now",
    "show-names --jsn",
  ]
) {
  Deno.test(`secret ${words} is not understood`, async () => {
    const { code, output } = await secret(await setUp(), words, { input: "x" });
    assertEquals(code, EXIT.usage, output);
    assertEquals(output.includes("hunter2"), false);
  });
}

Deno.test("deno task secret edit may do what it needs to", async () => {
  const host = new DenoHost();
  const dir = await Deno.makeTempDir();
  try {
    await host.mkdir(`${dir}/nodes`);
    await host.writeFile(`${dir}/nodes/global.yaml`, `admins: [${ADMIN.recipient}]\n`);
    const words = ["edit", "global", "hostname", "--nodes", `${dir}/nodes`];
    const { code } = await host.run([Deno.execPath(), "task", "-q", "secret", ...words], {
      env: { EDITOR: "echo hush >", XDG_RUNTIME_DIR: "" },
      timeoutMs: 60_000,
    });
    assertEquals(code, EXIT.ok);
    assertStringIncludes(await host.readTextFile(`${dir}/nodes/global.yaml`), "hostname: !age |");
  } finally {
    await host.remove(dir);
  }
});

Deno.test("secret edit leaves no file behind, whoever ends it", async () => {
  const host = new DenoHost();
  const dir = await Deno.makeTempDir();
  const left = async () =>
    (await host.readDir("/dev/shm")).filter((name) => name.startsWith("psyopsos-secret-"));
  const before = await left();
  try {
    await host.mkdir(`${dir}/nodes`);
    await host.writeFile(`${dir}/admin.age`, formatIdentityFile(ADMIN), { mode: 0o600 });
    await host.writeFile(`${dir}/nodes/global.yaml`, `admins: [${ADMIN.recipient}]\n`);
    const value = await sealed("hunter2", 4);
    await host.writeFile(
      `${dir}/nodes/n.yaml`,
      `recipient: ${NEXT.recipient}\nprivate:\n  hostname: ${value}\n`,
    );
    // The editor ends its parent's parent: the task, as a closed terminal would.
    const editor = `${dir}/editor`;
    await host.writeFile(
      editor,
      `#!/bin/sh\ncat "$1" > ${dir}/seen\nkill -HUP "$TASK"\nsleep 5\n`,
      {
        mode: 0o755,
      },
    );
    const command = [
      `exec env XDG_RUNTIME_DIR= TASK=$$ EDITOR=${editor} '${Deno.execPath()}' run -q -A tasks/secret.ts edit n hostname`,
      `--nodes ${dir}/nodes --identity ${dir}/admin.age`,
    ].join(" ");
    const { code } = await host.run(["sh", "-c", command], { timeoutMs: 60_000 });
    assertEquals(code, EXIT.interrupted);
    assertEquals(await host.readTextFile(`${dir}/seen`), "hunter2");
    assertEquals(await left(), before);
  } finally {
    await host.remove(dir);
  }
});

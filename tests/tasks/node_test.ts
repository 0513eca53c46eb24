import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { formatIdentityFile } from "../../lib/trust/age_keygen.ts";
import { main } from "../../tasks/node.ts";
import { ADMIN, secretFiles } from "../site/secret_support.ts";
import { RECIPIENTS } from "../site/support.ts";
import { putDevice } from "../support/fake_device.ts";
import { FakeHost } from "../support/fake_host.ts";

const STICK = {
  name: "sdb",
  type: "disk",
  size: 15_500_000_000,
  ro: false,
  rm: true,
  hotplug: true,
  model: "DataTraveler",
  mountpoints: [null] as (string | null)[],
};

async function setUp(device: Record<string, unknown> = STICK): Promise<FakeHost> {
  const host = new FakeHost({ "nodes/tags/lab.yaml": "" });
  await initKeys(host, "keys", { issued: "2026-11-22T20:00:00Z" });
  putDevice(host, "/dev/sdb", device);
  for (const tool of ["mke2fs", "debugfs", "wipefs", "dd", "blockdev", "cmp"]) {
    host.programs.set(tool, () => "");
  }
  return host;
}

/** A host with the fleet with secrets, keys and the admin's identity. */
async function setUpFleet(): Promise<FakeHost> {
  const host = await setUp();
  for (const [path, source] of await secretFiles()) host.put(`nodes/${path}`, source);
  host.put("keys/admin.age", formatIdentityFile(ADMIN), 0o600);
  return host;
}

/** Runs `deno task node` with these words; `answer` is typed at the question. */
async function node(host: FakeHost, words: string, answer: string | null = null) {
  const lines: string[] = [];
  const questions: string[] = [];
  const add = (line: string) => void lines.push(line);
  const ask = (question: string) => {
    questions.push(question);
    return answer;
  };
  const code = await main(words.split(" "), host, { out: add, err: add }, ask);
  return { code, output: lines.join("\n"), questions };
}

const NEW = "new alpha --site https://fleet.example.net --tag lab";

Deno.test("node new makes a node file and a drive and shows the public side", async () => {
  const host = await setUp();
  const { code, output } = await node(host, NEW);
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^node alpha\n/);
  assertStringIncludes(output, "nodes/alpha.yaml");
  assertStringIncludes(output, "build/nodes/alpha.img");
  assertMatch(output, /age +age1[a-z0-9]{58}\n/);
  assertMatch(output, /ssh key +SHA256:/);
  assertEquals(/SECRET|PRIVATE/.test(output), false);
  assertMatch(host.textOf("nodes/alpha.yaml"), /^tags: \[lab\]$/m);
  assertEquals((await host.stat("build/nodes/alpha.img"))?.mode, 0o600);
});

Deno.test("node new --json prints what was made", async () => {
  const { output } = await node(await setUp(), `${NEW} --json --out /x.img`);
  const made = JSON.parse(output);
  assertEquals([made.name, made.drive, made.file], ["alpha", "/x.img", "nodes/alpha.yaml"]);
});

Deno.test("node new refuses a name that is taken", async () => {
  const host = await setUp();
  await node(host, NEW);
  const { code, output } = await node(host, `${NEW} --out /other.img`);
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "Cannot make node alpha: nodes/alpha.yaml exists");
});

Deno.test("node new --write writes after the device's name was typed, and leaves no image", async () => {
  const host = await setUp();
  const { code, output, questions } = await node(host, `${NEW} --write /dev/sdb`, "/dev/sdb");
  assertEquals(code, EXIT.ok, output);
  assertEquals(questions, [
    "All on /dev/sdb (DataTraveler, 15.5 GB) will be lost. Type /dev/sdb to go on:",
  ]);
  assertEquals(host.log.some((line) => line.startsWith("run dd ")), true);
  assertEquals(await host.stat("build/nodes/alpha.img"), undefined);
  assertMatch(output, /drive +\/dev\/sdb$/m);
});

for (const answer of [null, "", "yes", "y", "/dev/sda", "sdb"]) {
  Deno.test(`node new --write does nothing when the answer is ${JSON.stringify(answer)}`, async () => {
    const host = await setUp();
    const { code, output } = await node(host, `${NEW} --write /dev/sdb`, answer);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(output, "it was not confirmed");
    assertEquals(host.log.filter((line) => /^run (wipefs|dd|mke2fs)/.test(line)), []);
    assertEquals(await host.stat("nodes/alpha.yaml"), undefined);
  });
}

Deno.test("node new --write refuses a mounted device, even with --yes", async () => {
  for (const more of ["", " --yes"]) {
    const host = await setUp({ ...STICK, mountpoints: ["/media/stick"] });
    const { code, output, questions } = await node(
      host,
      `${NEW} --write /dev/sdb${more}`,
      "/dev/sdb",
    );
    assertEquals([code, questions], [EXIT.failed, []]);
    assertStringIncludes(output, "/dev/sdb is in use at /media/stick");
    assertEquals(await host.stat("nodes/alpha.yaml"), undefined);
  }
});

Deno.test("node new --write takes a built-in device with --yes only", async () => {
  const builtIn = { ...STICK, rm: false, hotplug: false };
  const refused = await node(await setUp(builtIn), `${NEW} --write /dev/sdb`, "/dev/sdb");
  assertEquals(refused.code, EXIT.failed);
  assertStringIncludes(refused.output, "it is not removable");
  const taken = await node(await setUp(builtIn), `${NEW} --write /dev/sdb --yes`);
  assertEquals([taken.code, taken.questions], [EXIT.ok, []]);
});

Deno.test("node new --write keeps the image and the node file when writing fails", async () => {
  const host = await setUp();
  host.programs.set("dd", () => ({ code: 1 }));
  const { code, output } = await node(host, `${NEW} --write /dev/sdb`, "/dev/sdb");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "Cannot write to /dev/sdb: writing failed");
  assertEquals((await host.stat("build/nodes/alpha.img"))?.kind, "file");
});

Deno.test("node new takes a static network", async () => {
  const host = await setUp();
  let network = "";
  host.programs.set("mke2fs", (args) => {
    network = host.textOf(`${args[args.indexOf("-d") + 1]}/network.json`);
    return "";
  });
  await node(
    host,
    `${NEW} --static 192.0.2.10/24 --gateway 192.0.2.1 --dns 192.0.2.1 --dns 192.0.2.2`,
  );
  assertEquals(JSON.parse(network), {
    address: "192.0.2.10/24",
    gateway: "192.0.2.1",
    dns: ["192.0.2.1", "192.0.2.2"],
  });
});

Deno.test("node new takes time servers", async () => {
  const host = await setUp();
  let servers = "";
  host.programs.set("mke2fs", (args) => {
    servers = host.textOf(`${args[args.indexOf("-d") + 1]}/ntp`);
    return "";
  });
  const { code, output } = await node(host, `${NEW} --ntp time.example --ntp 2001:db8::123`);
  assertEquals([code, servers], [EXIT.ok, "time.example\n2001:db8::123\n"], output);
  assertEquals((await node(host, `${NEW} --ntp http://x`)).code, EXIT.usage);
});

Deno.test("node new notes when the drive was made, and can make a post-quantum key", async () => {
  const host = await setUp();
  const { code, output } = await node(host, `${NEW} --post-quantum`);
  assertEquals(code, EXIT.ok, output);
  assertMatch(host.textOf("nodes/alpha.yaml"), /^created: "2026-11-22T20:00:00Z"$/m);
  assertMatch(host.textOf("nodes/alpha.yaml"), /^recipient: age1pq1/m);
  assertMatch(output, /age +age1pq1[a-z0-9]{17}…[a-z0-9]{12}\n/);
});

Deno.test("node list is a table, without anybody's identity", async () => {
  const host = await setUpFleet();
  await host.remove("keys/admin.age");
  await node(host, "new gamma --site https://x.example --tag lab");
  const { code, output } = await node(host, "list");
  assertEquals(code, EXIT.ok, output);
  const [head, ...rows] = output.split("\n");
  assertMatch(head!, /^NODE +TAGS +AGE KEY +DRIVE MADE$/);
  assertEquals(rows.map((row) => row.split(/ +/).length), [4, 4, 4]);
  assertEquals(rows[0], `alpha  lab   ${RECIPIENTS[0]}  -`);
  assertMatch(rows[2]!, /^gamma {2}lab {3}age1\w{58} {2}2026-11-22T20:00:00Z$/);
  const facts = JSON.parse((await node(host, "list --json")).output);
  assertEquals(facts.map((one: { name: string }) => one.name), ["alpha", "beta", "gamma"]);
});

Deno.test("node show tells facts and names of secrets, no values", async () => {
  const host = await setUpFleet();
  const { code, output } = await node(host, "show alpha");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^ {2}ssh key {5}SHA256:[A-Za-z0-9+/]{43}$/m);
  assertStringIncludes(output, "nodes/tags/lab.yaml:4  files./etc/token.content");
  assertStringIncludes(output, "scripts.join.run  (in plain)");
  assertEquals(/MARK|SECRET|BEGIN AGE|1234$/m.test(output), false);
  assertStringIncludes((await node(host, "show alpa")).output, "did you mean alpha?");
});

Deno.test("node revoke asks, removes the node and lists what it shared", async () => {
  const host = await setUpFleet();
  for (const answer of [null, "", "yes", "beta"]) {
    const { code, output } = await node(host, "revoke alpha", answer);
    assertEquals([code, output.includes("it was not confirmed")], [EXIT.failed, true]);
    assertEquals((await host.stat("nodes/alpha.yaml"))?.kind, "file");
  }
  const { code, output, questions } = await node(host, "revoke alpha", "alpha");
  assertEquals(code, EXIT.ok, output);
  assertEquals(questions, ["Node alpha will be taken out of the fleet. Type alpha to go on:"]);
  assertStringIncludes(output, "nodes/global.yaml:9  files./etc/all.content");
  assertStringIncludes(output, "nodes/tags/lab.yaml:17  scripts.plain.run  (in plain)");
  assertEquals(await host.stat("nodes/alpha.yaml"), undefined);
});

Deno.test("node revoke names the drive's image that is still there", async () => {
  const host = await setUpFleet();
  host.put("build/nodes/alpha.img", "drive");
  const { output } = await node(host, "revoke alpha --yes");
  assertStringIncludes(output, "build/nodes/alpha.img still holds its private keys: remove it");
  const other = await node(await setUpFleet(), "revoke alpha --yes");
  assertEquals(other.output.includes(".img"), false, other.output);
});

Deno.test("node revoke --rotate encrypts everything anew; without an identity nothing happens", async () => {
  const host = await setUpFleet();
  const before = host.textOf("nodes/global.yaml");
  const { code, output } = await node(host, "revoke alpha --yes --rotate");
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(output, "secrets encrypted anew: 2;");
  assertEquals(host.textOf("nodes/global.yaml") === before, false);
  const other = await setUpFleet();
  await other.remove("keys/admin.age");
  assertEquals((await node(other, "revoke alpha --yes --rotate")).code, EXIT.failed);
  assertEquals((await other.stat("nodes/alpha.yaml"))?.kind, "file");
});

Deno.test("node renew makes a new drive and revokes the old key", async () => {
  const host = await setUpFleet();
  host.put("build/nodes/alpha.img", "the old drive");
  const { code, output } = await node(host, "renew alpha --site https://x.example");
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(output, `its old key ${RECIPIENTS[0]} is revoked`);
  assertStringIncludes(output, "nodes/tags/lab.yaml:4  files./etc/token.content");
  assertEquals(host.textOf("nodes/alpha.yaml").includes(RECIPIENTS[0]), false);
  assertEquals(host.textOf("build/nodes/alpha.img").includes("old"), false);
  const written = await node(
    host,
    "renew alpha --site https://x.example --write /dev/sdb",
    "/dev/sdb",
  );
  assertMatch(written.output, /drive +\/dev\/sdb$/m);
  assertEquals(await host.stat("build/nodes/alpha.img"), undefined);
});

for (
  const words of [
    "",
    "new",
    "new a b --site http://x/",
    "old a --site http://x/",
    "new alpha",
    "new alpha --site http://x/ --gateway 192.0.2.1",
    "new alpha --sites http://x/",
    "list alpha",
    "show",
    "revoke alpha beta",
    "renew alpha",
    "remove alpha",
  ]
) {
  Deno.test(`node ${words} is not understood`, async () => {
    const { code, output } = await node(await setUp(), words);
    assertEquals(code, EXIT.usage, output);
  });
}

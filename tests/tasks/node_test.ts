import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { main } from "../../tasks/node.ts";
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
  host.put("/dev/sdb", "");
  host.nodes.get("/dev/sdb")!.kind = "block";
  host.programs.set("lsblk", () => JSON.stringify({ blockdevices: [device] }));
  for (const tool of ["mke2fs", "debugfs", "wipefs", "dd", "blockdev", "cmp"]) {
    host.programs.set(tool, () => "");
  }
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

for (
  const words of [
    "",
    "new",
    "new a b --site http://x/",
    "old a --site http://x/",
    "new alpha",
    "new alpha --site http://x/ --gateway 192.0.2.1",
    "new alpha --sites http://x/",
  ]
) {
  Deno.test(`node ${words} is not understood`, async () => {
    const { code, output } = await node(await setUp(), words);
    assertEquals(code, EXIT.usage, output);
  });
}

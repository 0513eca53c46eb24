import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DenoHost } from "../../../lib/deno_host.ts";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet, parseFleet } from "../../../site/fleet/fleet.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { fleetFiles, RECIPIENTS, SSH_KEYS } from "../support.ts";

/** Message and hint of the error that a fleet with these changes gives. */
function problemsOf(changes: Record<string, string>): string[] {
  const files = new Map([...fleetFiles(), ...Object.entries(changes)]);
  const error = assertThrows(() => parseFleet(files), UserError);
  return [error.message, ...(error.hint ?? "").split("\n").map((line) => line.trim())]
    .filter((line) => line !== "");
}

Deno.test("parseFleet() reads nodes in the order of their names", () => {
  const fleet = parseFleet(fleetFiles());
  assertEquals(fleet.nodes.map((node) => node.name), ["alpha", "beta"]);
  assertEquals(fleet.nodes[0]!.tags, ["lab"]);
  assertEquals(fleet.nodes[1]!.sshHostKey, undefined);
  assertEquals(fleet.tags, ["lab"]);
});

Deno.test("parseFleet() takes a fleet without global.yaml and tags", () => {
  const fleet = parseFleet(new Map([["a.yaml", `recipient: ${RECIPIENTS[0]}\n`]]));
  assertEquals(fleet.nodes[0]!.public, {});
});

Deno.test("layers are laid over each other: global, tags as listed, node; config under private", () => {
  const files = new Map([
    ["global.yaml", "config: {hostname: global}\nprivate: {hostname: global-private}\n"],
    ["tags/one.yaml", "config: {hostname: one}\nprivate: {hostname: one-private}\n"],
    ["tags/two.yaml", "config: {hostname: two}\n"],
  ]);
  const hostNames = (node: string) => {
    const fleet = parseFleet(
      new Map([...files, ["n.yaml", `recipient: ${RECIPIENTS[0]}\n${node}`]]),
    );
    const [found] = fleet.nodes;
    return [found!.public.hostname, found!.whole.hostname];
  };
  assertEquals(hostNames(""), ["global", "global-private"]);
  assertEquals(hostNames("tags: [one]\n"), ["one", "one-private"]);
  assertEquals(hostNames("tags: [one, two]\n"), ["two", "two"]);
  assertEquals(hostNames("tags: [two, one]\n"), ["one", "one-private"]);
  assertEquals(hostNames("tags: [one]\nconfig: {hostname: node}\n"), ["node", "node"]);
  assertEquals(
    hostNames("tags: [one]\nconfig: {hostname: node}\nprivate: {hostname: secret}\n"),
    ["node", "secret"],
  );
});

Deno.test("a node's public configuration holds nothing of a private part", () => {
  const fleet = parseFleet(fleetFiles());
  for (const node of fleet.nodes) {
    assertEquals(JSON.stringify(node.public).includes("SECRET"), false);
  }
  const whole = JSON.stringify(fleet.nodes[0]!.whole);
  assertEquals([whole.includes("SECRET-of-lab"), whole.includes("SECRET-of-alpha")], [true, true]);
  assertEquals(JSON.stringify(fleet.nodes[1]!.whole).includes("SECRET"), false);
});

Deno.test("parseFleet() names an unknown tag with its place and the nearest one", () => {
  assertEquals(problemsOf({ "beta.yaml": `recipient: ${RECIPIENTS[1]}\ntags:\n  - lba\n` }), [
    "Cannot read the fleet: nodes/beta.yaml:3:5: unknown tag lba, did you mean lab? " +
    "(a tag is a file nodes/tags/lba.yaml)",
  ]);
});

Deno.test("parseFleet() refuses a recipient that is mistyped, missing or somebody else's", () => {
  const typo = RECIPIENTS[1].replace("age1z", "age1y");
  assertEquals(problemsOf({ "beta.yaml": `recipient: ${typo}\n` }), [
    "Cannot read the fleet: nodes/beta.yaml:1:12: recipient must be an age recipient: its checksum is wrong",
  ]);
  assertEquals(problemsOf({ "beta.yaml": "tags: []\n" }), [
    "Cannot read the fleet: nodes/beta.yaml:1:1: recipient is missing",
  ]);
  assertEquals(problemsOf({ "beta.yaml": `recipient: ${RECIPIENTS[0]}\n` }), [
    "Cannot read the fleet: nodes/beta.yaml:1:12: recipient is that of node alpha",
  ]);
});

Deno.test("parseFleet() refuses the same SSH host key twice, whatever its comment", () => {
  const other = SSH_KEYS[0].replace(/ a$/, " other");
  assertEquals(problemsOf({ "beta.yaml": `recipient: ${RECIPIENTS[1]}\nsshHostKey: ${other}\n` }), [
    "Cannot read the fleet: nodes/beta.yaml:2:13: sshHostKey is that of node alpha",
  ]);
});

Deno.test("parseFleet() tells the problems of all files at once", () => {
  assertEquals(
    problemsOf({
      "global.yaml": "confg: {}\n",
      "beta.yaml": "recipient: x\n",
      "Gamma.yaml": `recipient: ${RECIPIENTS[1]}\n`,
      "tags/a b.yaml": "",
    }),
    [
      "Cannot read the fleet: nodes/global.yaml:1:1: unknown key confg, did you mean config?",
      "nodes/Gamma.yaml:1:1: not a valid node name",
      "nodes/beta.yaml:1:12: recipient must be an age recipient (age1… of 62 characters, or age1pq1… of 1959)",
      "nodes/tags/a b.yaml:1:1: not a valid tag name",
    ],
  );
});

Deno.test("parseFleet() checks what layers are together", () => {
  assertEquals(
    problemsOf({
      "global.yaml": "private: {users: {ops: {uid: 1000}}}\n",
      "beta.yaml": `recipient: ${RECIPIENTS[1]}\nconfig: {users: {eve: {uid: 1000}}}\n`,
    }),
    ["Cannot read the fleet: nodes/beta.yaml:2:23: once merged for beta, users ops and eve both get the uid 1000: pin one (users.<name>.uid)"],
  );
});

Deno.test("loadFleet() reads a directory and says what to do when there is none", async () => {
  const host = new FakeHost({ "/f/nodes/README.md": "x", "/f/nodes/.hidden.yaml": "x" });
  for (const [path, source] of fleetFiles()) host.put(`/f/nodes/${path}`, source);
  assertEquals(await loadFleet(host, "/f/nodes"), parseFleet(fleetFiles(), "/f/nodes"));
  const missing = await assertRejects(() => loadFleet(host, "/f/none"), UserError);
  assertEquals(missing.message, "Cannot read the fleet: there is no directory /f/none");
  host.put("/f/nodes/gamma.yml", "");
  await assertRejects(() => loadFleet(host, "/f/nodes"), UserError, "its name must end in .yaml");
});

Deno.test("the example fleet of the repository can be read", async () => {
  const fleet = await loadFleet(new DenoHost(), "nodes");
  assertEquals(fleet.nodes.map((node) => node.name), ["millennium", "orchid"]);
});

import { assert, assertEquals } from "@std/assert";
import { doas } from "../../../agent/resources/doas.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { DoasFake } from "./doas_fake.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

function host(): FakeHost {
  const host = new FakeHost(ROOT_FILES);
  new DoasFake(host);
  return host;
}
const { apply: act, observe } = applier("doas", doas);
const HASH = `$6$saltsalt$${"h".repeat(86)}`;
const FILE = "/etc/doas.conf";

askQuestions("doas", {
  resource: doas,
  host,
  cases: [
    {
      title: "lets wheel become root where nothing is said",
      config: {},
      steps: ["set the rules of doas"],
      check: async (node) => {
        assertEquals(node.textOf(FILE), "permit nopass :wheel\n");
        const info = await node.stat(FILE);
        assertEquals([info?.mode, info?.uid, info?.gid], [0o400, 0, 0]);
        assertEquals(await node.stat("/run/psyopsos/doas.conf"), undefined);
      },
    },
    {
      title: "writes rules in the order of their names",
      config: {
        doas: {
          wheel: "permit persist :wheel",
          backup: "permit nopass backup as root cmd /bin/ls",
        },
      },
      steps: ["set the rules of doas"],
      check: (node) =>
        assertEquals(
          node.textOf(FILE),
          "permit nopass backup as root cmd /bin/ls\npermit persist :wheel\n",
        ),
    },
    {
      title: "goes back to what is there without being said",
      before: { doas: { wheel: "deny :wheel", b: "permit nopass b" } },
      config: {},
      steps: ["set the rules of doas"],
      check: (node) => assertEquals(node.textOf(FILE), "permit nopass :wheel\n"),
    },
  ],
});

Deno.test("doas asks for the password where a member of wheel has one, and tells so as a secret", async () => {
  const node = host();
  const config = { users: { ann: { groups: { wheel: true } as const, passwordHash: HASH } } };
  await settle(node, act, targetOf(config));
  assertEquals(node.textOf(FILE), "permit persist :wheel\n");
  assertEquals(await observe(node, targetOf(config, { shown: { users: {} } })), "private");
  await settle(node, act, targetOf({ users: { ann: { passwordHash: HASH } } }));
  assertEquals(node.textOf(FILE), "permit nopass :wheel\n");
});

Deno.test("doas keeps the rules that hold where it refuses new ones, and names the rule and not its text", async () => {
  const node = host();
  await settle(node, act, targetOf({}));
  const config = { doas: { a: "permit nopass ann", wheel: `permit nopass :wheel ${SECRET} x` } };
  for (let round = 0; round < 2; round++) {
    const { steps, troubles } = await apply(node, act, targetOf(config));
    assertEquals(steps, []);
    assertEquals(troubles.map(({ message }) => message), [
      "Cannot set the rules of doas: doas: syntax error at line 2 (the rule wheel)",
    ]);
    assertEquals(node.textOf(FILE), "permit nopass :wheel\n");
    assertEquals(await node.stat("/run/psyopsos/doas.conf"), undefined);
  }
});

Deno.test("doas puts a file right that others could write to, or that is not root's", async () => {
  const node = host();
  await settle(node, act, targetOf({}));
  await node.chmod(FILE, 0o666);
  assertEquals(await settle(node, act, targetOf({})), ["set the rules of doas"]);
  await node.chown(FILE, 1000, 0);
  assertEquals(await settle(node, act, targetOf({})), ["set the rules of doas"]);
});

Deno.test("doas is said to be missing only where rules are asked for", async () => {
  const node = new FakeHost(ROOT_FILES);
  assertEquals(await apply(node, act, targetOf({})), { steps: [], troubles: [] });
  const { troubles } = await apply(node, act, targetOf({ doas: { b: "permit nopass b" } }));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot set the rules of doas: this image lacks doas",
  ]);
  assert(await node.stat(FILE) === undefined);
});

import { assert, assertEquals } from "@std/assert";
import { groups } from "../../../agent/resources/groups.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { derivedId } from "../../../lib/config/ids.ts";
import { parseGroup } from "../../../lib/formats/accounts.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const host = () => new FakeHost(ROOT_FILES);
const { apply: act } = applier("groups", groups);

function gidsOf(node: FakeHost): Record<string, number> {
  return Object.fromEntries(
    parseGroup(node.textOf("/etc/group")).map(({ name, gid }) => [name, gid]),
  );
}

askQuestions("groups", {
  resource: groups,
  host,
  cases: [
    {
      title: "makes what is listed, what users are members of, and their own groups",
      config: {
        groups: { media: { gid: 2000 }, render: {} },
        users: { ann: { uid: 1000, groups: { wheel: true, docker: true } }, "first.last": {} },
      },
      steps: [
        "manage groups ann, docker, first.last, media, render",
        "create group ann (gid 1000)",
        `create group docker (gid ${derivedId("docker")})`,
        `create group first.last (gid ${derivedId("first.last")})`,
        "create group media (gid 2000)",
        `create group render (gid ${derivedId("render")})`,
      ],
      check: (node) =>
        assert(node.textOf("/etc/group").endsWith(`render:x:${derivedId("render")}:\n`)),
    },
    {
      title: "removes what it made and nothing names any more, and gives its number to another",
      before: { groups: { media: { gid: 2000 }, wheel: {} } },
      config: { groups: { video: { gid: 2000 } } },
      steps: ["manage groups video", "remove group media", "create group video (gid 2000)"],
      check: (node) => assertEquals(gidsOf(node), { root: 0, wheel: 10, sshd: 22, video: 2000 }),
    },
    {
      title: "lets an account's own group have a number of its own",
      config: { users: { chrony: { system: true, uid: 100, gid: 101 } } },
      steps: ["manage groups chrony", "create group chrony (gid 101)"],
    },
  ],
});

Deno.test("groups leaves the image's as they are, and says where another gid is wanted or taken", async () => {
  const node = host();
  const before = node.textOf("/etc/group");
  const config = {
    groups: { wheel: { gid: 10 }, sshd: { gid: 23 }, media: { gid: 22 } },
    users: { root: {} },
  };
  const { steps, troubles } = await apply(node, act, targetOf(config));
  assertEquals(steps, []);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot give group sshd the gid 23: it is there with gid 22",
    "Cannot create group media: gid 22 is sshd's",
  ]);
  assertEquals(node.textOf("/etc/group"), before);
});

Deno.test("groups keeps a group that is some account's own as long as the account is there", async () => {
  const node = host();
  await settle(node, act, targetOf({ users: { ann: { uid: 1000 } } }));
  node.put("/etc/passwd", `${node.textOf("/etc/passwd")}ann:x:1000:1000::/home/ann:/bin/sh\n`);
  assertEquals(await settle(node, act, targetOf({})), []);
  node.put("/etc/passwd", ROOT_FILES["/etc/passwd"]!);
  assertEquals(await settle(node, act, targetOf({})), ["remove group ann"]);
});

Deno.test("groups are the same wherever an agent was killed while it made them", async () => {
  const target = targetOf({ groups: { media: { gid: 2000 }, render: {} } });
  const whole = host();
  await settle(whole, act, target);
  const wanted = { media: { gid: 2000, pinned: true, own: false } };
  for (let done = 0; done <= 2; done++) {
    const node = host();
    const steps = groups.plan(wanted, await groups.read(node, wanted, target));
    for (const step of steps.slice(0, done)) await groups.apply(step, node, target);
    await settle(node, act, target);
    assertEquals(gidsOf(node), gidsOf(whole), `after ${done} steps`);
    assertEquals(await settle(node, act, targetOf({})), [
      "remove group media",
      "remove group render",
    ]);
  }
});

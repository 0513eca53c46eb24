/** What the verbs that only look find out, and that they leave a node as it is. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { exitOf, plan, verify } from "../../../agent/course/look.ts";
import { main } from "../../../agent/main.ts";
import { planText } from "../../../agent/tell.ts";
import { EXIT, RefusedError, UserError } from "../../../lib/errors.ts";
import { MOUNT } from "../identity/drive_fake.ts";
import { ALPHA, driveOf, makeSite, SECRET, World } from "../world.ts";

const { signal } = new AbortController();
const options = (verb: "plan" | "verify") => ({ verb, signal, onWait: () => {} });

/** Everything on a node but the agent's lock. */
function treeOf(world: World): unknown[] {
  return [...world.nodes].filter(([path]) =>
    !/^\/run\/psyopsos(?:\/(?:agent\.lock|identity))?$/.test(path)
  )
    .sort().map(([path, { kind, data, mode, uid, gid, target }]) => [
      ...[path, kind, new TextDecoder().decode(data), mode, uid, gid, target],
    ]);
}

Deno.test("a plan tells the steps that apply then makes, and neither changes the node nor runs what would", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  const before = treeOf(world);
  const found = await plan(world, options("plan"));
  assertEquals(treeOf(world), before);
  assertEquals([world.drive.mounted, world.hostname.name, world.sshd.running], [
    ...[false, "localhost", false],
  ]);
  assertEquals(found.problems, []);
  assertEquals(exitOf(found), EXIT.ok);
  await world.boot({ once: true });
  const made = world.status.steps;
  assertEquals(found.steps.map(({ step }) => step).filter((step) => !isEarly(step)), made);
  assert(made.some((step) => step.startsWith("create user ann")));
  const again = await plan(world, options("plan"));
  assertEquals([again.steps, again.problems], [[], []]);
  assert(planText(again).endsWith("\nnothing to change"));
});

/** What the agent does before it asks its site. */
const isEarly = (step: string) => /machine-id|hostid|set hostname/.test(step);

Deno.test("a plan shows how a public file changes, and of a secret one no more than that", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  await world.boot({ once: true });
  const alpha = ALPHA.replace("hello\\n", "hello\\nworld\\n").replace(SECRET, `${SECRET}-2`);
  world.site = await makeSite({ serial: 43, alpha });
  const text = planText(await plan(world, options("plan")));
  assert(text.includes("+++ /etc/motd\n    @@ -1,1 +1,2 @@\n     hello\n    +world"), text);
  assert(text.includes("write /etc/token (0600 ann:root)"), text);
  assert(!text.includes(SECRET.slice(0, 7)), text);
  // The same path in public: what was there stays a secret.
  const open = ALPHA.replace(/ {4}\/etc\/token.*\n/, "    /etc/y: {content: y}\n")
    .replace('/etc/motd: {content: "hello\\n"}', '/etc/token: {content: "open", mode: "0644"}');
  world.site = await makeSite({ serial: 44, alpha: open });
  world.nodes.get("/etc/token")!.mode = 0o644;
  const shown = planText(await plan(world, options("plan")));
  assert(shown.includes("write /etc/token"), shown);
  assert(!shown.includes(SECRET.slice(0, 7)), shown);
});

Deno.test("a plan goes by the last good documents where the site can't be asked, and says so", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  await world.boot({ once: true });
  world.site = undefined;
  world.put("/etc/motd", "changed");
  const found = await plan(world, options("plan"));
  assertEquals([found.source, exitOf(found)], ["last-good", EXIT.failed]);
  assertEquals(found.steps.map(({ step }) => step), ["write /etc/motd (0644 root:root)"]);
  assertEquals(world.textOf("/etc/motd"), "changed");
});

Deno.test("verify() tells what a site has and keeps nothing; what is refused is, with the exit code of that", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  const before = treeOf(world);
  const { node, serial, source } = await verify(world, options("verify"));
  assertEquals([node, serial, source], ["alpha", 42, "site"]);
  assertEquals(treeOf(world), before);
  assert(world.log.every((line) => !line.startsWith("write ")), world.log.join("\n"));
  world.site = await makeSite({ expires: "2026-11-22T19:00:00Z", issued: "2026-11-20T00:00:00Z" });
  await assertRejects(() => verify(world, options("verify")), RefusedError);
  assertEquals(await main(["verify"], world, { signal, pid: 1 }), EXIT.refused);
  const bare = new World();
  await assertRejects(() => verify(bare, options("verify")), UserError, "no identity drive");
});

Deno.test("reset runs scripts again that have run in this boot, and touches nothing else that is kept", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  await world.boot({ once: true });
  const kept = (one: World) =>
    treeOf(one).filter((entry) => {
      const [path] = entry as [string];
      // The fake drive forgets modes when it is mounted again.
      if (path.startsWith(MOUNT)) (entry as unknown[])[3] = undefined;
      return /^\/(?:etc|home|run\/psyopsos\/(?:identity|made|managed|groups))/.test(path);
    });
  const before = kept(world);
  const agent = { signal, pid: 77 };
  const run = () => world.log.filter((line) => line.startsWith("run /bin/sh")).length;
  const first = run();
  assertEquals(await main(["apply", "--json"], world, agent), EXIT.ok);
  assertEquals(run(), first);
  assertEquals(await main(["reset", "--json"], world, agent), EXIT.ok);
  assertEquals(run(), first + 1);
  assertEquals(kept(world), before);
});

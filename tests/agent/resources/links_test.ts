import { assertEquals } from "@std/assert";
import { links } from "../../../agent/resources/links.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const host = () => new FakeHost(ROOT_FILES);
const CONFIG = { links: { "/etc/app": { target: "/data/app" } } };

askQuestions("links", {
  resource: links,
  host,
  cases: [
    {
      title: "are made, with the directories above",
      config: { links: { ...CONFIG.links, "/opt/bin/app": { target: "../../data/app/bin" } } },
      steps: ["link /etc/app to /data/app", "link /opt/bin/app to ../../data/app/bin"],
      check: async (host) =>
        assertEquals(await host.readLink("/opt/bin/app"), "../../data/app/bin"),
    },
    {
      title: "that lead elsewhere are made anew",
      before: CONFIG,
      config: { links: { "/etc/app": { target: "/data/other" } } },
      steps: ["link /etc/app to /data/other"],
    },
  ],
});

Deno.test("links take no file's or directory's place, and say what is there", async () => {
  const node = host();
  node.put("/srv/file", "a file");
  node.put("/srv/full/x", "in a directory");
  await node.mkdir("/home/ann");
  await node.symlink("/etc", "/home/ann/link");
  Object.assign(node.nodes.get("/home/ann/link")!, { uid: 1000 });
  const { apply: act, observe } = applier("links", links);
  const paths = ["/srv/file", "/srv/full", "/home/ann/link/x", "/srv/ok"];
  const config = { links: Object.fromEntries(paths.map((path) => [path, { target: "/a" }])) };
  const { steps, troubles } = await apply(node, act, targetOf(config));
  assertEquals(steps, ["link /srv/ok to /a"]);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot make the link /srv/file: a file is there",
    "Cannot make the link /srv/full: a directory is there",
    "Cannot make the link /home/ann/link/x: /home/ann/link is a link that an account made",
  ]);
  assertEquals(node.textOf("/srv/file"), "a file");
  assertEquals(await observe(node, targetOf(config)), [
    { path: "/srv/file", target: "differs" },
    { path: "/srv/full", target: "differs" },
    { path: "/home/ann/link/x", target: "differs" },
    { path: "/srv/ok", target: "/a" },
  ]);
});

Deno.test("links that an account has changed tell of where they lead now no more than that", async () => {
  const node = host();
  const { apply: act, observe } = applier("links", links);
  await settle(node, act, targetOf(CONFIG));
  node.nodes.get("/etc/app")!.target = "/somewhere";
  assertEquals(await observe(node, targetOf(CONFIG)), [{ path: "/etc/app", target: "differs" }]);
  assertEquals(await settle(node, act, targetOf(CONFIG)), ["link /etc/app to /data/app"]);
});

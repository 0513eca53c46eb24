import { assert, assertEquals, assertMatch } from "@std/assert";
import { directories } from "../../../agent/resources/directories.ts";
import { files } from "../../../agent/resources/files.ts";
import { gone } from "../../../agent/resources/gone.ts";
import { links } from "../../../agent/resources/links.ts";
import { MAX_KEPT_BYTES } from "../../../agent/resources/made.ts";
import { applier, type Apply } from "../../../agent/resources/resource.ts";
import { MADE_DIR } from "../../../agent/system/paths.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, SECRET, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

/** What makes and undoes, in the order of a node. */
const MAKERS = [
  applier("directories", directories),
  applier("files", files),
  applier("links", links),
];
const act: Apply = async (host, target, applied) => {
  for (const one of [gone, ...MAKERS.map(({ apply }) => apply)]) await one(host, target, applied);
};
const NONE = targetOf({});
const wanting = (paths: Record<string, string>): NodeConfig => ({
  files: Object.fromEntries(Object.entries(paths).map(([path, content]) => [path, { content }])),
});

/** A node on which `config` was applied. */
async function nodeWith(config: NodeConfig, before: Record<string, string> = {}) {
  const node = new FakeHost({ ...ROOT_FILES, ...before });
  await settle(node, act, targetOf(config));
  return node;
}

/** Paths of what is on a node, but for the agent's own folder. */
function pathsOf(node: FakeHost): string[] {
  return [...node.nodes.keys()].filter((path) => !path.startsWith("/run/psyopsos")).sort();
}

Deno.test("a file that is no longer wanted goes, with the directories that were made for it", async () => {
  const node = await nodeWith(wanting({ "/srv/app/conf/a": "a", "/srv/app/b": "b" }));
  const steps = await settle(node, act, targetOf(wanting({ "/srv/app/b": "b" })));
  assertEquals(steps, [
    "remove /srv/app/conf/a",
    "remove the directory /srv/app/conf, which is empty",
  ]);
  assertEquals(await settle(node, act, NONE), [
    "remove /srv/app/b",
    "remove the directory /srv/app, which is empty",
    "remove the directory /srv, which is empty",
  ]);
  assertEquals(pathsOf(node), pathsOf(new FakeHost(ROOT_FILES)));
  assertEquals(await node.readDir(MADE_DIR), []);
});

Deno.test("what was there before a file comes back with mode and owner, a link as a link", async () => {
  const node = new FakeHost({ ...ROOT_FILES, "/etc/motd": "of the image" });
  Object.assign(node.nodes.get("/etc/motd")!, { mode: 0o600, uid: 22, gid: 10 });
  await node.symlink("motd", "/etc/news");
  const wanted = { "/etc/motd": "one", "/etc/news": "two" };
  await settle(node, act, targetOf(wanting(wanted)));
  // Another content does not make the first one what was there before.
  await settle(node, act, targetOf(wanting({ ...wanted, "/etc/motd": "other" })));
  assertEquals(await settle(node, act, NONE), [
    "put back what was at /etc/motd before",
    "put back what was at /etc/news before",
  ]);
  assertEquals(node.textOf("/etc/motd"), "of the image");
  const info = await node.stat("/etc/motd");
  assertEquals([info?.mode, info?.uid, info?.gid], [0o600, 22, 10]);
  assertEquals(await node.readLink("/etc/news"), "motd");
  assertEquals(await node.readDir(MADE_DIR), []);
});

Deno.test("a file that somebody has changed since is left to whoever did", async () => {
  const changes: [(node: FakeHost) => unknown, string][] = [
    [(node) => node.put("/etc/x", "by hand"), "leave /etc/x to whoever has changed it"],
    [(node) => node.chmod("/etc/x", 0o640), "leave /etc/x to whoever has changed it"],
    [(node) => node.chown("/etc/x", 22, 0), "leave /etc/x to whoever has changed it"],
    [(node) => node.remove("/etc/x"), "forget /etc/x, which is gone"],
    [
      (node) => node.nodes.get("/etc/x")!.kind = "other",
      "leave /etc/x to whoever has changed it",
    ],
  ];
  for (const [change, step] of changes) {
    const node = await nodeWith(wanting({ "/etc/x": "x" }));
    await change(node);
    const seen = [...node.nodes].filter(([path]) => path === "/etc/x");
    assertEquals(await settle(node, act, NONE), [step]);
    assertEquals([...node.nodes].filter(([path]) => path === "/etc/x"), seen);
  }
});

Deno.test("a directory stays while something is in it, and goes once nothing is", async () => {
  const node = await nodeWith(wanting({ "/srv/app/a": "a" }));
  node.put("/srv/app/data", "of an account");
  assertEquals(await settle(node, act, NONE), ["remove /srv/app/a"]);
  assertEquals(node.textOf("/srv/app/data"), "of an account");
  await node.remove("/srv/app/data");
  assertEquals((await settle(node, act, NONE)).length, 2);
  assertEquals(await node.stat("/srv"), undefined);
});

Deno.test("a directory that is no longer wanted goes with all that the agent has made in it, but not with data", async () => {
  const config = {
    directories: { "/data/app": { mode: "0700" }, "/data/app/log": {}, "/data/other": {} },
    ...wanting({ "/data/app/conf": "a" }),
    links: { "/data/app/link": { target: "conf" } },
  };
  const node = await nodeWith(config);
  node.put("/data/other/db", "of an account");
  Object.assign(node.nodes.get("/data/other")!, { mode: 0o700 });
  assertEquals(await settle(node, act, NONE), [
    "remove /data/app/conf",
    "remove /data/app/link",
    "remove the directory /data/app/log, which is empty",
    "remove the directory /data/app, which is empty",
  ]);
  assertEquals((await node.stat("/data/other"))?.mode, 0o700);
  await node.remove("/data/other/db");
  assertEquals((await settle(node, act, NONE)).length, 2);
  assertEquals(pathsOf(node), pathsOf(new FakeHost(ROOT_FILES)));
});

Deno.test("a directory that was there before gets back the mode and owner that it had", async () => {
  const node = new FakeHost({ ...ROOT_FILES, "/srv/x": "" });
  await node.chmod("/srv", 0o750);
  const config = { directories: { "/srv": { mode: "0700", owner: "sshd" } } };
  await settle(node, act, targetOf(config));
  assertEquals(await settle(node, act, NONE), ["give /srv its mode and owner back"]);
  const info = await node.stat("/srv");
  assertEquals([info?.mode, info?.uid], [0o750, 0]);
  await settle(node, act, targetOf(config));
  await node.chmod("/srv", 0o777);
  assertEquals(await settle(node, act, NONE), ["leave /srv to whoever has changed it"]);
});

Deno.test("a link that is no longer wanted goes, or leads where it led, unless somebody has changed it", async () => {
  const node = new FakeHost(ROOT_FILES);
  await node.symlink("/old", "/etc/a");
  const link = { target: "/new" };
  const config = { links: { "/etc/a": link, "/etc/b": link, "/etc/c": link } };
  await settle(node, act, targetOf(config));
  node.nodes.get("/etc/c")!.target = "/other";
  assertEquals(await settle(node, act, NONE), [
    "put back what was at /etc/a before",
    "remove /etc/b",
    "leave /etc/c to whoever has changed it",
  ]);
  assertEquals(await node.readLink("/etc/a"), "/old");
  assertEquals(await node.readLink("/etc/c"), "/other");
});

Deno.test("what was a file, a directory or a link becomes another of them in one round", async () => {
  const target = { target: "/x" };
  const forms: NodeConfig[] = [
    wanting({ "/srv/a": "a" }),
    wanting({ "/srv/a/b": "b" }),
    { directories: { "/srv/a": {} } },
    { links: { "/srv/a": target } },
    { directories: { "/srv/a/b": {} }, links: { "/srv/a/c": target } },
  ];
  for (const from of forms) {
    for (const to of forms) {
      const node = await nodeWith(from);
      await settle(node, act, targetOf(to));
      assertEquals(pathsOf(node), pathsOf(await nodeWith(to)));
    }
  }
});

Deno.test("nothing is removed behind a link that an account has made on the way", async () => {
  const node = new FakeHost({ ...ROOT_FILES, "/other/conf": "a" });
  await node.mkdir("/home/sshd");
  Object.assign(node.nodes.get("/home/sshd")!, { uid: 22 });
  const config = wanting({ "/home/sshd/app/conf": "a" });
  await settle(node, act, targetOf(config));
  await node.remove("/home/sshd/app");
  await node.symlink("/other", "/home/sshd/app");
  Object.assign(node.nodes.get("/home/sshd/app")!, { uid: 22 });
  assertEquals(await settle(node, act, NONE), [
    "leave /home/sshd/app/conf to whoever has changed it",
    "forget /home/sshd/app, which is gone",
  ]);
  assertEquals(node.textOf("/other/conf"), "a");
});

Deno.test("what was too long to be kept, or no file, is not put back: the file stays until the next boot", async () => {
  const node = new FakeHost({ ...ROOT_FILES, "/etc/long": "x".repeat(MAX_KEPT_BYTES + 1) });
  node.put("/etc/pipe", "");
  node.nodes.get("/etc/pipe")!.kind = "other";
  const config = wanting({ "/etc/long": "short", "/etc/pipe": "file" });
  await settle(node, act, targetOf(config));
  assertEquals(await settle(node, act, NONE), [
    "leave /etc/long until the next boot: what was there is not kept",
    "leave /etc/pipe until the next boot: what was there is not kept",
  ]);
  assertEquals(node.textOf("/etc/long"), "short");
});

Deno.test("no more than 16 MiB are kept of what was there before", async () => {
  const paths = Array.from({ length: 17 }, (_, i) => `/opt/${i}`);
  const before = Object.fromEntries(paths.map((path) => [path, "x".repeat(MAX_KEPT_BYTES)]));
  const node = await nodeWith(
    wanting(Object.fromEntries(paths.map((path) => [path, "y"]))),
    before,
  );
  const steps = await settle(node, act, NONE);
  assertEquals(steps.filter((step) => step.startsWith("put back")).length, 16);
});

Deno.test("what is recorded of a file is root's alone, and gives no content away", async () => {
  const secrets = { "/etc/a": SECRET, "/etc/b": "1234" };
  const node = await nodeWith(wanting(secrets));
  assertEquals((await node.stat(MADE_DIR))?.mode, 0o700);
  const texts: string[] = [];
  for (const name of await node.readDir(MADE_DIR)) {
    assertEquals((await node.stat(`${MADE_DIR}/${name}`))?.mode, 0o600);
    texts.push(node.textOf(`${MADE_DIR}/${name}`));
  }
  assertEquals(texts.length, 2);
  assertMatch(texts[0]!, /"digest": "[0-9a-f]{64}"/);
  assert(!texts.join("").includes(SECRET));
  // Another node's key gives another digest: nobody guesses a short content by the record alone.
  const other = new FakeHost(ROOT_FILES);
  const target = targetOf(wanting(secrets));
  await apply(other, act, { ...target, identity: { ...target.identity, ageKeys: ["other"] } });
  for (const name of await other.readDir(MADE_DIR)) {
    assert(!texts.includes(other.textOf(`${MADE_DIR}/${name}`)));
  }
});

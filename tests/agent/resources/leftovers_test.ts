import { assertEquals } from "@std/assert";
import { files } from "../../../agent/resources/files.ts";
import { leftovers } from "../../../agent/resources/leftovers.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const ID = crypto.randomUUID();

Deno.test("leftovers of an agent that was killed are removed where it writes, and nothing else is", async () => {
  const half = [
    `/etc/.psyopsos-${ID}/file`,
    `/etc/ssh/authorized_keys.d/.psyopsos-${ID}/file`,
    `/srv/app/.psyopsos-${ID}/file`,
    "/run/psyopsos/status.json.tmp-0123abcd",
    `/run/psyopsos/scripts/x.${ID}.pipe`,
  ];
  const kept = [
    "/etc/notes.tmp-0123abcd",
    `/srv/other/.psyopsos-${ID}/file`,
    "/run/psyopsos/status.json",
    "/run/psyopsos/scripts/x.pipe.run",
  ];
  const node = new FakeHost(ROOT_FILES);
  for (const path of [...half, ...kept]) node.put(path, "half");
  const target = targetOf({ files: { "/srv/app/conf": { content: "" } } });
  const { steps, troubles } = await apply(node, leftovers, target);
  assertEquals(troubles, []);
  assertEquals(
    steps,
    ["/run/psyopsos", "/run/psyopsos/scripts", "/etc", "/etc/ssh/authorized_keys.d", "/srv/app"]
      .map((folder) => `remove what was left half-written in ${folder}`),
  );
  for (const path of half) assertEquals(await node.stat(path), undefined, path);
  for (const path of kept) assertEquals(node.textOf(path), "half");
  assertEquals(await apply(node, leftovers, target), { steps: [], troubles: [] });
});

Deno.test("leftovers are removed where the agent wrote earlier in this boot, and in directories above", async () => {
  const node = new FakeHost(ROOT_FILES);
  const config = { files: { "/srv/app/conf/x": { content: "" } } };
  const { apply: act } = applier("files", files);
  assertEquals((await apply(node, act, targetOf(config))).troubles, []);
  const half = ["/srv", "/srv/app/conf"].map((folder) => `${folder}/.psyopsos-${ID}/file`);
  for (const path of half) node.put(path, "half");
  assertEquals((await apply(node, leftovers, targetOf({}))).steps.length, 2);
  for (const path of half) assertEquals(await node.stat(path), undefined);
});

Deno.test("leftovers are removed behind a link of root's", async () => {
  const node = new FakeHost(ROOT_FILES);
  node.put(`/data/app/.psyopsos-${ID}/file`, "half");
  await node.mkdir("/srv");
  await node.symlink("/data/app", "/srv/app");
  const target = targetOf({ files: { "/srv/app/conf": { content: "" } } });
  const { steps } = await apply(node, leftovers, target);
  assertEquals(steps, ["remove what was left half-written in /srv/app"]);
  assertEquals(await node.stat(`/data/app/.psyopsos-${ID}/file`), undefined);
});

Deno.test("leftovers are not looked for behind a link that an account made", async () => {
  const node = new FakeHost(ROOT_FILES);
  node.put(`/secret/.psyopsos-${ID}/file`, "half");
  await node.mkdir("/home/ann");
  await node.symlink("/secret", "/home/ann/conf");
  Object.assign(node.nodes.get("/home/ann/conf")!, { uid: 1000 });
  const target = targetOf({ files: { "/home/ann/conf/x": { content: "" } } });
  assertEquals(await apply(node, leftovers, target), { steps: [], troubles: [] });
  assertEquals(node.textOf(`/secret/.psyopsos-${ID}/file`), "half");
});

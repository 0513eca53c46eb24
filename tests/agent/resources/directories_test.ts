import { assertEquals } from "@std/assert";
import { directories } from "../../../agent/resources/directories.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const host = () => new FakeHost(ROOT_FILES);
const CONFIG = {
  directories: {
    "/data/app/log": { owner: "sshd" },
    "/data/app": { mode: "0750", group: "wheel" },
  },
};

askQuestions("directories", {
  resource: directories,
  host,
  cases: [
    {
      title: "are made with mode and owner, those above first",
      config: CONFIG,
      steps: ["make /data/app (0750 root:wheel)", "make /data/app/log (0755 sshd:root)"],
      check: async (host) => {
        const facts = await Promise.all(
          ["/data", "/data/app", "/data/app/log"].map((path) => host.stat(path)),
        );
        assertEquals(facts.map((info) => [info?.mode, info?.uid, info?.gid]), [
          [0o755, 0, 0],
          [0o750, 0, 10],
          [0o755, 22, 0],
        ]);
      },
    },
    {
      title: "that are there get mode and owner",
      before: CONFIG,
      config: { directories: { "/data/app": { mode: "0700" } } },
      steps: ["change /data/app (0700 root:root)"],
    },
  ],
});

Deno.test("directories are put right, and nothing in them is", async () => {
  const node = host();
  const { apply: act } = applier("directories", directories);
  await settle(node, act, targetOf(CONFIG));
  node.put("/data/app/file", "of an account", 0o600);
  Object.assign(node.nodes.get("/data/app/file")!, { uid: 22 });
  const before = await node.stat("/data/app/file");
  for (
    const spoil of [
      () => node.chmod("/data/app", 0o777),
      () => node.chown("/data/app", 22, 22),
    ]
  ) {
    await spoil();
    assertEquals(await settle(node, act, targetOf(CONFIG)), ["change /data/app (0750 root:wheel)"]);
  }
  assertEquals(await node.stat("/data/app/file"), before);
});

Deno.test("directories that can't be made fail alone, and say what is in the way", async () => {
  const node = host();
  node.put("/srv/file", "a file");
  await node.symlink("/etc", "/srv/link");
  await node.mkdir("/home/ann");
  await node.symlink("/etc", "/home/ann/link");
  Object.assign(node.nodes.get("/home/ann/link")!, { uid: 1000 });
  const { apply: act, observe } = applier("directories", directories);
  const paths = ["/srv/file", "/srv/link", "/home/ann/link/x", "/srv/nobody", "/srv/ok"];
  const config = {
    directories: {
      ...Object.fromEntries(paths.map((path) => [path, {}])),
      "/srv/nobody": { owner: "nobody" },
    },
  };
  const { steps, troubles } = await apply(node, act, targetOf(config));
  assertEquals(steps, ["make /srv/ok (0755 root:root)"]);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot make the directory /home/ann/link/x: /home/ann/link is a link that an account made",
    "Cannot make the directory /srv/file: a file is there",
    "Cannot make the directory /srv/link: a link is there",
    "Cannot make the directory /srv/nobody: there is no user nobody",
  ]);
  assertEquals(node.textOf("/srv/file"), "a file");
  assertEquals((await observe(node, targetOf(config))).map(({ path }) => path), ["/srv/ok"]);
});

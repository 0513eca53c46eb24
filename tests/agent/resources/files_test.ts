import { assertEquals } from "@std/assert";
import { files } from "../../../agent/resources/files.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const host = () => new FakeHost(ROOT_FILES);
const CONFIG = {
  files: {
    "/etc/a": { content: SECRET },
    "/srv/b/c": { content: "AQI=", encoding: "base64" as const, mode: "0600", group: "wheel" },
  },
};

askQuestions("files", {
  resource: files,
  host,
  cases: [
    {
      title: "are written with mode and owner",
      config: CONFIG,
      steps: [
        "write /etc/a (15 bytes, 0644 root:root)",
        "write /srv/b/c (2 bytes, 0600 root:wheel)",
      ],
      check: async (host) => {
        assertEquals(await host.readFile("/srv/b/c"), new Uint8Array([1, 2]));
        assertEquals((await host.stat("/srv/b/c"))?.gid, 10);
      },
    },
    {
      title: "that have changed are written anew",
      before: CONFIG,
      config: { files: { ...CONFIG.files, "/etc/a": { content: "other", mode: "0600" } } },
      steps: ["write /etc/a (5 bytes, 0600 root:root)"],
    },
    {
      title: "that are no longer listed stay",
      before: CONFIG,
      config: {},
      steps: [],
      check: (host) => assertEquals(host.textOf("/etc/a"), SECRET),
    },
  ],
});

Deno.test("files are put right in content, mode and owner", async () => {
  const node = host();
  const { apply: act } = applier("files", files);
  await settle(node, act, targetOf(CONFIG));
  const spoil: (() => Promise<void>)[] = [
    () => node.chmod("/etc/a", 0o666),
    () => node.chown("/etc/a", 22, 0),
    () => Promise.resolve(node.put("/etc/a", "secret")),
    () => node.remove("/etc/a"),
  ];
  for (const change of spoil) {
    await change();
    assertEquals((await settle(node, act, targetOf(CONFIG))).length, 1);
  }
});

Deno.test("files with an owner who is not there fail alone", async () => {
  const { apply: act } = applier("files", files);
  const config = { files: { "/a": { content: "", owner: "nobody" }, "/b": { content: "" } } };
  const { steps, troubles } = await apply(host(), act, targetOf(config));
  assertEquals(steps.length, 1);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot write /a: there is no user nobody",
  ]);
});

Deno.test("files tell of a secret one that is not as demanded no more than that", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  await settle(node, act, targetOf(CONFIG));
  node.put("/etc/a", "guessable");
  const [told] = await observe(node, targetOf(CONFIG, { shown: {} }));
  assertEquals([told?.path, told?.sha256], ["/etc/a", "differs"]);
});

Deno.test("files are not read to be told of when they are far longer than any configuration", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  const target = targetOf({ files: { "/etc/motd": { content: "hello\n" } } });
  await settle(node, act, target);
  assertEquals((await observe(node, target)).length, 1);
  const stat = node.stat.bind(node);
  node.stat = async (path) => {
    const info = await stat(path);
    return path === "/etc/motd" && info ? { ...info, size: 2 ** 40 } : info;
  };
  node.readFile = (path) => Promise.reject(new Error(`read ${path}`));
  node.readTextFile = (path) => Promise.resolve(node.textOf(path));
  assertEquals(await observe(node, target), []);
});

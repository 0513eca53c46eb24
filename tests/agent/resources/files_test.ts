import { assertEquals } from "@std/assert";
import { files } from "../../../agent/resources/files.ts";
import { applier } from "../../../agent/resources/resource.ts";
import { masked } from "../../../agent/resources/validate.ts";
import { VALIDATE_DIR } from "../../../agent/system/paths.ts";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { filesHost } from "./files_fake.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";

const host = filesHost;
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
        "write /etc/a (0644 root:root)",
        "write /srv/b/c (0600 root:wheel)",
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
      steps: ["write /etc/a (0600 root:root)"],
    },
    {
      title: "that are templates get the node's facts, once a command has accepted them",
      config: {
        files: {
          "/etc/node.conf": {
            content: `${SECRET} {{name}} {{address.eth0}} {{address6.eth0}}`,
            template: true,
            validate: "check %s",
          },
        },
      },
      steps: ["write /etc/node.conf (0644 root:root)"],
      check: (host) =>
        assertEquals(host.textOf("/etc/node.conf"), `${SECRET} alpha 192.0.2.5 2001:db8::5`),
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

Deno.test("files in an account's home get directories of the account's, elsewhere they are root's", async () => {
  const node = host();
  const { apply: act } = applier("files", files);
  await node.mkdir("/home/sshd");
  Object.assign(node.nodes.get("/home/sshd")!, { uid: 22, gid: 22, mode: 0o700 });
  const content = "";
  const paths = ["/home/sshd/.config/app/conf", "/srv/app/conf"];
  const config = { files: Object.fromEntries(paths.map((path) => [path, { content }])) };
  await settle(node, act, targetOf(config));
  for (
    const [path, id] of [["/home/sshd/.config", 22], ["/home/sshd/.config/app", 22], [
      "/srv/app",
      0,
    ]] as const
  ) {
    const info = await node.stat(path);
    assertEquals([info?.uid, info?.gid, info?.mode], [id, id, 0o755], path);
  }
});

Deno.test("files tell of a secret one that is not as demanded no more than that", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  await settle(node, act, targetOf(CONFIG));
  node.put("/etc/a", "guessable");
  const [told] = await observe(node, targetOf(CONFIG, { shown: {} }));
  assertEquals([told?.path, told?.sha256], ["/etc/a", "differs"]);
});

Deno.test("files tell of content that is not as wanted no more than that, in public ones too", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  const target = targetOf({ files: { "/etc/motd": { content: "hello\n" } } });
  await settle(node, act, target);
  assertEquals((await observe(node, target))[0]?.sha256, sha256Hex(utf8("hello\n")));
  for (const content of ["hallo\n", "far longer than it is wanted"]) {
    node.put("/etc/motd", content);
    assertEquals((await observe(node, target))[0]?.sha256, "differs");
  }
});

Deno.test("files that an account made something else of are written anew", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  const target = targetOf({ files: { "/home/ann/conf": { content: "hello\n" } } });
  await settle(node, act, target);
  const node2 = node.nodes.get("/home/ann/conf")!;
  for (const kind of ["other", "symlink"] as const) {
    node.nodes.set("/home/ann/conf", { ...node2, kind, target: "/dev/zero" });
    assertEquals(await observe(node, target), []);
    assertEquals((await settle(node, act, target)).length, 1);
    assertEquals(node.textOf("/home/ann/conf"), "hello\n");
  }
});

Deno.test("files behind a link of an account's are neither read nor written, others are", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  const content = "root:x";
  node.put("/secret/shadow", content);
  await node.mkdir("/home/ann");
  await node.symlink("/secret", "/home/ann/conf");
  Object.assign(node.nodes.get("/home/ann/conf")!, { uid: 1000 });
  const target = targetOf({
    files: { "/home/ann/conf/shadow": { content }, "/etc/motd": { content } },
  });
  const { steps, troubles } = await apply(node, act, target);
  assertEquals(steps, ["write /etc/motd (0644 root:root)"]);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot write /home/ann/conf/shadow: /home/ann/conf is a link that an account made",
  ]);
  assertEquals((await observe(node, target)).map(({ path }) => path), ["/etc/motd"]);
});

Deno.test("files whose command refuses them stay as they were, and the first line it says is told", async () => {
  const node = host();
  const { apply: act } = applier("files", files);
  const configOf = (content: string) => ({
    files: { "/etc/a b.conf": { content, validate: "check %s" }, "/etc/c": { content } },
  });
  await settle(node, act, targetOf(configOf("good")));
  const content = "bad option hunter2/x-9";
  const { steps, troubles } = await apply(node, act, targetOf(configOf(content)));
  assertEquals(steps, ["write /etc/c (0644 root:root)"]);
  assertEquals(troubles.map(({ message }) => message), [
    `Cannot write /etc/a b.conf: its validate command refuses it: /etc/a b.conf: line 1: ${content}`,
  ]);
  assertEquals(node.textOf("/etc/a b.conf"), "good");
  assertEquals(await node.stat(VALIDATE_DIR), undefined);
  const secret = await apply(node, act, targetOf(configOf(content), { shown: {} }));
  assertEquals(secret.troubles.map(({ message }) => message), [
    "Cannot write /etc/a b.conf: its validate command refuses it: /etc/a b.conf: line 1: …",
  ]);
  const missing = { files: { "/etc/d": { content: "", validate: "nothing %s" } } };
  const { troubles: others } = await apply(node, act, targetOf(missing));
  assertEquals(others.map(({ message }) => message), [
    "Cannot write /etc/d: its validate command refuses it: sh: nothing: not found",
  ]);
});

Deno.test("what a command says of a secret content is told without its words and longer runs", () => {
  const secret = "password = hunter2\ntoken: a1-b2-c3-d4\n";
  const cases = [
    ["line 3: Bad option: Hunter2", "line 3: Bad option:…"],
    ["near 'xhunter2x' (password=)", "near 'x…x' (…=)"],
    ["key a1-b2-c3-d4 is short", "key… is short"],
    ["nothing of it", "nothing of it"],
  ];
  for (const [said, told] of cases) assertEquals(masked(said!, secret), told);
});

Deno.test("files that name an address which the node has not got fail alone, and stay as they were", async () => {
  const node = host();
  const { apply: act, observe } = applier("files", files);
  const content = "{{address.eth1}}";
  node.put("/etc/a", "old");
  const target = targetOf({
    files: { "/etc/a": { content, template: true }, "/etc/b": { content } },
  });
  const { steps, troubles } = await apply(node, act, target);
  assertEquals(steps, ["write /etc/b (0644 root:root)"]);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot write /etc/a: eth1 has no IPv4 address",
  ]);
  assertEquals(node.textOf("/etc/a"), "old");
  assertEquals((await observe(node, target))[0]?.sha256, "differs");
});

Deno.test("files that ask for no address run no program", async () => {
  const node = host();
  const { apply: act } = applier("files", files);
  const config = { files: { "/etc/a": { content: "{{tags}}", template: true } } };
  await settle(node, act, targetOf(config, { tags: ["edge", "gpu"] }));
  assertEquals(node.textOf("/etc/a"), "edge,gpu");
  assertEquals(node.log.filter((line) => line.startsWith("run ")), []);
});

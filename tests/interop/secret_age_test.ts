/**
 * The Go program age is the judge of secrets in the fleet's files: it reads what `deno task secret` wrote, and what it wrote
 * is read by the site build.
 */
import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import { identityRecipient } from "../../lib/trust/age_keygen.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { openSecrets } from "../../site/secrets/secret_files.ts";
import { main } from "../../tasks/secret.ts";
import { identityOf } from "../site/secret_support.ts";
import { RECIPIENTS } from "../site/support.ts";
import { judgedTest, needTool } from "../support/tools.ts";

const host = new DenoHost();
const NAMES = ["files./etc/a.content", "scripts.go.run", "report.url"];
const VALUES = ["hunter2 with a newline\n", "#!/bin/sh\necho ü\n", "https://user:pass@x.example/"];

async function run(command: string[], stdin: string | Uint8Array = "") {
  const result = await host.run(command, { stdin, timeoutMs: 60_000 });
  return { code: result.code, out: text(result.stdout), errors: text(result.stderr) };
}

/** A fleet of one node with two admins whose keys age-keygen made. */
async function fleet(dir: string): Promise<string[]> {
  await host.mkdir(`${dir}/nodes`);
  await host.writeFile(`${dir}/nodes/n.yaml`, `recipient: ${RECIPIENTS[0]}\n`);
  const recipients: string[] = [];
  for (const name of ["one", "two", "three"]) {
    assertEquals((await run(["age-keygen", "-o", `${dir}/${name}.age`])).code, 0);
    const identity = (await host.readTextFile(`${dir}/${name}.age`)).trim().split("\n").at(-1)!;
    recipients.push(await identityRecipient(identity));
  }
  await host.writeFile(
    `${dir}/nodes/global.yaml`,
    `admins: [${recipients.slice(0, 2).join(", ")}]\n`,
  );
  return recipients;
}

async function secret(dir: string, words: string[], input = "") {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  const args = [...words, "--nodes", `${dir}/nodes`];
  const code = await main(
    args,
    host,
    { out: add, err: add },
    () => null,
    () => Promise.resolve(utf8(input)),
  );
  assertEquals(code, 0, lines.join("\n"));
}

async function armored(dir: string): Promise<Map<string, string>> {
  const { files } = (await openSecrets(host, `${dir}/nodes`)).files;
  return new Map(
    files.get("n.yaml")!.sealed.map((one) => [one.path.slice(1).join("."), one.armored]),
  );
}

/** A test that age judges. */
const ageTest = (name: string, body: (dir: string) => Promise<void>) =>
  judgedTest(name, ["age", "age-keygen"], body);

ageTest(
  "age decrypts what secret set wrote and secret rekey rewrote, for the admins only",
  async (dir) => {
    const recipients = await fleet(dir);
    for (const [i, name] of NAMES.entries()) await secret(dir, ["set", "n", name], VALUES[i]);
    const expect = async (readers: string[], strangers: string[]) => {
      const values = await armored(dir);
      assertEquals(values.size, NAMES.length);
      for (const [i, name] of NAMES.entries()) {
        for (const reader of readers) {
          // As the help of the command says it.
          const command = `age --decrypt -i ${dir}/${reader}.age | tail -n +2`;
          const { out, errors } = await run(["sh", "-c", command], values.get(name));
          assertEquals(out, VALUES[i]!, errors);
        }
        for (const stranger of strangers) {
          const { code } = await run(
            ["age", "-d", "-i", `${dir}/${stranger}.age`],
            values.get(name),
          );
          assertNotEquals(code, 0);
        }
      }
    };
    await expect(["one", "two"], ["three"]);
    const admins = `admins: [${recipients.slice(1).join(", ")}]\n`;
    await host.writeFile(`${dir}/nodes/global.yaml`, admins);
    await secret(dir, ["rekey", "--identity", `${dir}/two.age`]);
    await expect(["two", "three"], ["one"]);
  },
);

ageTest(
  "the site build reads what age encrypted, and rekey makes it say for whom it is",
  async (dir) => {
    const recipients = await fleet(dir);
    const { code, out } = await run(
      ["age", "-a", ...recipients.slice(0, 2).flatMap((one) => ["-r", one])],
      VALUES[0],
    );
    assertEquals(code, 0);
    const block = out.trimEnd().split("\n").map((line) => `        ${line}`).join("\n");
    await host.writeFile(
      `${dir}/nodes/n.yaml`,
      `recipient: ${
        RECIPIENTS[0]
      }\nprivate:\n  files:\n    /etc/a:\n      content: !age |\n${block}\n`,
    );
    const identity = (await host.readTextFile(`${dir}/two.age`)).trim().split("\n").at(-1)!;
    const read = async () => {
      const identities = () => Promise.resolve(identityOf({ identity }));
      const given = await loadFleet(host, `${dir}/nodes`, { identities });
      return given.nodes[0]!.whole.files?.["/etc/a"]?.content;
    };
    assertEquals(await read(), VALUES[0]);
    await secret(dir, ["rekey", "--identity", `${dir}/one.age`]);
    assertEquals(await read(), VALUES[0]);
    await secret(dir, ["rekey", "--check"]);
    // From now on it is refused without the line that says where it belongs, and taken with it.
    const file = await host.readTextFile(`${dir}/nodes/n.yaml`);
    const put = async (plain: string) => {
      const { out } = await run(["age", "-a", "-r", recipients[0]!], plain);
      const lines = out.trimEnd().split("\n").map((line) => `        ${line}\n`).join("");
      const changed = file.replace(/ +-----BEGIN[^]*-----\n/, lines);
      await host.writeFile(`${dir}/nodes/n.yaml`, changed);
    };
    const one = (await host.readTextFile(`${dir}/one.age`)).trim().split("\n").at(-1)!;
    const identities = () => Promise.resolve(identityOf({ identity: one }));
    await put("by hand\n");
    await assertRejects(
      () => loadFleet(host, `${dir}/nodes`, { identities }),
      UserError,
      "does not say where it belongs",
    );
    await put(
      'psyopsos-secret 1 {"owner":"nodes/n","path":["files","/etc/a","content"]}\nby hand\n',
    );
    const { nodes } = await loadFleet(host, `${dir}/nodes`, { identities });
    assertEquals(nodes[0]!.whole.files?.["/etc/a"]?.content, "by hand\n");
  },
);

Deno.test({
  name: "age opens an identity that secret init protected with a passphrase",
  ...needTool("age", "age-keygen", "script"),
  fn: async () => {
    const dir = await Deno.makeTempDir();
    try {
      await host.mkdir(`${dir}/nodes`);
      const typed = ["correct horse", "correct horse"];
      const quiet = { out: () => {}, err: () => {} };
      const args = ["init", "--nodes", `${dir}/nodes`, "--keys", dir];
      assertEquals(await main(args, host, quiet, () => typed.shift() ?? null), 0);
      // age asks at its terminal only; script gives it one.
      const command = `age -d -o ${dir}/plain ${dir}/admin.age`;
      const done = await run(["script", "-qec", command, "/dev/null"], "correct horse\n");
      assertEquals(done.code, 0, done.out);
      assertStringIncludes(await host.readTextFile(`${dir}/plain`), "AGE-SECRET-KEY-1");
    } finally {
      await host.remove(dir);
    }
  },
});

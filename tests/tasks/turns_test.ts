/** Tasks of real processes take turns: what would change a folder while another task does says who is at it, and ends. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { formatIdentityFile } from "../../lib/trust/age_keygen.ts";
import { parseHolder } from "../../lib/lock.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { ADMIN, identityOf, secretFiles } from "../site/secret_support.ts";
import { ISSUED } from "../site/support.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";

const host = new DenoHost();

async function withFleet(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await host.mkdir(`${dir}/nodes/tags`);
    for (const [path, text] of await secretFiles()) {
      await host.writeFile(`${dir}/nodes/${path}`, text);
    }
    await initKeys(host, `${dir}/keys`, { issued: ISSUED });
    await host.writeFile(`${dir}/keys/admin.age`, formatIdentityFile(ADMIN), { mode: 0o600 });
    await body(dir);
  } finally {
    await host.remove(dir);
  }
}

/** `deno task` with these words, as a process of its own. */
function task(words: string[], options: { stdin?: "piped" | "null" } = {}): Deno.ChildProcess {
  const [name, ...rest] = words;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", `tasks/${name}.ts`, ...rest],
    stdin: options.stdin ?? "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function ended(words: string[], input = ""): Promise<{ code: number; said: string }> {
  const result = await host.run(
    [Deno.execPath(), "run", "-q", "-A", `tasks/${words[0]}.ts`, ...words.slice(1)],
    { stdin: input, timeoutMs: 60_000, env: { NO_COLOR: "1" } },
  );
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: result.code, said: decode(result.stderr) + decode(result.stdout) };
}

/** Waits until the process holds the lock, as the lock's file says. */
async function isHeld(lock: string, { pid }: Deno.ChildProcess): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const text = await host.stat(lock) ? await host.readTextFile(lock) : "";
    if (parseHolder(text).pid === pid) return;
    await host.sleep(100);
  }
  throw new Error(`process ${pid} does not hold ${lock}`);
}

Deno.test("of two tasks that change the fleet's files the second says who is at it, and nothing is lost", () =>
  withFleet(async (dir) => {
    const set = ["secret", "set", "beta", "--nodes", `${dir}/nodes`];
    // It has read the files and waits for the value.
    const first = task([...set, "hostname"], { stdin: "piped" });
    await isHeld(`${dir}/nodes/.lock`, first);
    for (
      const words of [
        [...set, "scripts.a.run"],
        ["secret", "rekey", "--nodes", `${dir}/nodes`, "--keys", `${dir}/keys`],
        ["node", "revoke", "alpha", "--yes", "--nodes", `${dir}/nodes`],
      ]
    ) {
      const { code, said } = await ended(words, "echo hi");
      assertEquals(code, EXIT.failed, said);
      assertStringIncludes(
        said,
        `Cannot change ${dir}/nodes: process ${first.pid} (task secret set) has been at it since `,
      );
    }
    // Reading is no change.
    const { code, said } = await ended(["secret", "show-names", "--nodes", `${dir}/nodes`]);
    assertEquals(code, EXIT.ok, said);
    const writer = first.stdin.getWriter();
    await writer.write(utf8("box"));
    await writer.close();
    assertEquals((await first.output()).code, EXIT.ok);
    const after = await ended([...set, "scripts.a.run"], "echo hi");
    assertEquals(after.code, EXIT.ok, after.said);
    const identities = () => Promise.resolve(identityOf(ADMIN));
    const { whole } = (await loadFleet(host, `${dir}/nodes`, { identities })).nodes[1]!;
    assertEquals([whole.hostname, whole.scripts?.a?.run], ["box", "echo hi"]);
  }));

Deno.test("a task that is killed leaves no lock behind", () =>
  withFleet(async (dir) => {
    const words = ["secret", "set", "beta", "hostname", "--nodes", `${dir}/nodes`];
    const first = task(words, { stdin: "piped" });
    await isHeld(`${dir}/nodes/.lock`, first);
    first.kill("SIGKILL");
    await first.output();
    const { code, said } = await ended(words, "box");
    assertEquals(code, EXIT.ok, said);
  }));

Deno.test("of tasks that build, refresh and publish one site only one is at it", () =>
  withFleet(async (dir) => {
    const where = ["--out", `${dir}/public`, "--keys", `${dir}/keys`];
    const more = ["--nodes", `${dir}/nodes`, "--cache", `${dir}/cache`];
    const build = ["site", "build", ...where, ...more];
    const built = await ended(build);
    assertEquals(built.code, EXIT.ok, built.said);
    // A pipe for an identity, which the changed files need: the build waits for whoever writes into it.
    const pipe = `${dir}/identity`;
    assertEquals((await host.run(["mkfifo", "-m", "600", pipe])).code, 0);
    const global = `${dir}/nodes/global.yaml`;
    await host.writeFile(global, `${await host.readTextFile(global)}# changed\n`);
    const first = task([...build, "--identity", pipe]);
    try {
      await isHeld(`${dir}/public.lock`, first);
      await host.symlink("public", `${dir}/link`);
      const others: [words: string[], doing: string][] = [
        [build, "build"],
        [["site", "refresh", ...where], "refresh"],
        [
          ["publish", `file:${dir}/www`, "--from", `${dir}/public`, "--keys", `${dir}/keys`],
          "publish",
        ],
      ];
      for (const from of [`${dir}/link`, `${dir}/public/.`]) {
        const { code, said } = await ended([
          ...["publish", `file:${dir}/www`, "--from", from, "--keys", `${dir}/keys`],
        ]);
        assertEquals(code, EXIT.failed, said);
        assertMatch(said, new RegExp(`: process ${first.pid} \\(task site\\) has been`));
      }
      for (const [words, doing] of others) {
        const { code, said } = await ended(words);
        assertEquals(code, EXIT.failed, said);
        assertMatch(
          said,
          new RegExp(
            `^Cannot ${doing} ${dir}/public: process ${first.pid} \\(task site\\) has been`,
          ),
        );
      }
    } finally {
      first.kill("SIGKILL");
      await first.output();
    }
    const { code, said } = await ended([
      ...["publish", `file:${dir}/www`, "--from", `${dir}/public`, "--keys", `${dir}/keys`],
    ]);
    assertEquals(code, EXIT.ok, said);
    // The lock is no part of the site, and not in it either, when the task is run from within.
    const within = await host.run([
      ...[
        Deno.execPath(),
        "run",
        "-q",
        "-A",
        new URL("../../tasks/publish.ts", import.meta.url).href,
      ],
      ...["file:../www", "--from", ".", "--keys", "../keys", "--full"],
    ], { cwd: `${dir}/public`, timeoutMs: 60_000 });
    assertEquals(within.code, EXIT.ok);
    for (const folder of ["public", "www"]) {
      const names = await host.readDir(`${dir}/${folder}`);
      assertEquals(names.filter((name) => name.includes("lock")), [], folder);
    }
    // One that an older version left there stays where it is.
    await host.writeFile(`${dir}/public/..lock`, "");
    assertEquals(
      (await ended(["publish", `file:${dir}/www`, "--from", `${dir}/public`, "--full"])).code,
      EXIT.ok,
    );
    assertEquals((await host.readDir(`${dir}/www`)).includes("..lock"), false);
  }));

Deno.test("one lab and one image build at a time work in one folder, one task changes the keys", () =>
  withFleet(async (dir) => {
    const holder = (lock: string, command: string) => {
      const script = `import { DenoHost } from ${
        JSON.stringify(new URL("../../lib/deno_host.ts", import.meta.url).href)
      };
        await new DenoHost().lock(${JSON.stringify(lock)}, { command: ${JSON.stringify(command)} });
        setInterval(() => {}, 1000);`;
      return new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-A", `data:application/typescript,${encodeURIComponent(script)}`],
        stdout: "null",
        stderr: "null",
      }).spawn();
    };
    await host.mkdir(`${dir}/lab`);
    await host.mkdir("build/lab");
    const cases: [lock: string, by: string, words: string[], doing: string][] = [
      [
        `${dir}/lab/.lock`,
        "task lab",
        ["lab", "--work", `${dir}/lab`],
        `run the lab in ${dir}/lab`,
      ],
      [
        "build/lab/.image.lock",
        "task image",
        ["image", "--engine", "embedded", "--lab"],
        "make an image",
      ],
      [
        `${dir}/keys.lock`,
        "task keys rotate",
        ["keys", "rotate", "--keys", `${dir}/keys`],
        `change ${dir}/keys`,
      ],
    ];
    for (const [lock, by, words, doing] of cases) {
      const first = holder(lock, by);
      try {
        await isHeld(lock, first);
        const { code, said } = await ended(words);
        assertEquals(code, EXIT.failed, said);
        assertStringIncludes(
          said,
          `Cannot ${doing}: process ${first.pid} (${by}) has been at it since `,
        );
      } finally {
        first.kill("SIGKILL");
        await first.output();
      }
    }
  }));

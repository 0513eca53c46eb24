/**
 * Runs every task that handles secrets, as a person would, with secrets that are known to the test, and looks for them in
 * everything that is left: output, the site, the build cache, other files, and the arguments of every program that was run.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { fileURLToPath } from "node:url";
import { concat, text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { S3Server } from "../support/s3_server.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Tasks that are not run here, and why. */
const EXCUSED: Record<string, string> = {
  agent: "reads no secret: it packs the agent",
  bench: "makes its own keys in memory",
  completion: "reads no secret: it completes names of options",
  fuzz: "makes its own keys in memory",
  generate: "reads no secret: it describes the configuration language",
  image: "the passphrase of --sign is read as that of sign, which is run here",
  lab: "makes its own keys for one run; tests/lab boots it",
  ok: "runs the gate",
  test: "runs this",
};

/** Secrets that the test makes up; letters and digits only, so that no escaping hides them. */
const MARKS = {
  "minisign passphrase": "MARKminisignPassphrase4711",
  "age passphrase": "MARKagePassphrase4712",
  "plain private value": "MARKplainPrivateValue4713",
  "sealed value": "MARKsealedValue4714",
  "edited value": "MARKeditedValue4715",
  "shared value": "MARKsharedValue4716",
  "S3 secret key": "MARKs3SecretKey4717",
  "S3 session token": "MARKs3SessionToken4718",
  "wrong passphrase": "MARKwrongPassphrase4719",
};

/** Programs whose arguments are written down. */
const SPIED = ["mke2fs", "sh", "gpg", "lsblk", "cp", "git", "id", "apt-get", "editor-of-test"];

interface Run {
  command: string;
  code: number;
  output: string;
}

/** A folder to work in, with a shell that writes down what is run. */
class Desk {
  readonly runs: Run[] = [];
  env: Record<string, string>;

  private constructor(readonly dir: string, denoDir: string) {
    this.env = {
      PATH: `${dir}/spies:${Deno.env.get("PATH")}:/usr/sbin:/sbin`,
      HOME: `${dir}/home`,
      // With a home of its own deno would fetch all packages anew.
      DENO_DIR: denoDir,
      XDG_RUNTIME_DIR: `${dir}/runtime`,
      TMPDIR: `${dir}/tmp`,
      NO_COLOR: "1",
      PSYOPSOS_MINISIGN_PASSPHRASE: MARKS["minisign passphrase"],
      PSYOPSOS_AGE_PASSPHRASE: MARKS["age passphrase"],
      EDITOR: "editor-of-test",
      EDITED: MARKS["edited value"],
    };
  }

  static async make(): Promise<Desk> {
    const info = await host.run([Deno.execPath(), "info", "--json"]);
    const { denoDir } = JSON.parse(text(info.stdout)) as { denoDir: string };
    const desk = new Desk(await Deno.makeTempDir({ prefix: "psyopsos-secrets-" }), denoDir);
    for (const folder of ["spies", "home", "runtime", "tmp", "work", "bin"]) {
      await host.mkdir(`${desk.dir}/${folder}`);
    }
    // The desk's own editor: gets the value from the environment, as no person would need to.
    await host.writeFile(
      `${desk.dir}/bin/editor-of-test`,
      '#!/bin/sh\nprintf %s "$EDITED" >"$1"\n',
      { mode: 0o755 },
    );
    const path = `${Deno.env.get("PATH")}:/usr/sbin:/sbin:${desk.dir}/bin`;
    for (const name of SPIED) {
      const spy = [
        "#!/bin/sh",
        `printf '%s\\n' "$0 $*" >>${desk.dir}/arguments`,
        `PATH=${path} exec ${name} "$@"`,
        "",
      ];
      await host.writeFile(`${desk.dir}/spies/${name}`, spy.join("\n"), { mode: 0o755 });
    }
    return desk;
  }

  /** Runs a task; `expected` is its exit code. */
  async task(
    words: string,
    options: { stdin?: string; env?: Record<string, string>; expected?: number } = {},
  ): Promise<Run> {
    const [name = "", ...args] = words.split(" ");
    // The line of deno.json, as deno task runs it, but in a folder of the test's own.
    const command = [
      Deno.execPath(),
      "run",
      "-q",
      "--config",
      `${REPOSITORY}/deno.json`,
      "-P=build",
    ];
    const result = await host.run([...command, `${REPOSITORY}/tasks/${name}.ts`, ...args], {
      cwd: `${this.dir}/work`,
      env: { ...this.env, ...options.env },
      stdin: options.stdin ?? "",
    });
    const run = {
      command: words,
      code: result.code,
      output: text(result.stdout) + text(result.stderr),
    };
    this.runs.push(run);
    assertEquals(run.code, options.expected ?? EXIT.ok, `${words}: ${run.output}`);
    return run;
  }

  async write(path: string, content: string): Promise<void> {
    await host.mkdir(`${this.dir}/work/${path}`.replace(/\/[^/]*$/, ""));
    await host.writeFile(`${this.dir}/work/${path}`, content);
  }

  async read(path: string): Promise<string> {
    return await host.readTextFile(`${this.dir}/work/${path}`);
  }

  /** All files below the folder that were not there to begin with. */
  async files(): Promise<string[]> {
    const found: string[] = [];
    const walk = async (folder: string) => {
      for (const name of await host.readDir(`${this.dir}/${folder}`)) {
        const path = `${folder}/${name}`;
        if ((await host.stat(`${this.dir}/${path}`))?.kind === "directory") await walk(path);
        else found.push(path);
      }
    };
    for (const folder of ["home", "runtime", "tmp", "work"]) await walk(folder);
    return [...found, "arguments"];
  }

  async remove(): Promise<void> {
    await host.remove(this.dir);
  }
}

/** How a secret may look when it has slipped out: as it is, in hex, in base64 at any offset. */
function spellings(secret: string): string[] {
  const bytes = utf8(secret);
  const base64 = [0, 1, 2].map((offset) => {
    const padded = encodeBase64(concat([new Uint8Array(offset), bytes]));
    // Digits that also hold bits of what stands before or after say nothing.
    return padded.slice(offset === 0 ? 0 : 4, -4);
  });
  return [secret, encodeHex(bytes), ...base64].filter((spelling) => spelling.length >= 12);
}

/** Names of the secrets in `content`. */
function found(content: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].filter(([, secret]) =>
    spellings(secret).some((spelling) => content.includes(spelling))
  ).map(([name]) => name);
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

Deno.test("a secret is found in every spelling that is looked for", () => {
  const secrets = new Map([["it", MARKS["sealed value"]]]);
  const secret = MARKS["sealed value"];
  const spelled = [secret, encodeHex(utf8(secret))];
  for (const before of ["", "a", "ab", "abc"]) {
    spelled.push(encodeBase64(utf8(`${before}${secret}!`)));
  }
  for (const text of spelled) assertEquals(found(`x ${text} y`, secrets), ["it"], text);
  assertEquals(found("nothing of it", secrets), []);
});

Deno.test({
  name: "no task shows a secret or leaves one where it does not belong",
  ...needTool("mke2fs"),
  fn: async () => {
    const desk = await Desk.make();
    const credentials = {
      accessKey: "AKIATEST",
      secretKey: MARKS["S3 secret key"],
      sessionToken: MARKS["S3 session token"],
    };
    const server = await S3Server.start({ credentials: [credentials] });
    const s3 = {
      AWS_ACCESS_KEY_ID: credentials.accessKey,
      AWS_SECRET_ACCESS_KEY: credentials.secretKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
      AWS_REGION: server.region,
    };
    try {
      const drives = await useAll(desk, server, s3);
      const secrets = await allSecrets(desk, drives);
      await search(desk, secrets);
      const stored = [...server.contents()].map(([key, bytes]) => `${key} ${latin1(bytes)}`);
      assertEquals(found(stored.join("\n"), secrets), [], "in the bucket");
      for (const name of tasksOf(await host.readTextFile(`${REPOSITORY}/deno.json`))) {
        const ran = desk.runs.some(({ command }) =>
          command.startsWith(`${name} `) || command === name
        );
        assert(ran !== name in EXCUSED, `${name} must be run here or excused, and not both`);
      }
    } finally {
      await server.close();
      await desk.remove();
    }
  },
});

/** Uses every task in its ways, also those that fail; gives the images of drives. */
async function useAll(desk: Desk, server: S3Server, s3: Record<string, string>): Promise<string[]> {
  const { failed, refused } = EXIT;
  const wrong = { PSYOPSOS_MINISIGN_PASSPHRASE: MARKS["wrong passphrase"] };
  // One folder of encrypted keys, to see what passphrases do; they are slow, so all else has keys in the clear.
  await desk.task("keys init --keys locked");
  await desk.write("file", "to be signed\n");
  await desk.task("sign file --keys locked");
  await desk.task("sign file --keys locked --debug", { env: wrong, expected: failed });

  await desk.task("keys init --no-passphrase --own timestamp");
  await desk.task("keys show");
  await desk.task("sign file");
  await desk.task("sign verify file");
  await desk.task("secret init");

  const site = "--site http://127.0.0.1:1/";
  await desk.task(`node new alpha ${site} --tag lab`, { expected: failed });
  await desk.write(
    "nodes/tags/lab.yaml",
    `private:\n  files:\n    /etc/plain: {content: ${
      MARKS["plain private value"]
    }, mode: "0600"}\n`,
  );
  for (const name of ["alpha", "beta", "gamma"]) {
    await desk.task(`node new ${name} ${site} --tag lab`);
  }
  await desk.task("secret set alpha files./etc/token.content", { stdin: MARKS["sealed value"] });
  await desk.task("secret set lab files./etc/shared.content", { stdin: MARKS["shared value"] });
  await desk.task("secret edit alpha scripts.join.run");
  await desk.task("secret set alpha no.such.key", {
    stdin: MARKS["sealed value"],
    expected: EXIT.usage,
  });
  await desk.task("secret set alpha users.ann.uid", {
    stdin: MARKS["sealed value"],
    expected: failed,
  });
  for (
    const words of [
      "show-names",
      "show-names --json",
      "rekey --check",
      "rekey --all",
      "rekey --json",
    ]
  ) {
    await desk.task(`secret ${words}`);
  }
  await desk.task("secret rekey --all --debug", {
    env: { PSYOPSOS_AGE_PASSPHRASE: MARKS["wrong passphrase"] },
    expected: failed,
  });

  await desk.task("site");
  await desk.task("site --json");
  await desk.task("site refresh");
  await desk.task("site refresh --json");
  await desk.task("site --serial 1", { expected: failed });
  // A private value where something else is wanted, and one that is no YAML any more.
  const lab = await desk.read("nodes/tags/lab.yaml");
  const mark = MARKS["plain private value"];
  for (const bad of [`[${mark}]`, `{a: ${mark}`, `"${mark}`, `!age ${mark}`, `*${mark}`]) {
    await desk.write("nodes/tags/lab.yaml", lab.replace(/content: MARK\w+/, `content: ${bad}`));
    const { output } = await desk.task("site --debug", { expected: failed });
    assertStringIncludes(output, "nodes/tags/lab.yaml:");
  }
  await desk.write("nodes/tags/lab.yaml", lab);

  await desk.task("publish file:copy");
  await desk.task("publish file:copy --json");
  const target = `publish s3://${server.bucket}/fleet --endpoint ${server.url}`;
  await desk.task(`${target} --dry-run`, { env: s3 });
  await desk.task(`${target} --prune`, { env: s3 });
  await desk.task(`${target} --json --full`, { env: s3 });
  const strange = { ...s3, AWS_SECRET_ACCESS_KEY: MARKS["wrong passphrase"] };
  await desk.task(`${target} --debug`, { env: strange, expected: failed });
  const nowhere = `publish s3://nowhere/fleet --endpoint ${server.url} --debug`;
  await desk.task(nowhere, { env: s3, expected: failed });

  await desk.task("node list");
  await desk.task("node list --json");
  await desk.task("node show alpha");
  await desk.task("node show alpha --json");
  await desk.task("node revoke beta --rotate --yes");
  await desk.task(`node renew gamma ${site} --rotate --yes --out build/nodes/gamma-2.img`);
  await desk.task("keys rotate timestamp");
  await desk.task("keys rotate config");
  await desk.task("site");
  await desk.write("file", "changed\n");
  await desk.task("sign verify file", { expected: refused });
  const drives = (await desk.files()).filter((path) => path.endsWith(".img"));
  assert(drives.length >= 3, drives.join());
  return drives;
}

/** The test's own secrets, and those that the tasks made. */
async function allSecrets(desk: Desk, drives: readonly string[]): Promise<Map<string, string>> {
  const secrets = new Map<string, string>(Object.entries(MARKS));
  for (const path of await desk.files()) {
    if (!path.endsWith(".seckey")) continue;
    const line = (await host.readTextFile(`${desk.dir}/${path}`)).split("\n")[1]!;
    // Past the header, which all keys share: the key id, the seed, the public key.
    secrets.set(path, line.slice(90, 130));
  }
  for (const drive of drives) {
    const content = latin1(await host.readFile(`${desk.dir}/${drive}`));
    const age = /AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{40,}/.exec(content)?.[0];
    const ssh = /-----BEGIN OPENSSH PRIVATE KEY-----\n(?:[^\n]+\n){2}([^\n]+)\n/.exec(content)?.[1];
    assert(age && ssh, `${drive} holds its secrets`);
    secrets.set(`age key of ${drive}`, age);
    secrets.set(`SSH key of ${drive}`, ssh);
  }
  assert(secrets.size >= 9 + 5 + 6, [...secrets.keys()].join(", "));
  return secrets;
}

/** Where a secret may be: in the file that it was made or written into, and nowhere else. */
function mayHold(path: string, name: string): boolean {
  if (name === path) return true;
  if (name.endsWith(` of ${path}`)) return true;
  return name === "plain private value" && path === "work/nodes/tags/lab.yaml";
}

async function search(desk: Desk, secrets: ReadonlyMap<string, string>): Promise<void> {
  for (const { command, output } of desk.runs) {
    assertEquals(found(output, secrets), [], `in the output of ${command}: ${output}`);
    assertEquals(found(command, secrets), [], `in the arguments of ${command}`);
  }
  const files = await desk.files();
  for (
    const wanted of ["work/public/index.html", "work/build/site-cache/alpha.json", "arguments"]
  ) {
    assert(files.includes(wanted), `${wanted} is searched`);
  }
  const seen = new Set<string>();
  for (const path of files) {
    const content = `${path}\n${latin1(await host.readFile(`${desk.dir}/${path}`))}`;
    const held = found(content, secrets);
    assertEquals(held.filter((name) => !mayHold(path, name)), [], `in ${path}`);
    for (const name of held) seen.add(name);
    const secret = held.length > 0;
    const { mode } = (await host.stat(`${desk.dir}/${path}`))!;
    if (secret && !path.endsWith(".yaml")) {
      assertEquals(mode & 0o077, 0, `${path} is for its owner`);
    }
  }
  // What lies where it belongs must be found there, or the search proves nothing.
  const made = [...secrets.keys()].filter((name) => !(name in MARKS));
  assertEquals([...seen].sort(), [...made, "plain private value"].sort());
  const programs = (await host.readTextFile(`${desk.dir}/arguments`)).split("\n");
  for (const name of ["mke2fs", "sh"]) {
    assert(programs.some((line) => line.includes(`/spies/${name} `)), `${name} was watched`);
  }
}

function tasksOf(configuration: string): string[] {
  const { tasks } = JSON.parse(configuration) as { tasks: Record<string, unknown> };
  return Object.keys(tasks);
}

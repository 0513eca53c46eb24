/**
 * OpenSSH is the judge of key lines: `ssh-keygen -l` of lines and keys, `sshd` of options, which it reads at a login. Where we
 * differ, a table says why.
 */
import { assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { parseKeyLine } from "../../lib/schema/ssh_key_line.ts";
import { clientLines, keyLines, type MadeLine, type SampleKey } from "../support/key_lines.ts";
import { unpackSshd } from "../support/real_sshd.ts";
import { judgedTest } from "../support/tools.ts";

const host = new DenoHost();
const LINES = 4000;
const CLIENT_LINES = 300;
const SEED = 20261122;
/** Kinds of keys as `ssh-keygen -t` names them, with -b where there are several. */
const KINDS = [["ed25519"], ["rsa", "2048"], ["rsa", "1024"], ["ecdsa", "256"], ["ecdsa", "384"], [
  "ecdsa",
  "521",
]];

/** Where the judge and we do not agree, and why we stay with it. */
interface Difference {
  reason: string;
  /** Whether it is about this line. */
  applies: (line: MadeLine) => boolean;
  /** What we do. */
  we: "accept" | "refuse";
}

async function run(command: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(command, { timeoutMs: 120_000 });
  assertEquals(code, 0, `${command.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

async function samples(dir: string): Promise<SampleKey[]> {
  const keys: SampleKey[] = [];
  for (const [kind = "", bits] of KINDS) {
    const file = `${dir}/${kind}${bits ?? ""}`;
    await run(["ssh-keygen", "-q", "-N", "", "-t", kind, ...bits ? ["-b", bits] : [], "-f", file]);
    const [type = "", blob = ""] = (await host.readTextFile(`${file}.pub`)).split(" ");
    keys.push({ type, blob });
  }
  return [...keys, ...securityKeys(keys)];
}

/** Keys of security keys, which need a device to be made: the public half of others with an application's name. */
function securityKeys(keys: readonly SampleKey[]): SampleKey[] {
  const field = (bytes: Uint8Array) => [0, 0, bytes.length >> 8, bytes.length & 255, ...bytes];
  const encoded = (word: string) => new TextEncoder().encode(word);
  return ["ssh-ed25519", "ecdsa-sha2-nistp256"].map((of) => {
    const type = `sk-${of}@openssh.com`;
    const { blob } = keys.find((key) => key.type === of)!;
    const body = Uint8Array.from(atob(blob), (letter) => letter.charCodeAt(0)).slice(4 + of.length);
    const bytes = [...field(encoded(type)), ...body, ...field(encoded("ssh:"))];
    return { type, blob: btoa(String.fromCharCode(...bytes)) };
  });
}

/** Compares each line's verdicts; every difference must be in the table, and everything in the table must be seen. */
function compare(
  lines: readonly MadeLine[],
  judge: (i: number) => boolean,
  ours: (line: string) => boolean,
  differences: readonly Difference[],
): void {
  const seen = new Set<string>();
  const counts = { accepted: 0, refused: 0 };
  for (const [i, made] of lines.entries()) {
    const [theirs, we] = [judge(i), ours(made.line)];
    counts[theirs ? "accepted" : "refused"]++;
    if (theirs === we) continue;
    const found = differences.find(({ applies, we: kind }) =>
      applies(made) && (kind === "accept") === we
    );
    const problem = JSON.stringify(parseKeyLine(made.line));
    assertEquals(
      found !== undefined,
      true,
      `${JSON.stringify(made.line)}: they ${theirs}, ${problem}`,
    );
    seen.add(found!.reason);
  }
  assertEquals(differences.filter(({ reason }) => !seen.has(reason)), [], "never seen");
  // A grammar that makes only one kind of lines would prove nothing.
  assertEquals(
    Math.min(counts.accepted, counts.refused) > lines.length / 10,
    true,
    JSON.stringify(counts),
  );
}

judgedTest(
  "parseKeyLine() takes the lines and keys that ssh-keygen takes",
  ["ssh-keygen"],
  async (dir) => {
    const keys = await samples(dir);
    const lines = keyLines(keys, LINES, SEED);
    // ssh-keygen leaves out what it can't read: a known key before each line tells which.
    const [mark] = keys;
    const file = lines.map(({ line }, i) => `${mark!.type} ${mark!.blob} mark-${i}\n${line}\n`);
    await host.writeFile(`${dir}/lines`, file.join(""));
    const read = new Set<number>();
    let at = -1;
    for (const line of (await run(["ssh-keygen", "-l", "-f", `${dir}/lines`])).split("\n")) {
      const [, found] = / mark-(\d+) \(/.exec(line) ?? [];
      if (found !== undefined) at = Number(found);
      else if (line !== "") read.add(at);
    }
    const isOptions = (problem: string) => /^has (?:an|the) option /.test(problem);
    compare(lines, (i) => read.has(i), (line) => {
      const parsed = parseKeyLine(line);
      return !("problem" in parsed) || isOptions(parsed.problem);
    }, [
      {
        reason: "sshd skips all blanks behind the options, ssh-keygen one",
        applies: ({ line, options }) => options !== "" && /[ \t]{2}/.test(line),
        we: "accept",
      },
      {
        reason:
          "rsa-sha2-512 is a kind of signature; OpenSSH 9 takes it for ssh-rsa, no agent does",
        applies: ({ line }) => line.includes("rsa-sha2-512"),
        we: "refuse",
      },
    ]);
  },
);

judgedTest(
  "parseKeyLine() takes the options that sshd takes",
  ["ssh-keygen", "ssh", "apt-get", "dpkg-deb", "setpriv"],
  async (dir) => {
    const [key] = await samples(dir);
    const lines = [
      ...keyLines([key!], LINES, SEED + 1),
      ...clientLines(key!, CLIENT_LINES, SEED + 2),
    ];
    const verdicts = await askSshd(dir, lines.map(({ line }) => line));
    const clients = [...new Set(lines.flatMap(({ options }) => valuesOf(options, "from")))];
    const asked = await askClients(dir, clients);
    const isTaken = (i: number) =>
      verdicts[i]! && valuesOf(lines[i]!.options, "from").every((value) => asked.has(value));
    compare(lines, isTaken, (line) => !("problem" in parseKeyLine(line)), [
      {
        reason: "agents of version 0.2 refuse tabs, so inside an option there can be none",
        applies: ({ options }) => options.includes("\t"),
        we: "refuse",
      },
      {
        reason: "what a port is called is up to the node's /etc/services",
        applies: ({ options }) => /ssh"/.test(options),
        we: "refuse",
      },
      {
        reason:
          "sshd takes clients that match nobody: blanks, prefixes, ports and numbers that are none",
        applies: ({ options }) =>
          valuesOf(options, "from").flatMap((value) => value.split(",")).some((client) =>
            /[ !"/]/.test(client.slice(1)) || client === " " || client.startsWith("/") ||
            /^!?[\d.:]*$|[^\d.]:|\]$/.test(client)
          ),
        we: "refuse",
      },
      {
        reason: "sshd takes a list that only says from where not, which matches nobody",
        applies: ({ options }) => valuesOf(options, "from").some((value) => /^!/.test(value)),
        we: "refuse",
      },
      {
        reason: "sshd takes a list of principals that names nobody",
        applies: ({ options }) => valuesOf(options, "principals").includes(""),
        we: "refuse",
      },
      {
        reason: "a number is digits: sshd also takes a sign and blanks before them",
        applies: ({ options }) => /"[^"]*[+ ]\d+"/.test(options),
        we: "refuse",
      },
    ]);
  },
);

/** The values of an option in options that sshd can read. */
function valuesOf(options: string, wanted: string): string[] {
  const each = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?,*/gy;
  return [...options.trim().matchAll(each)].flatMap(([, name = "", value]) =>
    name.toLowerCase() === wanted && value !== undefined ? [value.replaceAll('\\"', '"')] : []
  );
}

/**
 * Those lists of clients that sshd can match with an address at all. In its settings it says so before anybody logs in, by
 * the very function that judges `from`.
 */
async function askClients(dir: string, lists: readonly string[]): Promise<Set<string>> {
  const taken = new Set<string>();
  for (const list of lists) {
    const quoted = list.replace(/["\\]/g, "\\$&");
    await host.writeFile(`${dir}/clients`, `HostKey ${dir}/host\nMatch Address "${quoted}"\n`, {
      sync: false,
    });
    const { stderr } = await host.run([`${dir}/sshd`, "-t", "-f", `${dir}/clients`], {
      env: { LD_LIBRARY_PATH: dir },
      timeoutMs: 60_000,
    });
    if (!/Match/.test(text(stderr))) taken.add(list);
  }
  return taken;
}

/** What sshd says of each line, from its log of one login with a key that is in none of them. */
async function askSshd(dir: string, lines: readonly string[]): Promise<boolean[]> {
  await unpackSshd(dir);
  for (const name of ["host", "me"]) {
    await run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", `${dir}/${name}`]);
  }
  await host.writeFile(`${dir}/keys`, lines.map((line) => `${line}\n`).join(""));
  // An ordinary user's sshd needs no privileges, no port and no service.
  const isRoot = Deno.uid() === 0;
  const user = isRoot ? "nobody" : (await run(["id", "-un"])).trim();
  const settings = ["HostKey=host", "AuthorizedKeysFile=keys"].map((one) =>
    one.replace("=", `=${dir}/`)
  );
  const options = [...settings, "StrictModes=no", "UsePAM=yes", "PidFile=none"];
  await host.writeFile(
    `${dir}/serve`,
    `#!/bin/sh\nLD_LIBRARY_PATH=${dir} exec ${dir}/sshd -i -e -ddd -f /dev/null ${
      options.map((one) => `-o ${one}`).join(" ")
    } 2>${dir}/log\n`,
    { mode: 0o755 },
  );
  if (isRoot) await run(["chown", "-R", "nobody", dir]);
  const drop = isRoot ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] : [];
  const client = `ProxyCommand=${dir}/serve`;
  const ssh = ["ssh", "-F", "/dev/null", "-o", client, "-o", "StrictHostKeyChecking=no"];
  const more = ["UserKnownHostsFile=/dev/null", "BatchMode=yes", "IdentitiesOnly=yes"];
  const login = [
    ...ssh,
    ...more.flatMap((one) => ["-o", one]),
    "-i",
    `${dir}/me`,
    `${user}@x`,
    "true",
  ];
  await host.run([...drop, ...login], { cwd: "/", timeoutMs: 60_000 });
  const log = await host.readTextFile(`${dir}/log`);
  const wholly = new RegExp(`/keys: processed \\d+/${lines.length} lines`).test(log);
  assertEquals(wholly, true, log.slice(-2000));
  const refused = new Set<number>();
  let at = 0;
  for (const line of log.split("\n")) {
    at = Number(/\/keys:(\d+): check options/.exec(line)?.[1] ?? at);
    // Where a quote is not closed, some versions don't say in which line.
    if (/\/keys:\d+: (?:bad key options|advance)|invalid key option string/.test(line)) {
      refused.add(at);
    }
  }
  return lines.map((line, i) => !/^[ \t]*(?:#|$)/.test(line) && !refused.has(i + 1));
}

/**
 * `deno task keys`: makes, shows and rotates the minisign keys that sign the site.
 */
import { promptSecret } from "@std/cli/prompt-secret";
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { formatInstant } from "../lib/instant.ts";
import { ROLES } from "../lib/trust/comment.ts";
import { loadKeyring, OWN_KEYS, readSecretKeyFile, signerOf } from "../lib/trust/keyring.ts";
import { keyIdHex, publicKeyLine } from "../lib/trust/minisign.ts";
import { isEncrypted, parseSecretKey } from "../lib/trust/minisign_sign.ts";
import {
  findPassphrase,
  makePassphraseFile,
  once,
  PASSPHRASE_FILE,
  type Prompt,
} from "../lib/trust/passphrase.ts";
import { initKeys, loadRoots, rollRoots } from "../lib/trust/root_sign.ts";
import { rotateKey } from "../lib/trust/rotate.ts";

const SPEC: CommandSpec = {
  name: "deno task keys",
  summary: "Make, show and rotate the minisign keys that sign the site.",
  usage: [
    "init [--gpg RECIPIENT | --no-passphrase] [--own ROLE]…",
    "show",
    "rotate [ROLE] [--with FILE]",
  ],
  options: {
    keys: { value: "DIR", help: "the keys folder, default keys" },
    gpg: {
      value: "RECIPIENT",
      help: `init: make a passphrase and encrypt it with gpg into ${PASSPHRASE_FILE}`,
    },
    "no-passphrase": { help: "init: leave the secret keys in the clear, e.g. for CI" },
    own: {
      value: "ROLE",
      many: true,
      help: `init: a key pair of its own for ${OWN_KEYS.join(", ")}`,
    },
    with: {
      value: "FILE",
      help: "rotate: sign with this root secret key, default DIR/minisign.seckey",
    },
  },
  notes: [
    "Files: DIR/minisign.{pubkey,seckey}, DIR/root/<n>.json. The C program minisign reads and writes the same key files.",
    `rotate ROLE replaces the key of ${
      ROLES.join(", ")
    }: a new pair, and the next root document, signed by
the root key, that tells nodes of it. The old pair goes to DIR/retired. Without ROLE: the root document for the keys that
are there. Then: deno task site, deno task publish. A node that is off meanwhile follows when it is back.`,
    `Timestamp or release key lost or stolen: rotate it. Config key stolen: rotate it; nodes then forget the serial, too, as the
thief may have raised it. Root key stolen: rotate root, and soon: a node that has not seen the new root yet still believes
the old one. Root key lost: nodes need new drives, so keep a copy of it elsewhere.`,
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "Network: none.",
  ],
};

/** The task; `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [verb, ...rest] = line.words;
    const most = verb === "rotate" ? 1 : 0;
    if (rest.length > most || !verb || !Object.hasOwn(VERBS, verb)) {
      const expected = verb === "rotate" ? "rotate [ROLE]" : Object.keys(VERBS).join(", ");
      throw new UserError("read the command line", `expected ${expected}`, {
        exitCode: EXIT.usage,
        hint: `${SPEC.name} --help shows what it takes`,
      });
    }
    const dir = line.value("keys") ?? "keys";
    await VERBS[verb as keyof typeof VERBS]({ line, host, console, prompt, dir });
  }, console);
}

interface Task {
  line: CommandLine;
  host: Host;
  console: Console;
  prompt: Prompt;
  dir: string;
}

const VERBS = { init, show, rotate };

async function init(task: Task): Promise<void> {
  const { line, host, dir, prompt } = task;
  const own = line.values("own").map((role) => {
    const known = OWN_KEYS.find((name) => name === role);
    if (known) return known;
    throw new UserError(`make a key for ${role}`, `--own takes ${OWN_KEYS.join(", ")}`, {
      exitCode: EXIT.usage,
    });
  });
  const message = "New passphrase for the secret keys: ";
  const recipient = line.value("gpg");
  if (recipient !== undefined && line.on("no-passphrase")) {
    throw new UserError("make keys", "--gpg and --no-passphrase exclude each other", {
      exitCode: EXIT.usage,
    });
  }
  const passphrase = line.on("no-passphrase")
    ? undefined
    : recipient !== undefined
    ? () => makePassphraseFile(host, recipient)
    : () => findPassphrase(host, { prompt, message, confirm: true });
  await initKeys(host, dir, { passphrase, own, issued: formatInstant(host.now()) });
  await show(task);
}

async function show({ host, console, dir }: Task): Promise<void> {
  const keyring = await loadKeyring(host, dir);
  const chain = await loadRoots(host, dir);
  for (const name of new Set(Object.values(keyring.keyFiles))) {
    const roles = ROLES.filter((role) => keyring.keyFiles[role] === name);
    const key = keyring.publicKeys[roles[0]!];
    const path = `${dir}/${name}.seckey`;
    const secret = await host.stat(path)
      ? isEncrypted(await host.readTextFile(path)) ? "encrypted" : "in the clear"
      : "not here";
    console.out(`${dir}/${name}.pubkey  key ${keyIdHex(key)}`);
    console.out(`  signs       ${roles.join(", ")}`);
    console.out(`  secret key  ${secret}`);
    console.out(`  public key  ${publicKeyLine(key)}`);
  }
  console.out(
    chain
      ? `root version ${chain.files.length}, nodes pin key ${keyIdHex(chain.pinned)}`
      : "no root version yet: the first deno task site makes it",
  );
}

async function rotate({ line, host, console, dir, prompt }: Task): Promise<void> {
  const passphrase = once(() => findPassphrase(host, { prompt }));
  const given = line.words[1];
  const role = ROLES.find((name) => name === given);
  if (given !== undefined && !role) {
    throw new UserError(`rotate ${given}`, `roles are ${ROLES.join(", ")}`, {
      exitCode: EXIT.usage,
    });
  }
  const file = line.value("with");
  const text = file === undefined ? undefined : await readSecretKeyFile(host, file);
  const signer = text === undefined
    ? undefined
    : signerOf(await parseSecretKey(text, isEncrypted(text) ? await passphrase() : undefined));
  const issued = formatInstant(host.now());
  if (!role) {
    const keyring = await loadKeyring(host, dir, { passphrase });
    const root = await rollRoots(host, keyring, { issued, signer });
    console.out(`${dir}/root/${root.version}.json lists the keys in ${dir}`);
  } else {
    const { version, roles, before, after, retired } = await rotateKey(host, dir, role, {
      issued,
      passphrase,
      signer,
    });
    console.out(`${dir}/root/${version}.json lists key ${keyIdHex(after)} for ${roles.join(", ")}`);
    const where = retired === undefined ? "keeps its other roles" : `is now ${retired}.*`;
    console.out(`  the old key ${keyIdHex(before)} ${where}`);
  }
  console.out("  nodes follow once the site is built and published: deno task site");
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

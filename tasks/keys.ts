/**
 * `deno task keys`: makes, shows and rolls the minisign keys that sign the site.
 */
import { promptSecret } from "@std/cli/prompt-secret";
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import { DenoHost, type Host } from "../lib/host.ts";
import { formatInstant, ROLES } from "../lib/trust/comment.ts";
import { loadKeyring, OWN_KEYS, readSecretKeyFile, signerOf } from "../lib/trust/keyring.ts";
import { keyIdHex, publicKeyLine } from "../lib/trust/minisign.ts";
import { isEncrypted, parseSecretKey } from "../lib/trust/minisign_sign.ts";
import { findPassphrase, type Prompt } from "../lib/trust/passphrase.ts";
import { initKeys, loadRoots, rollRoots } from "../lib/trust/root_sign.ts";

const SPEC: CommandSpec = {
  name: "deno task keys",
  summary: "Make, show and roll the minisign keys that sign the site.",
  usage: [
    "init [--no-passphrase] [--own ROLE]…",
    "show",
    "roll [--with FILE]",
  ],
  options: {
    keys: { value: "DIR", help: "the keys folder, default keys" },
    "no-passphrase": { help: "init: leave the secret keys in the clear, e.g. for CI" },
    own: {
      value: "ROLE",
      many: true,
      help: `init: a key pair of its own for ${OWN_KEYS.join(" or ")}`,
    },
    with: {
      value: "FILE",
      help: "roll: secret key of the root version before, default minisign.seckey",
    },
  },
  notes: [
    "Files: DIR/minisign.{pubkey,seckey}, DIR/root/<n>.json. The C program minisign reads and writes the same key files.",
    "roll makes the next root document, which tells nodes to trust the keys that are in the folder now.",
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
    if (rest.length > 0 || !verb || !Object.hasOwn(VERBS, verb)) {
      throw new UserError("Cannot read the command line: expected init, show or roll", {
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

const VERBS = { init, show, roll };

async function init(task: Task): Promise<void> {
  const { line, host, dir, prompt } = task;
  const own = line.values("own").map((role) => {
    const known = OWN_KEYS.find((name) => name === role);
    if (known) return known;
    throw new UserError(`Cannot make a key for ${role}: --own takes ${OWN_KEYS.join(" or ")}`, {
      exitCode: EXIT.usage,
    });
  });
  const message = "New passphrase for the secret keys: ";
  const passphrase = line.on("no-passphrase")
    ? undefined
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

async function roll({ line, host, console, dir, prompt }: Task): Promise<void> {
  const passphrase = () => findPassphrase(host, { prompt });
  const keyring = await loadKeyring(host, dir, { passphrase });
  const file = line.value("with");
  const text = file === undefined ? undefined : await readSecretKeyFile(host, file);
  const signer = text === undefined
    ? undefined
    : signerOf(await parseSecretKey(text, isEncrypted(text) ? await passphrase() : undefined));
  const root = await rollRoots(host, keyring, { issued: formatInstant(host.now()), signer });
  console.out(`${dir}/root/${root.version}.json lists the keys in ${dir}`);
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

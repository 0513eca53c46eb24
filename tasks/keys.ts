/**
 * `deno task keys`: makes, shows and rotates the minisign keys that sign the site.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { alone, lockBeside } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import type { Host } from "../lib/host.ts";
import { formatInstant } from "../lib/instant.ts";
import { ROLES } from "../lib/trust/comment.ts";
import { loadKeyring, readSecretKeyFile, signerOf } from "../lib/trust/keyring.ts";
import { keyIdHex, publicKeyLine } from "../lib/trust/minisign.ts";
import { isEncrypted, parseSecretKey } from "../lib/trust/minisign_sign.ts";
import { findPassphrase, makePassphraseFile, once, type Prompt } from "../lib/trust/passphrase.ts";
import { initKeys, loadRoots, rollRoots } from "../lib/trust/root_sign.ts";
import { rotateKey } from "../lib/trust/rotate.ts";
import { type KeysLine, program } from "./lines/keys.ts";

/** The task; `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const task = { host, console, prompt };
    if (line.verb === "show") return await show({ ...task, line });
    const turn = { doing: `change ${line.keys}`, command: `task keys ${line.verb}` };
    await alone(host, await lockBeside(host, line.keys), turn, async () => {
      if (line.verb === "init") await init({ ...task, line });
      else await rotate({ ...task, line });
    });
  }, console);
}

interface Task<V extends KeysLine["verb"]> {
  line: Extract<KeysLine, { verb: V }>;
  host: Host;
  console: Console;
  prompt: Prompt;
}

async function init({ line, ...task }: Task<"init">): Promise<void> {
  const { host, prompt } = task;
  const { keys: dir, gpg, noPassphrase, own } = line;
  if (gpg !== undefined && noPassphrase) {
    throw new UsageError("--gpg and --no-passphrase exclude each other");
  }
  const message = "New passphrase for the secret keys: ";
  const passphrase = noPassphrase
    ? undefined
    : gpg !== undefined
    ? () => makePassphraseFile(host, gpg)
    : () => findPassphrase(host, { prompt, message, confirm: true });
  await initKeys(host, dir, { passphrase, own, issued: formatInstant(host.now()) });
  await show({ ...task, line: { ...line, verb: "show" } });
}

async function show({ line, host, console }: Task<"show">): Promise<void> {
  const dir = line.keys;
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

async function rotate({ line, host, console, prompt }: Task<"rotate">): Promise<void> {
  const { keys: dir, role, with: file } = line;
  const passphrase = once(() => findPassphrase(host, { prompt }));
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

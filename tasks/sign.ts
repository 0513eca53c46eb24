/**
 * `deno task sign`: signs and verifies files as the C program minisign does, in constant memory.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, RefusedError, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { loadKeyring, readSecretKeyFile, type Signer, signerOf } from "../lib/trust/keyring.ts";
import {
  keyIdHex,
  MAX_SIGNATURE_BYTES,
  parsePublicKey,
  prehashChunks,
  type PublicKey,
  verifyDigest,
} from "../lib/trust/minisign.ts";
import { isEncrypted, parseSecretKey } from "../lib/trust/minisign_sign.ts";
import { findPassphrase, once, type Prompt } from "../lib/trust/passphrase.ts";
import { signatureText } from "../lib/trust/verified.ts";
import { program, type SignLine } from "./lines/sign.ts";

/** Characters of a minisign public key: 42 bytes in base64. */
const MIN_KEY_LINE = 56;

interface Task<V extends SignLine["verb"]> {
  line: Extract<SignLine, { verb: V }>;
  host: Host;
  console: Console;
  prompt: Prompt;
}

/** The task; `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    for (const file of line.files) await expectFile(host, file);
    const task = { host, console, prompt };
    if (line.verb === "verify") return await verifyFiles({ ...task, line });
    await signFiles({ ...task, line });
  }, console);
}

async function signFiles(task: Task<"sign">): Promise<void> {
  const { line, host, console } = task;
  const signer = await findSigner(task);
  for (const file of line.files) {
    const digest = await prehashChunks(host.readChunks(file));
    const seconds = Math.floor(host.now().getTime() / 1000);
    const name = file.slice(file.lastIndexOf("/") + 1);
    // As the C program's own default.
    const comment = line.trustedComment ?? `timestamp:${seconds}\tfile:${name}\thashed`;
    await host.writeFile(`${file}.minisig`, signer.signDigestWithComment(digest, comment));
    console.out(`${file}.minisig  key ${keyIdHex(signer.publicKey)}`);
  }
}

async function verifyFiles(task: Task<"verify">): Promise<typeof EXIT.ok | typeof EXIT.refused> {
  const { line, host, console } = task;
  const key = await findPublicKey(task);
  let refused = 0;
  for (const file of line.files) {
    const path = `${file}.minisig`;
    await expectFile(host, path, MAX_SIGNATURE_BYTES);
    const digest = await prehashChunks(host.readChunks(file));
    try {
      const signature = signatureText(await host.readFile(path), path);
      const { trustedComment } = verifyDigest(digest, signature, [key], file);
      console.out(`${file}: signed by key ${keyIdHex(key)}`);
      console.out(`  ${trustedComment}`);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      // The other files are still looked at: a list is more use than the first of it.
      console.err(error.message);
      refused++;
    }
  }
  return refused === 0 ? EXIT.ok : EXIT.refused;
}

async function findSigner({ line, host, prompt }: Task<"sign">): Promise<Signer> {
  const passphrase = once(() => findPassphrase(host, { prompt }));
  const file = line.secretKey;
  if (file === undefined) {
    const keyring = await loadKeyring(host, line.keys, { passphrase });
    return await keyring.signer(line.role);
  }
  const given = await readSecretKeyFile(host, file);
  return signerOf(await parseSecretKey(given, isEncrypted(given) ? await passphrase() : undefined));
}

async function findPublicKey({ line, host }: Task<"verify">): Promise<PublicKey> {
  const given = line.publicKey;
  if (given === undefined) return (await loadKeyring(host, line.keys)).publicKeys[line.role];
  const isFile = (await host.stat(given))?.kind === "file";
  // No key line is so short, and a mistyped name deserves better than a word about Ed25519.
  if (!isFile && given.length < MIN_KEY_LINE) {
    throw new UserError(`read the public key ${given}`, "there is no such file");
  }
  return parsePublicKey(isFile ? await host.readTextFile(given) : given);
}

async function expectFile(host: Host, path: string, maxBytes = Infinity): Promise<void> {
  const info = await host.stat(path);
  if (!info) throw new UserError(`read ${path}`, "there is no such file");
  if (info.kind !== "file" && info.kind !== "symlink") {
    throw new UserError(`read ${path}`, `it is a ${info.kind}, not a file`);
  }
  if (info.size > maxBytes) {
    throw new UserError(`read ${path}`, `it is longer than ${maxBytes} bytes`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

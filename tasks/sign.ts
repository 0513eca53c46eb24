/**
 * `deno task sign`: signs and verifies files as the C program minisign does, in constant memory.
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
import { EXIT, RefusedError, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { ROLES } from "../lib/trust/comment.ts";
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

const SPEC: CommandSpec = {
  name: "deno task sign",
  summary: "Sign files, or verify signed files, as minisign does.",
  usage: [
    "FILE… [--trusted-comment TEXT]",
    "verify FILE… [--public-key KEY]",
  ],
  options: {
    keys: { value: "DIR", help: "the keys folder, default keys" },
    role: { value: "ROLE", help: `whose key of the folder: ${ROLES.join(", ")}; default config` },
    "secret-key": { value: "FILE", help: "sign with this key instead" },
    "public-key": { value: "KEY", help: "verify with this key file or key line instead" },
    "trusted-comment": { value: "TEXT", help: "signed with each file, default time and file name" },
  },
  notes: [
    "The signature of FILE is FILE.minisig. A file called verify is written ./verify.",
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "Network: none.",
  ],
};

/** Characters of a minisign public key: 42 bytes in base64. */
const MIN_KEY_LINE = 56;

interface Task {
  line: CommandLine;
  host: Host;
  console: Console;
  prompt: Prompt;
  files: string[];
}

/** The task; `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const verifying = line.words[0] === "verify";
    const files = line.words.slice(verifying ? 1 : 0);
    if (files.length === 0) {
      throw new UserError("read the command line", "no file is given", {
        exitCode: EXIT.usage,
        hint: `${SPEC.name} --help shows what it takes`,
      });
    }
    for (const file of files) await expectFile(host, file);
    const task = { line, host, console, prompt, files };
    return verifying ? await verifyFiles(task) : await signFiles(task);
  }, console);
}

async function signFiles(task: Task): Promise<void> {
  const { line, host, console, files } = task;
  const signer = await findSigner(task);
  for (const file of files) {
    const digest = await prehashChunks(host.readChunks(file));
    const seconds = Math.floor(host.now().getTime() / 1000);
    const name = file.slice(file.lastIndexOf("/") + 1);
    // As the C program's own default.
    const comment = line.value("trusted-comment") ?? `timestamp:${seconds}\tfile:${name}\thashed`;
    await host.writeFile(`${file}.minisig`, signer.signDigestWithComment(digest, comment));
    console.out(`${file}.minisig  key ${keyIdHex(signer.publicKey)}`);
  }
}

async function verifyFiles(task: Task): Promise<typeof EXIT.ok | typeof EXIT.refused> {
  const { host, console, files } = task;
  const key = await findPublicKey(task);
  let refused = 0;
  for (const file of files) {
    const path = `${file}.minisig`;
    await expectFile(host, path, MAX_SIGNATURE_BYTES);
    const digest = await prehashChunks(host.readChunks(file));
    try {
      const { trustedComment } = verifyDigest(digest, await host.readTextFile(path), [key], file);
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

async function findSigner({ line, host, prompt }: Task): Promise<Signer> {
  const passphrase = once(() => findPassphrase(host, { prompt }));
  const file = line.value("secret-key");
  if (file === undefined) {
    const keyring = await loadKeyring(host, keysDir(line), { passphrase });
    return await keyring.signer(role(line));
  }
  const text = await readSecretKeyFile(host, file);
  return signerOf(await parseSecretKey(text, isEncrypted(text) ? await passphrase() : undefined));
}

async function findPublicKey({ line, host }: Task): Promise<PublicKey> {
  const given = line.value("public-key");
  if (given === undefined) {
    return (await loadKeyring(host, keysDir(line))).publicKeys[role(line)];
  }
  const isFile = (await host.stat(given))?.kind === "file";
  // No key line is so short, and a mistyped name deserves better than a word about Ed25519.
  if (!isFile && given.length < MIN_KEY_LINE) {
    throw new UserError(`read the public key ${given}`, "there is no such file");
  }
  return parsePublicKey(isFile ? await host.readTextFile(given) : given);
}

function keysDir(line: CommandLine): string {
  return line.value("keys") ?? "keys";
}

function role(line: CommandLine): typeof ROLES[number] {
  const given = line.value("role") ?? "config";
  const known = ROLES.find((name) => name === given);
  if (known) return known;
  throw new UserError(`use the role ${given}`, `it is none of ${ROLES.join(", ")}`, {
    exitCode: EXIT.usage,
  });
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

/**
 * Finds the passphrase of the secret keys: a GPG-encrypted file, an environment variable, or a hidden prompt, in that
 * order. It never appears on a command line, in a message or in a file.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { text } from "../bytes.ts";
import { complaintOf } from "../complaint.ts";
import { EXIT, UserError } from "../errors.ts";
import { type Host, NO_PROGRAM } from "../host.ts";

/** The GPG-encrypted file, in the working directory. */
export const PASSPHRASE_FILE = ".minisign-pass-secret";
/** The environment variable. */
export const PASSPHRASE_VARIABLE = "PSYOPSOS_MINISIGN_PASSPHRASE";
/** Longest passphrase in UTF-16 units; the C program takes no longer one either. */
export const MAX_PASSPHRASE = 1024;

/** Asks a person, without echo; null when nobody can be asked. */
export type Prompt = (message: string) => string | null;

/** Options of {@linkcode findPassphrase}. */
export interface PassphraseOptions {
  prompt: Prompt;
  /** Text of the prompt. */
  message?: string;
  /** Ask twice, for a new passphrase. */
  confirm?: boolean;
}

/** Bytes of randomness in a generated passphrase. */
const GENERATED_BYTES = 24;

/**
 * Makes a passphrase and writes it, encrypted with gpg to `recipient`, to {@linkcode PASSPHRASE_FILE}. gpg gets it on its standard
 * input, never as an argument.
 *
 * @throws {UserError} when the file is there already, or gpg can't encrypt to that recipient.
 */
export async function makePassphraseFile(host: Host, recipient: string): Promise<string> {
  if (await host.stat(PASSPHRASE_FILE)) {
    throw new UserError("make a passphrase", `${PASSPHRASE_FILE} exists already`, {
      hint: "it is used without --gpg",
    });
  }
  const passphrase = randomBytes(GENERATED_BYTES).toString("base64url");
  const result = await host.run(
    ["gpg", "--batch", "--quiet", "--armor", "--recipient", recipient, "--encrypt"],
    { stdin: passphrase },
  );
  if (result.code === NO_PROGRAM) {
    throw new UserError("encrypt the passphrase", "gpg is not installed", {
      exitCode: EXIT.missing,
      hint: "install gnupg",
    });
  }
  if (result.code !== 0 || result.stdout.length === 0) {
    throw new UserError(
      `encrypt the passphrase to ${recipient}`,
      complaintOf(result),
      {
        hint: "gpg --list-keys shows the recipients that gpg knows and trusts",
      },
    );
  }
  await host.writeFile(PASSPHRASE_FILE, result.stdout, { mode: 0o600 });
  return passphrase;
}

/** The passphrase. @throws {UserError} when there is none to be had. */
export async function findPassphrase(host: Host, options: PassphraseOptions): Promise<string> {
  const found = await fromFile(host) ?? host.env(PASSPHRASE_VARIABLE) ?? fromPrompt(options);
  const fail = (state: string) => new UserError("use the passphrase", state);
  // A key that is there may have an empty one: the C program makes such keys.
  if (found === "" && options.confirm) throw fail("it is empty");
  if (found.length > MAX_PASSPHRASE) {
    throw fail(`it is longer than ${MAX_PASSPHRASE} characters`);
  }
  return found;
}

/** `find` run at the first call only; later calls give its result. */
export function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => found ??= find();
}

async function fromFile(host: Host): Promise<string | undefined> {
  if (await host.stat(PASSPHRASE_FILE) === undefined) return undefined;
  const result = await host.run(["gpg", "--quiet", "--decrypt", PASSPHRASE_FILE]);
  if (result.code === NO_PROGRAM) {
    throw new UserError(`decrypt ${PASSPHRASE_FILE}`, "gpg is not installed", {
      exitCode: EXIT.missing,
      hint: `install gnupg, or set ${PASSPHRASE_VARIABLE} and move the file away`,
    });
  }
  if (result.code !== 0) {
    throw new UserError(`decrypt ${PASSPHRASE_FILE}`, `gpg ended with ${result.code}`, {
      hint: `gpg --decrypt ${PASSPHRASE_FILE} shows why`,
    });
  }
  return text(result.stdout).replace(/\r?\n$/, "");
}

function fromPrompt(options: PassphraseOptions): string {
  const first = options.prompt(options.message ?? "Passphrase of the minisign secret key: ");
  if (first === null) {
    throw new UserError("ask for the passphrase", "there is no terminal", {
      hint: `set ${PASSPHRASE_VARIABLE}, or encrypt it with gpg into ${PASSPHRASE_FILE}`,
    });
  }
  if (options.confirm && options.prompt("The same once more: ") !== first) {
    throw new UserError("use the passphrase", "the two entries differ");
  }
  return first;
}

/**
 * `deno task secret`: keeps secrets in the fleet's files encrypted to the administrators.
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { concat, text } from "../lib/bytes.ts";
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
import {
  IDENTITY_PASSPHRASE_VARIABLE,
  loadIdentities,
  recipientsOf,
} from "../lib/trust/age_identity.ts";
import { MAX_VALUE_BYTES } from "../lib/trust/age_value.ts";
import type { Prompt } from "../lib/trust/passphrase.ts";
import { initAdmin } from "../site/secrets/admin_identity.ts";
import { editText } from "../site/secrets/edit_text.ts";
import { rekeySecrets } from "../site/secrets/rekey.ts";
import {
  findOwner,
  openSecrets,
  readSecret,
  type SecretFleet,
  type SecretPlace,
  secretPlaces,
  setSecret,
} from "../site/secrets/secret_files.ts";
import { parseSecretName, type SecretPath } from "../site/secrets/secret_path.ts";

const SPEC: CommandSpec = {
  name: "deno task secret",
  summary: "Keep secrets in the fleet's files, encrypted to the administrators.",
  usage: [
    "init [--post-quantum] [--no-passphrase]",
    "set NODE|TAG|global KEY",
    "edit NODE|TAG|global KEY",
    "rekey [--all | --check]",
    "show-names [--json]",
  ],
  options: {
    "post-quantum": { help: "init: a key that also withstands quantum computers (age1pq1…)" },
    "no-passphrase": { help: "init: leave the identity in the clear, readable by you only" },
    all: { help: "rekey: encrypt everything anew, also what is encrypted to the admins already" },
    check: { help: "rekey: change nothing, fail when something is to be done; needs no identity" },
    identity: {
      value: "FILE",
      help: "age identity that decrypts, default DIR/admin.age of --keys",
    },
    nodes: { value: "DIR", help: "the fleet's YAML files, default nodes" },
    keys: { value: "DIR", help: "the keys folder, default keys" },
    json: { help: "rekey, show-names: print JSON" },
  },
  notes: [
    `Example:
  deno task secret init
  printf %s "$TOKEN" | deno task secret set lab files./etc/k3s/token.content
  deno task secret edit orchid scripts.join.run
  deno task site`,
    `KEY is dotted, from below private: files./etc/token.content, scripts.join.run, users.ops.sshKeys.0. Where a node and a
tag have the same name, say nodes/NAME or tags/NAME.`,
    `set takes the value from standard input, or asks for it without echo; never from the command line. It needs no identity.
The value is kept as it is, to the last newline; only where it must be one line, that newline is left out. A file that is
new gets mode "0600" along.`,
    `edit opens $VISUAL, else $EDITOR, else vi, on a file that only you can read, in memory ($XDG_RUNTIME_DIR, /dev/shm) where
there is such a place; it is removed whatever happens.`,
    `rekey encrypts to the recipients in admins of global.yaml what is encrypted to others, or does not say to whom. Run it
after a change of admins, with an identity that can still read everything. Then it reads all files again and proves of
each secret: it names exactly the admins, has one stanza for each and no other, can be decrypted, and is what it was. A
value that another program wrote can claim any recipients until it is encrypted anew: --all makes sure. Who could read the
old files in the repository's history still can: change these values themselves, too.`,
    `The identity: --identity, else PSYOPSOS_AGE_IDENTITY (a path), else keys/admin.age; a file of age-keygen, also encrypted
with a passphrase (age -p). The passphrase comes from ${IDENTITY_PASSPHRASE_VARIABLE}, else a prompt.
Without this package: the text of a value goes through "age --decrypt -i keys/admin.age".`,
    "Network: none.",
  ],
};

/** The standard input's content; null when it is a terminal. */
export type ReadInput = () => Promise<Uint8Array | null>;

interface Task {
  line: CommandLine;
  words: string[];
  host: Host;
  console: Console;
  prompt: Prompt;
  input: ReadInput;
  nodes: string;
  keys: string;
}

const VERBS: Record<string, (task: Task) => Promise<number | void>> = {
  init,
  set,
  edit,
  rekey,
  "show-names": showNames,
};

/** The task; `prompt` asks without echo, `input` gives what is piped in. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
  input: ReadInput = readInput,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [verb = "", ...words] = line.words;
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    const expected = verb === "set" || verb === "edit" ? 2 : 0;
    if (!run) throw usage(`expected ${Object.keys(VERBS).join(", ")}`);
    if (words.length !== expected) {
      throw usage(expected === 2 ? `expected ${verb} NODE|TAG|global KEY` : "too many words");
    }
    const nodes = line.value("nodes") ?? "nodes";
    const keys = line.value("keys") ?? "keys";
    return await run({ line, words, host, console, prompt, input, nodes, keys }) as 0 | void;
  }, console);
}

async function init(task: Task): Promise<void> {
  const { line, host, console, prompt, nodes, keys } = task;
  if ((await host.stat(nodes))?.kind !== "directory") await host.mkdir(nodes);
  const secrets = await openSecrets(host, nodes);
  const made = await initAdmin(host, secrets, {
    keys,
    postQuantum: line.on("post-quantum"),
    passphrase: line.on("no-passphrase") ? undefined : () => newPassphrase(host, prompt),
  });
  console.out(`${made.identity}  decrypts the fleet's secrets; keep a copy in a safe place`);
  console.out(`${made.file}  lists its recipient ${short(made.recipient)}`);
  if (secrets.fleet.admins.length > 0) {
    console.out("Next: another admin runs deno task secret rekey, so that this key reads all");
  }
}

async function set(task: Task): Promise<void> {
  const { secrets, owner, path } = await target(task);
  await store(task, secrets, owner, path, await newValue(task));
}

async function edit(task: Task): Promise<void> {
  const { line, host, console, prompt, keys } = task;
  const { secrets, owner, path } = await target(task);
  const before = await readSecret(
    secrets,
    owner,
    path,
    () => loadIdentities(host, { file: line.value("identity"), keys, prompt }),
  );
  const after = await editText(host, before?.text ?? "", guarded);
  if (after === "" && !before) throw new UserError(`set ${task.words[1]}`, "it is empty");
  if (before?.sealed && after === before.text) return console.out("nothing was changed");
  await store(task, secrets, owner, path, after);
}

async function rekey(task: Task): Promise<number | void> {
  const { line, host, console, prompt, nodes, keys } = task;
  const secrets = await openSecrets(host, nodes);
  if (line.on("check")) {
    const wrong = secretPlaces(secrets).filter(({ state }) => state !== "current");
    if (line.on("json")) console.out(JSON.stringify(wrong, null, 2));
    else for (const place of wrong) console.out(placeLine(place));
    if (wrong.length === 0) return console.out("all secrets say that they are for the admins only");
    throw new UserError(`vouch for ${wrong.length} secrets`, "see above", {
      hint: "deno task secret rekey encrypts them to the admins",
    });
  }
  const identities = await loadIdentities(host, { file: line.value("identity"), keys, prompt });
  const own = await recipientsOf(identities);
  const done = await rekeySecrets(host, secrets, { identities, own, all: line.on("all") });
  if (line.on("json")) return console.out(JSON.stringify(done, null, 2));
  const { total, changed, files, dropped } = done;
  console.out(
    `${counted(total, "secret")}, ${changed.length} encrypted anew in ${
      counted(files.length, "file")
    }`,
  );
  console.out(`proven: each is for the admins (${secrets.fleet.admins.length}) and nobody else`);
  if (dropped.length === 0) return;
  console.out(
    `${dropped.length} recipients are dropped; the history of the repository still holds`,
  );
  console.out("what they could read, so change these values themselves, too:");
  for (const place of changed) if (place.state !== "current") console.out(placeLine(place));
}

async function showNames({ line, host, console, nodes }: Task): Promise<void> {
  const places = secretPlaces(await openSecrets(host, nodes));
  if (line.on("json")) return console.out(JSON.stringify(places, null, 2));
  if (places.length === 0) return console.out(`${nodes} holds no secrets`);
  for (const place of places) console.out(placeLine(place));
}

async function target(
  { host, nodes, words }: Task,
): Promise<{ secrets: SecretFleet; owner: string; path: SecretPath }> {
  const path = parseSecretName(words[1]!);
  const secrets = await openSecrets(host, nodes);
  return { secrets, owner: findOwner(secrets, words[0]!), path };
}

async function store(
  { host, console, words }: Task,
  secrets: SecretFleet,
  owner: string,
  path: SecretPath,
  value: string,
): Promise<void> {
  const { file, madeFile, wasPlain } = await setSecret(host, secrets, owner, path, value);
  const count = secrets.fleet.admins.length;
  console.out(`${file}: ${words[1]} is encrypted to ${count} admin${count === 1 ? "" : "s"}`);
  if (madeFile) console.out('  the file is new and gets mode "0600"');
  if (wasPlain) {
    console.out("  it stood here in plain: the repository's history may hold the old value");
  }
}

async function newValue({ input, prompt, words }: Task): Promise<string> {
  const given = await input();
  const fail = (state: string) => new UserError(`set ${words[1]}`, state);
  if (given === null) {
    const asked = prompt(`Value of ${words[1]}: `);
    if (asked === null || asked === "") throw fail("no value was given");
    return asked;
  }
  if (given.length === 0) throw fail("standard input is empty");
  if (given.length > MAX_VALUE_BYTES) throw fail(`it is longer than ${MAX_VALUE_BYTES} bytes`);
  try {
    return text(given);
  } catch {
    throw new UserError(`set ${words[1]}`, "it is no text in UTF-8", {
      hint:
        "for a file: base64 FILE | deno task secret set …, with encoding: base64 beside content",
    });
  }
}

// deno-lint-ignore require-await -- as initAdmin wants it
async function newPassphrase(host: Host, prompt: Prompt): Promise<string> {
  const given = host.env(IDENTITY_PASSPHRASE_VARIABLE);
  const first = given ?? prompt("New passphrase for the age identity: ");
  if (first === null) {
    throw new UserError("ask for the passphrase", "there is no terminal", {
      hint: `set ${IDENTITY_PASSPHRASE_VARIABLE}, or leave it in the clear with --no-passphrase`,
    });
  }
  if (first === "") throw new UserError("use the passphrase", "it is empty");
  if (given === undefined && prompt("The same once more: ") !== first) {
    throw new UserError("use the passphrase", "the two entries differ");
  }
  return first;
}

const STATES = {
  current: "for the admins",
  other: "for others: rekey",
  unknown: "does not say for whom: rekey",
};

function placeLine({ file, line, name, state }: SecretPlace): string {
  return `  ${file}:${line}  ${name}  ${STATES[state]}`;
}

function short(recipient: string): string {
  return recipient.length > 62 ? `${recipient.slice(0, 30)}…` : recipient;
}

/** "1 secret", "2 secrets". */
function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

function usage(state: string): UserError {
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

/** Standard input up to a little over what is allowed. */
async function readInput(): Promise<Uint8Array | null> {
  if (Deno.stdin.isTerminal()) return null;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of Deno.stdin.readable) {
    pieces.push(piece);
    if ((size += piece.length) > MAX_VALUE_BYTES) break;
  }
  return concat(pieces);
}

/** Runs `body`; whoever ends this process meanwhile, `dir` is removed. */
async function guarded<T>(dir: string, body: () => Promise<T>): Promise<T> {
  // Ctrl-C is the editor's while it runs.
  const ignore = () => {};
  const leave = () => {
    Deno.removeSync(dir, { recursive: true });
    Deno.exit(EXIT.interrupted);
  };
  Deno.addSignalListener("SIGINT", ignore);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, leave);
  try {
    return await body();
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
    for (const signal of ["SIGTERM", "SIGHUP"] as const) Deno.removeSignalListener(signal, leave);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

/**
 * `deno task secret`: keeps secrets in the fleet's files encrypted to the administrators.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { concat, text } from "../lib/bytes.ts";
import { alone, lockIn } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
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
import { saysBound } from "../site/fleet/assemble.ts";
import { shortRecipient } from "../site/nodes/node_text.ts";
import { initAdmin } from "../site/secrets/admin_identity.ts";
import { editText } from "../site/secrets/edit_text.ts";
import { rekeyProblems, rekeySecrets } from "../site/secrets/rekey.ts";
import { openSecrets, type SecretPlace, secretPlaces } from "../site/secrets/secret_files.ts";
import { parseSecretName } from "../site/secrets/secret_path.ts";
import { openSlot, readSecret, type SecretSlot, setSecret } from "../site/secrets/secret_slot.ts";
import { program, type SecretLine } from "./lines/secret.ts";

/** The standard input's content; null when it is a terminal. */
export type ReadInput = () => Promise<Uint8Array | null>;

/** What is the same for all verbs. */
interface Desk {
  host: Host;
  console: Console;
  prompt: Prompt;
  input: ReadInput;
}

/** What a verb is given. */
type Task<V extends SecretLine["verb"]> = Desk & { line: Extract<SecretLine, { verb: V }> };

/** The verbs that are about one value. */
type Placed = "set" | "edit";

/** The task; `prompt` asks without echo, `input` gives what is piped in. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
  input: ReadInput = readInput,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const task = { host, console, prompt, input };
    if (line.verb === "show-names") return await showNames({ ...task, line });
    // From the first look at the files to the last: what another task writes meanwhile would be lost.
    const turn = { doing: `change ${line.nodes}`, command: `task secret ${line.verb}` };
    await alone(host, lockIn(line.nodes), turn, async () => {
      if (line.verb === "init") await init({ ...task, line });
      else if (line.verb === "set") await set({ ...task, line });
      else if (line.verb === "edit") await edit({ ...task, line });
      else await rekey({ ...task, line });
    });
  }, console);
}

async function init({ line, host, console, prompt }: Task<"init">): Promise<void> {
  const { nodes, keys, postQuantum, noPassphrase } = line;
  if ((await host.stat(nodes))?.kind !== "directory") await host.mkdir(nodes);
  const secrets = await openSecrets(host, nodes);
  const made = await initAdmin(host, secrets, {
    keys,
    postQuantum,
    passphrase: noPassphrase ? undefined : () => newPassphrase(host, prompt),
  });
  console.out(`${made.identity}  decrypts the fleet's secrets; keep a copy in a safe place`);
  console.out(`${made.file}  lists its recipient ${shortRecipient(made.recipient)}`);
  if (secrets.fleet.admins.length > 0) {
    console.out("Next: another admin runs deno task secret rekey, so that this key reads all");
  }
}

async function set(task: Task<"set">): Promise<void> {
  if (task.line.surplus.length > 0) {
    throw new UsageError("the value comes from standard input or a prompt, never from here");
  }
  const slot = await slotOf(task);
  await store(task, slot, await newValue(task));
}

async function edit(task: Task<"edit">): Promise<void> {
  const { line, host, console, prompt } = task;
  const { key, keys, identity } = line;
  const slot = await slotOf(task);
  const before = await readSecret(
    slot,
    () => loadIdentities(host, { file: identity, keys, prompt }),
  );
  const after = await editText(host, before?.text ?? "", guarded);
  if (after === "" && !before) throw new UserError(`set ${key}`, "it is empty");
  if (before?.sealed && after === before.text) return console.out("nothing was changed");
  await store(task, slot, after);
}

async function rekey({ line, host, console, prompt }: Task<"rekey">): Promise<void> {
  const { nodes, keys, identity, all, bindHere, check, json } = line;
  if ((all || bindHere) && check) {
    throw new UsageError(`--${all ? "all" : "bind-here"} and --check exclude each other`);
  }
  const secrets = await openSecrets(host, nodes);
  if (check) {
    // Where a secret belongs stands inside: it takes an identity to tell, and without one the rest is told.
    const problems = identity === undefined
      ? []
      : await rekeyProblems(secrets, await loadIdentities(host, { file: identity, keys, prompt }));
    const wrong = secretPlaces(secrets)
      .map((place, i) => problems[i] === undefined ? place : { ...place, problem: problems[i] })
      .filter((place) => place.state !== "current" || "problem" in place);
    if (json) console.out(JSON.stringify(wrong, null, 2));
    else for (const place of wrong) console.out(placeLine(place));
    if (wrong.length === 0 && !saysBound(secrets.files) && secretPlaces(secrets).length > 0) {
      throw new UserError(
        "confirm where the secrets belong",
        `${nodes}/global.yaml does not say "secrets: bound"`,
        { hint: "deno task secret rekey writes into each where it belongs" },
      );
    }
    if (wrong.length === 0) {
      if (json) return;
      console.out("all secrets say that they are for the admins only");
      console.out(
        identity === undefined
          ? "with --identity FILE it is checked, too, that each belongs where it stands"
          : "and belong where they stand",
      );
      return;
    }
    throw new UserError(`confirm for whom ${counted(wrong.length, "secret")} are`, "see above", {
      hint: problems.some((one) => one !== undefined)
        ? "deno task secret rekey encrypts them to the admins once each belongs where it stands;\n" +
          "  where you know who put it there, --bind-here lets it belong there"
        : "deno task secret rekey encrypts them to the admins" +
          (identity === undefined
            ? "; with --identity FILE, --check also tells what does not belong where it stands"
            : ""),
    });
  }
  const identities = await loadIdentities(host, { file: identity, keys, prompt });
  const own = await recipientsOf(identities);
  const done = await rekeySecrets(host, secrets, { identities, own, all, bindHere });
  if (json) return console.out(JSON.stringify(done, null, 2));
  const { total, changed, files, dropped } = done;
  console.out(
    `${counted(total, "secret")}, ${changed.length} encrypted anew in ${
      counted(files.length, "file")
    }`,
  );
  console.out(`proven: each is for the admins (${secrets.fleet.admins.length}) and nobody else,`);
  console.out("and for the place where it stands");
  if (dropped.length === 0) return;
  console.out(
    `${dropped.length} recipients are dropped; the history of the repository still holds`,
  );
  console.out("what they could read, so change these values themselves, too:");
  for (const place of changed) if (place.state !== "current") console.out(placeLine(place));
}

async function showNames({ line, host, console }: Task<"show-names">): Promise<void> {
  const { nodes, json } = line;
  const places = secretPlaces(await openSecrets(host, nodes));
  if (json) return console.out(JSON.stringify(places, null, 2));
  if (places.length === 0) return console.out(`${nodes} holds no secrets`);
  for (const place of places) console.out(placeLine(place));
}

async function slotOf({ host, line }: Task<Placed>): Promise<SecretSlot> {
  return await openSlot(host, line.nodes, line.owner, parseSecretName(line.key));
}

async function store(
  { host, console, line }: Task<Placed>,
  slot: SecretSlot,
  value: string,
): Promise<void> {
  const { file, madeFile, beganList, wasPlain } = await setSecret(host, slot, value);
  const count = slot.admins.length;
  console.out(`${file}: ${line.key} is encrypted to ${count} admin${count === 1 ? "" : "s"}`);
  if (madeFile) console.out('  the file is new and gets mode "0600"');
  if (beganList) {
    console.out(
      "  it begins a list, which replaces the one that config or another layer has there",
    );
  }
  if (wasPlain) {
    console.out("  it stood here in plain: the repository's history may hold the old value");
  }
}

async function newValue({ input, prompt, line }: Task<"set">): Promise<string> {
  const given = await input();
  const fail = (state: string) => new UserError(`set ${line.key}`, state);
  if (given === null) {
    const asked = prompt(`Value of ${line.key}: `);
    if (asked === null || asked === "") throw fail("no value was given");
    return asked;
  }
  if (given.length === 0) throw fail("standard input is empty");
  if (given.length > MAX_VALUE_BYTES) throw fail(`it is longer than ${MAX_VALUE_BYTES} bytes`);
  try {
    return text(given);
  } catch {
    throw new UserError(`set ${line.key}`, "it is no text in UTF-8", {
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

function placeLine(
  { file, line, name, state, problem }: SecretPlace & { problem?: string },
): string {
  return `  ${file}:${line}  ${name}  ${problem ?? STATES[state]}`;
}

/** "1 secret", "2 secrets". */
function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
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

/** Runs `body`. If a signal ends this process meanwhile, `dir` is removed first. */
async function guarded<T>(dir: string, body: () => Promise<T>): Promise<T> {
  // While the editor runs, Ctrl-C is meant for it.
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

/**
 * The command line of `deno task secret`.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on, unwelcome, value, verb, word } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { IDENTITY_PASSPHRASE_VARIABLE } from "../../lib/trust/age_identity.ts";

const json = on("json", "print JSON");
const identity = value(
  "identity",
  "FILE",
  "age identity that decrypts, default DIR/admin.age of --keys",
);
/** Where a secret stands. */
const place = { owner: word("NODE|TAG|global"), key: word("KEY") };

const parser = merge(
  or(
    verb(
      "init",
      {
        postQuantum: on(
          "post-quantum",
          "a key that also withstands quantum computers (age1pq1…)",
        ),
        noPassphrase: on("no-passphrase", "leave the identity in the clear, readable by you only"),
      },
      "make an administrator's age identity",
    ),
    verb(
      "set",
      { ...place, surplus: unwelcome() },
      "encrypt a value into its file",
      `Takes the value from standard input, or asks for it without echo; never from the command line. It needs no identity.
The value is kept as it is, to the last newline; only where it must be one line, that newline is left out. A file that is
new gets mode "0600" along.`,
    ),
    verb(
      "edit",
      { ...place, identity },
      "change a value in an editor",
      `Opens $VISUAL, else $EDITOR, else vi, on a file that only you can read, in memory ($XDG_RUNTIME_DIR, /dev/shm) where
there is such a place; it is removed whatever happens.`,
    ),
    verb(
      "rekey",
      {
        all: on("all", "encrypt everything anew, also what is encrypted to the admins already"),
        bindHere: on(
          "bind-here",
          "let secrets belong to where they stand that say another place, or none",
        ),
        check: on(
          "check",
          "change nothing, fail when something is to be done; only with --identity decrypt and check where they belong",
        ),
        identity,
        json,
      },
      "encrypt the values to the admins of now",
      `Encrypts to the recipients in admins of global.yaml what is encrypted to others, or does not say to whom. Run it
after a change of admins, with an identity that can still read everything. Then it reads all files again and proves of
each secret: it names exactly the admins, has one stanza for each and no other, can be decrypted, says inside that it
belongs where it stands, and is what it was. A value that another program wrote can claim any recipients until it is
encrypted anew: --all makes sure. Who could read the old files in the repository's history still can: change these values
themselves, too.
Afterwards global.yaml says "secrets: bound": a secret that says another place than its own, or none, is refused by all
tasks. --bind-here takes such ones, where you know who put them there: nodes that get them will read them.`,
    ),
    verb("show-names", { json }, "list the secrets and for whom they say they are"),
  ),
  object({
    nodes: value("nodes", "DIR", "the fleet's YAML files", { default: "nodes" }),
    keys: value("keys", "DIR", "the keys folder", { default: "keys" }),
  }),
);

/** What it says. */
export type SecretLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<SecretLine> = {
  name: "deno task secret",
  summary: "Keep secrets in the fleet's files, encrypted to the administrators.",
  parser,
  quiet: true,
  notes: [
    `For example:
  deno task secret init
  printf %s "$TOKEN" | deno task secret set lab files./etc/k3s/token.content
  deno task secret edit orchid scripts.join.run
  deno task site`,
    `KEY is dotted, from below private: files./etc/token.content, scripts.join.run, hosts.fd00::5.0. Items of a list are numbered
from 0; the number behind the last adds one. Where a node and a tag have the same name, say nodes/NAME or tags/NAME.`,
    `The identity: --identity, else PSYOPSOS_AGE_IDENTITY (a path), else keys/admin.age; a file of age-keygen, also encrypted
with a passphrase (age -p). The passphrase comes from ${IDENTITY_PASSPHRASE_VARIABLE}, else a prompt.
Without this package: the text of a value goes through "age --decrypt -i keys/admin.age | tail -n +2"; the line that is left
out says where it belongs (docs/secrets.md).`,
    "Network: none.",
  ],
};

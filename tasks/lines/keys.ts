/**
 * The command line of `deno task keys`.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on, someOf, value, verb, wordOf } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { ROLES } from "../../lib/trust/comment.ts";
import { OWN_KEYS } from "../../lib/trust/keyring.ts";
import { PASSPHRASE_FILE } from "../../lib/trust/passphrase.ts";

const parser = merge(
  or(
    verb(
      "init",
      {
        gpg: value(
          "gpg",
          "RECIPIENT",
          `make a passphrase and encrypt it with gpg into ${PASSPHRASE_FILE}`,
        ),
        noPassphrase: on("no-passphrase", "leave the secret keys in the clear, e.g. for CI"),
        own: someOf("own", OWN_KEYS, "a key pair of its own for this role"),
      },
      "make the keys",
    ),
    verb("show", {}, "show the keys and which roles they have"),
    verb(
      "rotate",
      {
        role: wordOf("ROLE", ROLES),
        with: value("with", "FILE", "sign with this root secret key, default DIR/minisign.seckey"),
      },
      "replace the key of a role",
      `Replaces the key of a role: a new pair, and the next root document, signed by the root key, that tells nodes of it. The
old pair goes to DIR/retired. Without a role: the root document for the keys that are there. Then: deno task site, deno task
publish. A node that is off meanwhile follows when it is back.`,
    ),
  ),
  object({ keys: value("keys", "DIR", "the keys folder", { default: "keys" }) }),
);

/** What it says. */
export type KeysLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<KeysLine> = {
  name: "deno task keys",
  summary: "Make, show and rotate the minisign keys that sign the site.",
  parser,
  notes: [
    "Files: DIR/minisign.{pubkey,seckey}, DIR/root/<n>.json. The C program minisign reads and writes the same key files.",
    `Timestamp or release key lost or stolen: rotate it. Config key stolen: rotate it; nodes then forget the serial, too, as the
thief may have raised it. Root key stolen: rotate root, and soon: a node that has not seen the new root yet still believes
the old one. Root key lost: nodes need new drives, so keep a copy of it elsewhere.`,
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "Network: none.",
  ],
};

/**
 * The command line of `deno task sign`.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { constant } from "@optique/core/primitives";
import { oneOf, value, verb, wordList } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { ROLES } from "../../lib/trust/comment.ts";
import { trustedCommentProblem } from "../../lib/trust/minisign_sign.ts";

const signFields = {
  secretKey: value("secret-key", "FILE", "sign with this key instead"),
  trustedComment: value(
    "trusted-comment",
    "TEXT",
    "signed with each file, default time and file name",
    { check: trustedCommentProblem },
  ),
  files: wordList("FILE", {
    min: 1,
    check: (file) => file === "verify" ? "a file called verify is written ./verify" : undefined,
  }),
};

const parser = merge(
  or(
    verb(
      "verify",
      {
        publicKey: value("public-key", "KEY", "verify with this key file or key line instead"),
        files: wordList("FILE", { min: 1 }),
      },
      "verify signed files",
    ),
    object({ verb: constant("sign"), ...signFields }),
  ),
  object({
    keys: value("keys", "DIR", "the keys folder", { default: "keys" }),
    role: oneOf("role", ROLES, "whose key of the folder", { default: "config" }),
  }),
);

/** What it says. */
export type SignLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<SignLine> = {
  name: "deno task sign",
  summary: "Sign files, or verify signed files, as minisign does.",
  parser,
  notes: [
    "The signature of FILE is FILE.minisig. A file called verify is written ./verify.",
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "Network: none.",
  ],
};

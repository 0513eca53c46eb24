import { utf8 } from "../../lib/bytes.ts";
import { canonicalJson } from "../../lib/json.ts";
import { mapRoles, signerOf } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import { publicKeyOf, secretKey } from "../../lib/trust/minisign_sign.ts";
import type { RootChain } from "../../lib/trust/root_sign.ts";
import type { BuildOptions } from "../../site/build/build.ts";

/** A small fleet and what is needed to build its site, all in memory. */

export const ISSUED = "2026-11-22T20:00:00Z";
export const EXPIRES = "2026-11-25T20:00:00Z";
export const RECIPIENTS = [
  "age1c3zjjnuykdj37cckzw8a29k23fphdqwgr9w8h9furtwnacf473ystm8sut",
  "age1z8mdjt8zhy9fr42fxzet7xj60s37ay2fxdm9925wxdtekn0rg5ysqjvthu",
] as const;
export const SSH_KEYS = [
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnvAx2oLeJC3icCn1516kUtwLjtsfRVPcPUVJW0I8ou a",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMWQIYl/3DIr27oKP4kfQrT+KTEs5vOHWM//K3qfqGa b",
] as const;

/** Files of a fleet with nodes `alpha` (tag lab) and `beta` (no tag). "SECRET" stands in private parts only. */
export function fleetFiles(): Map<string, string> {
  return new Map([
    ["global.yaml", "config:\n  hostname: everyone\n  check: {everySeconds: 300}\n"],
    [
      "tags/lab.yaml",
      `config:
  files:
    /etc/motd: {content: "hello\\n", mode: "0644"}
private:
  files:
    /etc/token: {content: SECRET-of-lab, mode: "0600"}
`,
    ],
    [
      "alpha.yaml",
      `recipient: ${RECIPIENTS[0]}
sshHostKey: ${SSH_KEYS[0]}
tags: [lab]
notes: The first.
config:
  hostname: alpha
private:
  scripts:
    join: {run: "echo SECRET-of-alpha"}
`,
    ],
    ["beta.yaml", `recipient: ${RECIPIENTS[1]}\n`],
  ]);
}

/** A key that is always the same. */
export const KEY = secretKey(new Uint8Array(8).fill(7), new Uint8Array(32).fill(1));
const signer = signerOf(KEY);

/** Build options with that key; encryption is marked, so that tests see what is in it. */
export function buildOptions(serial = 42): BuildOptions {
  const line = publicKeyLine(publicKeyOf(KEY));
  const root = { version: 1, issued: ISSUED, roles: mapRoles(() => [line]) };
  const data = canonicalJson(root);
  const signature = signer.sign(data, {
    type: "root",
    path: "psyopsOS/root/1.json",
    issued: ISSUED,
  });
  const roots: RootChain = { files: [{ root, data, signature }], pinned: publicKeyOf(KEY) };
  return {
    serial,
    issued: ISSUED,
    expires: EXPIRES,
    roots,
    sign: (_role, bytes, type, path) => signer.sign(bytes, { type, path, serial, issued: ISSUED }),
    encrypt: (recipients, plaintext) =>
      Promise.resolve(
        utf8(`to ${recipients.join()} ${serial}: ${plaintext.toReversed().toString()}`),
      ),
  };
}

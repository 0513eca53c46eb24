/** A fleet with secrets, in memory. */
import { utf8 } from "../../lib/bytes.ts";
import { formatSecret } from "../../lib/documents/secret_text.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { Sealer } from "../../lib/trust/age_value.ts";
import { FakeHost } from "../support/fake_host.ts";
import { fleetFiles } from "./support.ts";

export const ADMIN = await generateIdentity();
export const OTHER = await generateIdentity();
export const NEXT = await generateIdentity();

/** What an identity file with the keys of `pairs` holds. */
export function identityOf(...pairs: { identity: string }[]): IdentityFile {
  return { keys: pairs.map(({ identity }) => identity), skipped: [], boundOnly: false };
}

/** `!age` and armored text as a block, `indent` columns in; what is inside says no place, as before there were any. */
export async function sealed(
  plain: string,
  indent: number,
  recipients: readonly string[] = [ADMIN.recipient],
): Promise<string> {
  const armored = await new Sealer(recipients).seal(utf8(plain));
  const lines = armored.trimEnd().split("\n").map((line) => " ".repeat(indent) + line);
  return `!age |\n${lines.join("\n")}`;
}

/** The same of a value that belongs to `path` (below `private`) in the file of `owner`. */
export async function bound(
  owner: string,
  path: readonly string[],
  value: string,
  indent: number,
): Promise<string> {
  return await sealed(formatSecret({ owner, path }, value), indent);
}

/** The fleet of support.ts with one admin and a secret in global, in the tag and in alpha. */
export async function secretFiles(): Promise<Map<string, string>> {
  const files = fleetFiles();
  files.set(
    "global.yaml",
    `# Everyone's.
admins: [${ADMIN.recipient}]
secrets: bound
config: {check: {everySeconds: 300}}
private:
  files:
    /etc/all: # shared by all
      mode: "0600"
      content: ${await bound("global", ["files", "/etc/all", "content"], "MARK-global", 8)}
`,
  );
  files.set(
    "tags/lab.yaml",
    `private:
  files:
    /etc/token:
      content: ${await bound("tags/lab", ["files", "/etc/token", "content"], "MARK-lab\n", 8)}
      mode: "0600" # keep
  scripts:
    plain: {run: "echo PLAIN-lab", when: boot}
`,
  );
  files.set(
    "alpha.yaml",
    `${fleetFiles().get("alpha.yaml")!}  users:
    ops: # of alpha
      uid: ${await bound("nodes/alpha", ["users", "ops", "uid"], "1234", 8)}
`,
  );
  return files;
}

/** A host with these files below `nodes/`. */
export function hostWith(files: ReadonlyMap<string, string>): FakeHost {
  const host = new FakeHost();
  for (const [path, content] of files) host.put(`nodes/${path}`, content);
  return host;
}

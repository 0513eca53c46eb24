/**
 * Makes an administrator: an age identity in the keys folder, and its recipient in the list `admins` of `global.yaml`.
 *
 * @module
 */
import { isMap } from "yaml";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { ADMIN_IDENTITY, protectIdentity } from "../../lib/trust/age_identity.ts";
import { formatIdentityFile, generateIdentity } from "../../lib/trust/age_keygen.ts";
import { writeEditorSchemas } from "../fleet/editor_schema.ts";
import { schemaLine } from "../fleet/schema_line.ts";
import { appendItem } from "../fleet/yaml_edit.ts";
import { type ParsedYaml, parseYaml } from "../fleet/yaml_file.ts";
import type { SecretFleet } from "./secret_files.ts";

/** What {@linkcode initAdmin} needs. */
export interface AdminOptions {
  /** The keys folder. */
  keys: string;
  /** Protects the identity file; asked for when all else is settled. Undefined leaves it in the clear. */
  passphrase?: () => Promise<string>;
  postQuantum?: boolean;
}

/** Makes `admin.age` and lists its recipient. @throws {UserError} when there is one, or the kinds of recipients differ. */
export async function initAdmin(
  host: Host,
  { files, fleet }: SecretFleet,
  options: AdminOptions,
): Promise<{ identity: string; file: string; recipient: string }> {
  const identity = `${options.keys}/${ADMIN_IDENTITY}`;
  const file = `${files.directory}/global.yaml`;
  if (await host.stat(identity)) {
    throw new UserError("make an administrator", `${identity} exists`, {
      hint: "with it lost, nobody could read the secrets again",
    });
  }
  const pair = await generateIdentity({ postQuantum: options.postQuantum });
  const listed = fleet.admins[0];
  if (listed && listed.startsWith("age1pq1") !== (options.postQuantum ?? false)) {
    throw new UserError(
      "make an administrator",
      `the admins in ${file} are ${
        options.postQuantum ? "not " : ""
      }post-quantum, and both kinds can't be mixed`,
    );
  }
  const text = withAdmin(
    file,
    files.files.get("global.yaml")?.source ?? schemaLine("global.yaml"),
    pair.recipient,
  );
  const plain = formatIdentityFile(pair);
  const passphrase = await options.passphrase?.();
  const stored = passphrase === undefined ? plain : await protectIdentity(plain, passphrase);
  await host.mkdir(options.keys, { mode: 0o700 });
  await host.writeFile(identity, stored, { mode: 0o600 });
  try {
    await writeEditorSchemas(host, files.directory);
    await host.writeFile(file, text);
  } catch (error) {
    await host.remove(identity);
    throw error;
  }
  return { identity, file, recipient: pair.recipient };
}

/** The text of `global.yaml` with one more administrator; all else in it stays as it is. */
function withAdmin(file: string, source: string, recipient: string): string {
  // The fleet was read, so this is YAML.
  const parsed = parseYaml(file, source) as ParsedYaml;
  const { contents } = parsed.document;
  if (isMap(contents) && contents.has("admins")) return appendItem(parsed, "admins", recipient);
  if (isMap(contents) && contents.flow) {
    throw new UserError(`edit ${file}`, "it is not laid out as lines", {
      hint: `add "admins: [${recipient}]" by hand`,
    });
  }
  const gap = source === "" || source.endsWith("\n") ? "" : "\n";
  return `${source}${gap}# Secrets (!age) in these files are encrypted to these age recipients.\nadmins:\n  - ${recipient}\n`;
}

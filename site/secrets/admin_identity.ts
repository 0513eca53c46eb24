/**
 * Makes an administrator: an age identity in the keys folder, and its recipient in the list `admins` of `global.yaml`.
 *
 * @module
 */
import { isMap } from "yaml";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { BOUND_ONLY } from "../../lib/trust/age.ts";
import { ADMIN_IDENTITY, protectIdentity } from "../../lib/trust/age_identity.ts";
import { formatIdentityFile, generateIdentity } from "../../lib/trust/age_keygen.ts";
import { saysBound } from "../fleet/assemble.ts";
import { writeEditorSchemas } from "../fleet/editor_schema.ts";
import { schemaLine } from "../fleet/schema_line.ts";
import { addKey, appendItem } from "../fleet/yaml_edit.ts";
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
  const source = files.files.get("global.yaml")?.source ?? schemaLine("global.yaml");
  // Where there are secrets already, secret rekey writes into them where they belong, and says so.
  const isFirst = ![...files.files.values()].some(({ sealed }) => sealed.length > 0);
  const text = withAdmin(file, source, pair.recipient, isFirst && !saysBound(files));
  const plain = `${formatIdentityFile(pair)}${BOUND_ONLY}\n`;
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

/**
 * The text of `global.yaml` with one more administrator, and that secrets say where they belong; all else in it stays as it
 * is.
 */
function withAdmin(file: string, source: string, recipient: string, sayBound: boolean): string {
  // The fleet was read, so this is YAML.
  const parsed = parseYaml(file, source) as ParsedYaml;
  const { contents } = parsed.document;
  if (isMap(contents) && contents.has("admins")) {
    const text = appendItem(parsed, "admins", recipient);
    if (!sayBound) return text;
    return addKey(parseYaml(file, text) as ParsedYaml, "admins", "secrets", "bound");
  }
  if (isMap(contents) && contents.flow) {
    throw new UserError(`edit ${file}`, "it is not laid out as lines", {
      hint: `add "admins: [${recipient}]" by hand`,
    });
  }
  const gap = source === "" || source.endsWith("\n") ? "" : "\n";
  return [
    `${source}${gap}# Secrets (!age) in these files are encrypted to these age recipients.`,
    ...["admins:", `  - ${recipient}`],
    ...sayBound
      ? [
        "# Each of them says inside where it belongs; anywhere else it is refused.",
        "secrets: bound",
      ]
      : [],
    "",
  ].join("\n");
}

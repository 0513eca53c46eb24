/**
 * Files of the configuration: content, mode and owner. What was there before comes back when a file is no longer listed: see
 * `gone.ts`.
 *
 * @module
 */
import { sha256Hex, text, utf8 } from "../../lib/bytes.ts";
import { type DesiredFile, octal } from "../../lib/config/files.ts";
import { DIFFERS, PRIVATE_DIGEST } from "../../lib/config/key.ts";
import { desired, type ObservedOf } from "../../lib/config/mod.ts";
import { rendered } from "../../lib/config/template.ts";
import { UserError } from "../../lib/errors.ts";
import type { FileInfo, Host, RegularFile } from "../../lib/host.ts";
import { type AccountNames, ownerIds, ownerNames, readAccountNames } from "./account_names.ts";
import { findFilePlace, installFile } from "../system/install_file.ts";
import { readFacts } from "../system/read_file.ts";
import { digestKey, fileForm, noteMade } from "./made.ts";
import { readNodeFacts } from "./node_facts.ts";
import type { KeyResource, Step, Target } from "./resource.ts";
import { validateFile } from "./validate.ts";

/** What is at a path. */
export interface ActualFile {
  kind: FileInfo["kind"];
  /** Of a regular file that is no longer than the wanted one. */
  sha256?: string;
  mode: number;
  owner: string;
  group: string;
}

/**
 * Stands for what can't be read, e.g. through a link that an account made. Writing the file puts it right, or fails and
 * says why; the other files are looked at all the same.
 */
const UNREADABLE: RegularFile = {
  info: { kind: "other", size: 0, mode: 0, uid: 0, gid: 0, mtime: 0 },
};

/** A file with the node's facts filled in; `lacks` says what the node has not got of those that its template names. */
interface Filled {
  file: DesiredFile;
  lacks?: string;
  /** Whether nobody but the node may know its content. */
  isSecret: boolean;
}

interface Change extends Step {
  readonly filled: Filled;
  readonly key: Uint8Array;
}

interface Actual {
  filled: Filled[];
  found: Map<string, ActualFile>;
  /** Of digests in the records of what was made. */
  key: Uint8Array;
}

export const files: KeyResource<"files", Actual, Change> = {
  async read(host, wanted, target) {
    const names = await readAccountNames(host);
    const shown = desired("files", target.shown, target.identity);
    const filled = await fillIn(host, wanted, shown, target);
    const found = new Map<string, ActualFile>();
    for (const { file } of filled) {
      const actual = await readActual(host, file, names);
      if (actual) found.set(file.path, actual);
    }
    return { filled, found, key: digestKey(target.identity) };
  },

  plan: (_wanted, { filled, found, key }) =>
    filled.filter(({ file, lacks }) => lacks !== undefined || !isSame(file, found.get(file.path)))
      .map((one) => ({
        filled: one,
        key,
        ...one.isSecret || one.lacks !== undefined ? {} : { file: one.file },
        // Not how long it is: that is the length of a secret.
        text: `write ${one.file.path} (${
          octal(one.file.mode)
        } ${one.file.owner}:${one.file.group})`,
      })),

  async apply({ filled: { file, lacks, isSecret }, key }, host) {
    const { path, data, mode, validate } = file;
    const doing = `write ${path}`;
    const owner = { mode, ...ownerIds(await readAccountNames(host), file, doing) };
    if (lacks !== undefined) throw new UserError(doing, lacks);
    const place = await findFilePlace(host, path);
    if (validate !== undefined) await validateFile(host, { path, data, validate, isSecret }, owner);
    const form = fileForm(data, owner, key);
    await noteMade(host, { what: "file", path, place, form, key, isSecret });
    await installFile(host, path, data, owner);
  },

  async observe(host, wanted, shown, target) {
    const names = await readAccountNames(host);
    const found: ObservedOf<"files"> = [];
    const filled = await fillIn(host, wanted, shown, target);
    for (const [i, { file, lacks, isSecret }] of filled.entries()) {
      const facts = await readActual(host, file, names);
      if (facts?.kind !== "file") continue;
      const asWanted = isSecret ? PRIVATE_DIGEST : wanted[i]!.sha256;
      // What else is there is nobody's business: it may be a secret, or another file that an account has put there.
      const isRight = lacks === undefined && facts.sha256 === file.sha256;
      const told = isRight ? asWanted : DIFFERS;
      const { owner, group } = facts;
      found.push({ path: file.path, sha256: told, mode: octal(facts.mode), owner, group });
    }
    return found;
  },
};

/** The files with what their templates ask for. */
async function fillIn(
  host: Host,
  wanted: readonly DesiredFile[],
  shown: readonly DesiredFile[],
  target: Target,
): Promise<Filled[]> {
  const texts = wanted.filter(({ template }) => template).map(({ data }) => text(data));
  const facts = await readNodeFacts(host, target, texts);
  return wanted.map((file) => {
    const { path, sha256 } = file;
    const isSecret = !shown.some((one) => one.path === path && one.sha256 === sha256);
    if (!file.template) return { file, isSecret };
    const found = rendered(text(file.data), facts);
    if (found.lacks !== undefined) return { file, isSecret, lacks: found.lacks };
    const data = utf8(found.text);
    return { file: { ...file, data, sha256: sha256Hex(data) }, isSecret };
  });
}

/**
 * The facts of what is where `file` is wanted; undefined when there is nothing. Content is hashed only when it is no longer
 * than the wanted one.
 */
async function readActual(
  host: Host,
  { path, data: wanted }: DesiredFile,
  names: AccountNames,
): Promise<ActualFile | undefined> {
  const found = await readFacts(host, path, wanted.length).catch(() => UNREADABLE);
  if (!found) return undefined;
  const { info, data } = found;
  return {
    kind: info.kind,
    sha256: data && sha256Hex(data),
    mode: info.mode,
    ...ownerNames(names, info),
  };
}

function isSame(file: DesiredFile, actual: ActualFile | undefined): boolean {
  return actual?.kind === "file" && actual.sha256 === file.sha256 && actual.mode === file.mode &&
    actual.owner === file.owner && actual.group === file.group;
}

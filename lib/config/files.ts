/**
 * The key `files`.
 *
 * @module
 */
import { decodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { type Bytes, sha256Hex, utf8 } from "../bytes.ts";
import {
  accountName,
  anyText,
  boolean,
  dictionary,
  filePath,
  isBase64,
  line,
  longPartProblem,
  mapping,
  matching,
  openMapping,
  sinceOfName,
} from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey, PRIVATE_DIGEST } from "./key.ts";
import { FACT_WORDS, factsIn, templateProblem } from "./template.ts";

const NEW = { since: "0.2.0", secrecy: "open" } as const;
const OPEN = { since: "0.1.0", secrecy: "open" } as const;

const file = v.pipe(
  mapping({
    content: described(anyText, "What is in the file.", {
      since: "0.1.0",
      // Inherited from a lower layer, these would make something else of the new content.
      replaces: ["encoding", "template"],
    }),
    encoding: v.optional(
      described(
        ruled(v.literal("base64", "must be base64, or left out for text"), "base64"),
        "How `content` is written.",
        { ...OPEN, default: "text in UTF-8" },
      ),
    ),
    template: v.optional(
      described(
        boolean,
        `Whether \`content\` has facts of the node in it, to be filled in there: ${FACT_WORDS}. \`{{{{\` stands for \`{{\`. ` +
          "Where the node has no such address, it says so and leaves the file as it was.",
        { ...NEW, default: "false" },
      ),
    ),
    mode: v.optional(
      described(
        matching(/^[0-7]{4}$/, 'four octal digits in quotes, e.g. "0644"'),
        "Permission bits.",
        { ...OPEN, default: '"0644"; where `content` stands below `private`, "0600"' },
      ),
    ),
    owner: v.optional(
      described(accountName, "Account that owns the file.", {
        ...OPEN,
        default: "root",
        sinceOf: sinceOfName,
      }),
    ),
    group: v.optional(
      described(accountName, "Group of the file.", {
        ...OPEN,
        default: "root",
        sinceOf: sinceOfName,
      }),
    ),
    validate: v.optional(
      described(
        ruled(line("a command"), "a command"),
        "A command for /bin/sh that looks at the new file, `%s` in it, before that takes its place, e.g. `sshd -t -f %s`. It " +
          "runs as root, for 30 seconds at most. Where its exit code is not 0 the file stays as it was, and the node tells the " +
          "first line that the command says, without words of a private content. Others on the node can see the command.",
        {
          ...NEW,
          default: "none",
          desk: (command: string) =>
            command.includes("%s") ? undefined : "must have %s in it, the file to look at",
        },
      ),
    ),
  }),
  v.forward(
    v.partialCheck(
      [["content"], ["encoding"]],
      (given) => given.encoding !== "base64" || isBase64(given.content),
      "must be base64, as encoding says",
    ),
    ["content"],
  ),
);

/** Mode of a file whose content only the node may know, where the fleet says none. */
const PRIVATE_MODE = "0600";

/** One file; mode defaults to "0644", owner and group to root. */
export type FileConfig = v.InferOutput<typeof file>;

/** One file as it is wanted. */
export interface DesiredFile {
  path: string;
  data: Bytes;
  /** Of the content, in hex. */
  sha256: string;
  /** Permission bits. */
  mode: number;
  owner: string;
  group: string;
  /** Whether `data` has facts of the node in it that are to be filled in; `sha256` is of the data as they are. */
  template: boolean;
  /** Command that judges the file. */
  validate?: string;
}

const observed = v.array(openMapping({
  path: anyText,
  /** Where it is as wanted: in hex, of a template before the node's facts were filled in, or {@linkcode PRIVATE_DIGEST} for a private one; else {@linkcode DIFFERS}. */
  sha256: anyText,
  mode: anyText,
  owner: anyText,
  group: anyText,
}));

export const files = configKey({
  schema: described(
    dictionary(
      filePath,
      described(file, "One file, by its path.", {
        since: "0.1.0",
        desk: (_file: unknown, path: string) => longPartProblem(path),
      }),
    ),
    "Files with content, mode and owner. What someone changes is put right. Missing directories are made (0755): in a " +
      "directory that an account owns, as its home, they are that account's, elsewhere root's. A file that is no longer " +
      "listed is removed, with the directories that were made for it and are empty; what was there before comes back, up to " +
      "1 MiB a file and 16 MiB in all, else the file stays until the next boot. What somebody has changed since the node's " +
      "last round is left as it is.",
    { since: "0.1.0", default: "none" },
  ),
  example: `files:
  /etc/motd:
    content: |
      This node runs in RAM.
  /etc/ssh/sshd_config.d/20-address.conf:
    content: |
      ListenAddress {{address.eth0}}
    template: true
    validate: sshd -t -f %s
  /etc/app/key:
    content: AAECAw==
    encoding: base64
    mode: "0640"
    group: wheel
`,
  desired: (value = {}): DesiredFile[] =>
    Object.entries(value).map(([path, given]) => {
      const data = fileContent(given);
      const { mode = "0644", owner = "root", group = "root", template = false, validate } = given;
      // Both of them are refused at the desk: bytes are no text to fill facts in.
      const isText = given.encoding === undefined;
      const facts = { mode: parseInt(mode, 8), owner, group, template: template && isText };
      return { path, data, sha256: sha256Hex(data), ...facts, ...validate && { validate } };
    }),
  settle: (value, shown = {}) =>
    Object.fromEntries(
      Object.entries(value).map(([path, file]) => {
        const { content, encoding } = shown[path] ?? {};
        const isPublic = content === file.content && encoding === file.encoding;
        return [
          path,
          file.mode === undefined && !isPublic ? { ...file, mode: PRIVATE_MODE } : file,
        ];
      }),
    ),
  problems: (value) =>
    Object.entries(value).flatMap(([path, { content, encoding, template }]) => {
      if (!template) return [];
      const problem = encoding === undefined
        ? templateProblem(content)
        : "a template must be text, without encoding";
      return problem === undefined ? [] : [{ at: [path], message: `${path}: ${problem}` }];
    }),
  needs: { programs: ["/bin/sh", "ip"], packages: [] },
  claims: (value) => Object.keys(value).map((path) => ({ claim: ["path", path], at: [path] })),
  observed,
  differences: (wanted, seen, shown) =>
    wanted.flatMap(({ path, sha256, mode, owner, group }) => {
      const have = seen.find((one) => one.path === path);
      if (!have) return [`file ${path} is missing`];
      const open = shown.some((one) => one.path === path && one.sha256 === sha256);
      return [
        ...compare(`file ${path}: SHA-256`, have.sha256, open ? sha256 : PRIVATE_DIGEST),
        ...compare(`file ${path}: mode`, have.mode, octal(mode)),
        ...compare(`file ${path}: owner`, have.owner, owner),
        ...compare(`file ${path}: group`, have.group, group),
      ];
    }),
});

/** Paths of the files of `whole` that have their mode from {@linkcode files}' `settle`, `merged` being what it was given. */
export function tightenedFiles(
  merged: Record<string, FileConfig> = {},
  whole: Record<string, FileConfig> = {},
): string[] {
  return Object.keys(whole).filter((path) => whole[path]!.mode !== merged[path]?.mode);
}

/** Whether a file asks for the node's tags. */
export function asksForTags(files: Record<string, FileConfig> = {}): boolean {
  return Object.values(files).some(({ template, content }) =>
    template && factsIn(content).some(({ fact }) => fact === "tags")
  );
}

/** The bytes of a file's content. */
export function fileContent(given: FileConfig): Bytes {
  return given.encoding === "base64" ? decodeBase64(given.content) : utf8(given.content);
}

/** Permission bits as configurations write them, e.g. "0644". */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

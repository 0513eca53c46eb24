/**
 * The reference of the configuration in words: `docs/configuration.md` and the table in README.md are made of it.
 *
 * @module
 */
import type * as v from "valibot";
import { unwrapped } from "../schema/paths.ts";
import { factsOf, type Field, fieldsOf, ruleWords, wordsOf } from "../schema/words.ts";
import type { Needs } from "./key.ts";
import { KEY_NAMES, type KeyName, KEYS } from "./mod.ts";

/** One row for each key: its name and what it means. */
export function keyTable(): string {
  const rows = KEY_NAMES.map((name) => {
    const { schema } = KEYS[name];
    const fields = fieldsOf(schema).filter(({ path }) => !path.at(-1)!.startsWith("["))
      .map(({ path }) => path.at(-1)!).filter((one) => one !== NAME);
    const told = fields.length > 0 ? ` (${fields.map((one) => `\`${one}\``).join(", ")})` : "";
    return `| \`${name}\` | ${firstSentence(wordsOf(schema))}${told} |`;
  });
  return ["| Key | Means |", "|---|---|", ...rows, ""].join("\n");
}

/** The whole reference in Markdown. */
export function referenceText(): string {
  return [
    "# What a node can be told",
    "",
    "Made from the sources (`lib/config/`); `deno task generate` makes it anew.",
    "",
    "`nodes/global.yaml` < `nodes/tags/<tag>.yaml`, in the order in which the node lists its tags, < `nodes/<node>.yaml`. Each of",
    "these files may have `config`, which everyone can read on the site, and `private`, which leaves your machine encrypted to",
    "the nodes alone; both take the keys below, and `private` is laid over `config`. Mappings merge by key, lists and single",
    "values replace (a list that replaces another one is warned of). A `null`, written out, takes away what lower layers say of",
    "a key or an entry; what later layers say of it begins anew. What an entry must have may stand in several layers: it is asked",
    "for once they are merged, e.g. a file's mode below `config` and its content below `private`; such an entry is public only",
    "where it is whole without `private`. An unknown key is an error that names its place and the nearest known one.",
    "",
    "A value below `private` may be encrypted in the file, too: `deno task secret set` writes it with the tag `!age`. See",
    "[secrets.md](secrets.md).",
    "",
    "Keys are applied in this order: " + KEY_NAMES.map((name) => `\`${name}\``).join(", ") + ".",
    "**Since** is the first version of the agent that knows a field: a node whose agent is older keeps what it has and says",
    "that it needs an update of the OS.",
    "",
    ...KEY_NAMES.flatMap(keyText),
  ].join("\n");
}

/** Placeholder of any name in a dictionary. */
const NAME = "<name>";

function keyText(name: KeyName): string[] {
  const key = KEYS[name];
  const facts = factsOf(key.schema);
  const fields = fieldsOf(key.schema);
  const lines = [`## \`${name}\``, "", wordsOf(key.schema), ""];
  lines.push(
    `${rule(key.schema)}. Default: ${facts?.default ?? "none"}. Since ${facts?.since ?? "ever"}.`,
  );
  if ("needs" in key) lines.push(...needsText(key.needs));
  const isSecret = fields.some(({ schema }) => factsOf(schema)?.secrecy === "secret");
  if (isSecret) lines.push("", "It holds a secret, so it stands below `private`:");
  lines.push("", "```yaml", key.example.trimEnd(), "```", "");
  const rows = fields.filter(({ path }) => path.at(-1) !== "[]").map(fieldRow);
  if (rows.length > 0) {
    lines.push(
      "| Field | Meaning | Must be | Default | Since |",
      "|---|---|---|---|---|",
      ...rows,
      "",
    );
  }
  return lines;
}

function needsText({ programs, packages }: Needs): string[] {
  const parts = [
    ...programs.length > 0 ? [`the program ${programs.map((one) => `\`${one}\``).join(", ")}`] : [],
    ...packages.length > 0 ? [`the package ${packages.map((one) => `\`${one}\``).join(", ")}`] : [],
  ];
  return parts.length > 0 ? [`It needs ${parts.join(" and ")} in the image.`] : [];
}

function fieldRow({ path, schema, required }: Field): string {
  const facts = factsOf(schema);
  const cells = [
    `\`${path.join(".")}\``,
    wordsOf(schema) + (facts?.secrecy ? SECRECY[facts.secrecy] : ""),
    rule(schema),
    required ? "must be there" : facts?.default ?? "none",
    facts?.since ?? "",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** What the reference says of who may read a field. */
const SECRECY = {
  open: " No secret, wherever it stands.",
  free: "",
  secret: " Secret: taken below `private` only.",
} as const;

/** What a value must be, as its kind says in words. */
function rule(schema: v.GenericSchema): string {
  return ruleOf(schema).replace(/^./, (first) => first.toUpperCase());
}

function ruleOf(schema: v.GenericSchema): string {
  const { item, entries, key, value } = unwrapped(schema)!;
  if (item) return `a list, each item ${ruleOf(item)}`;
  if (entries) return "a mapping";
  if (value) return `a mapping from names, each ${ruleOf(key!)}`;
  const words = ruleWords(schema);
  if (words === undefined) throw new TypeError("A kind of field does not say what it must be");
  return words;
}

function firstSentence(words: string): string {
  return /^.*?\.(?=\s|$)/.exec(words)?.[0] ?? words;
}

/**
 * The key `directories`.
 *
 * @module
 */
import * as v from "valibot";
import {
  accountName,
  anyText,
  dictionary,
  filePath,
  longPartProblem,
  mapping,
  matching,
  openMapping,
} from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { octal } from "./files.ts";
import { compare, configKey } from "./key.ts";

const NEW = { since: "0.2.0", secrecy: "open" } as const;

const directory = mapping({
  mode: v.optional(
    described(
      matching(/^[0-7]{4}$/, 'four octal digits in quotes, e.g. "0750"'),
      "Permission bits.",
      { ...NEW, default: '"0755"' },
    ),
  ),
  owner: v.optional(
    described(accountName, "Account that owns it.", { ...NEW, default: "root" }),
  ),
  group: v.optional(described(accountName, "Its group.", { ...NEW, default: "root" })),
});

/** One directory as it is wanted. */
export interface DesiredDirectory {
  path: string;
  /** Permission bits. */
  mode: number;
  owner: string;
  group: string;
}

export const directories = configKey({
  schema: described(
    dictionary(
      filePath,
      described(directory, "One directory, by its path.", {
        ...NEW,
        desk: (_directory: unknown, path: string) => longPartProblem(path),
      }),
    ),
    "Directories with mode and owner, which are put right when someone changes them; of what is in them nothing is. Missing " +
      "ones above are made as those of files are. One that is no longer listed is removed if this boot's agent made it, once " +
      "nothing is in it; until then it keeps mode and owner. One that was there before gets those back that it had then.",
    { since: "0.2.0", default: "none" },
  ),
  example: `directories:
  /data/app:
    mode: "0750"
    group: wheel
`,
  desired: (value = {}): DesiredDirectory[] =>
    // Those above come first.
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map((
      [path, { mode = "0755", owner = "root", group = "root" }],
    ) => ({ path, mode: parseInt(mode, 8), owner, group })),
  needs: { programs: [], packages: [] },
  claims: (value) =>
    Object.keys(value).map((path) => ({ claim: ["path", path], at: [path], holdsOthers: true })),
  observed: v.array(
    openMapping({ path: anyText, mode: anyText, owner: anyText, group: anyText }),
  ),
  differences: (wanted, seen) =>
    wanted.flatMap(({ path, mode, owner, group }) => {
      const have = seen.find((one) => one.path === path);
      if (!have) return [`directory ${path} is missing`];
      return [
        ...compare(`directory ${path}: mode`, have.mode, octal(mode)),
        ...compare(`directory ${path}: owner`, have.owner, owner),
        ...compare(`directory ${path}: group`, have.group, group),
      ];
    }),
});

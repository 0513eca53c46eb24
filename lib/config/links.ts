/**
 * The key `links`.
 *
 * @module
 */
import * as v from "valibot";
import {
  anyText,
  dictionary,
  filePath,
  line,
  longPartProblem,
  mapping,
  openMapping,
} from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";

const NEW = { since: "0.2.0", secrecy: "open" } as const;

/** What a symbolic link may hold. */
const target = ruled(
  v.pipe(line("a path"), v.maxLength(4095, "must be at most 4095 characters")),
  "a path, absolute or from the link's own directory, at most 4095 characters",
);

/** One link as it is wanted. */
export interface DesiredLink {
  path: string;
  target: string;
}

export const links = configKey({
  schema: described(
    dictionary(
      filePath,
      described(
        mapping({
          target: described(target, "Where the link leads, whether anything is there or not.", NEW),
        }),
        "One link, by its path.",
        { ...NEW, desk: (_link: unknown, path: string) => longPartProblem(path) },
      ),
    ),
    "Symbolic links. One that someone changes is put right; where a file or directory is, the node leaves that and says so. " +
      "Missing directories above are made as those of files are. A link that is no longer listed is removed, or leads where " +
      "it led before, unless somebody has changed it since.",
    { since: "0.2.0", default: "none" },
  ),
  example: `links:
  /usr/local/bin/app:
    target: /data/app/bin/app
`,
  desired: (value = {}): DesiredLink[] =>
    Object.entries(value).map(([path, { target }]) => ({ path, target })),
  needs: { programs: [], packages: [] },
  claims: (value) => Object.keys(value).map((path) => ({ claim: ["path", path], at: [path] })),
  observed: v.array(
    openMapping({
      path: anyText,
      /** {@linkcode DIFFERS} where it is not as wanted. */
      target: anyText,
    }),
  ),
  differences: (wanted, seen) =>
    wanted.flatMap(({ path, target }) => {
      const have = seen.find((one) => one.path === path);
      return have
        ? compare(`link ${path}: target`, have.target, target)
        : [`link ${path} is missing`];
    }),
});

/**
 * Versions of Alpine packages: `1.2.3b_rc1~c0ffee-r4`. Order and fuzzy match are those of apk-tools 3;
 * apk-tools 2.14 differs only in `~` when the wanted version is longer than the installed one.
 *
 * Grammar: `digits{.digits}[letter]{_suffix[digits]}[~hex][-rdigits]`, suffixes in the order
 * alpha beta pre rc (none) cvs svn git hg p. A version outside of the grammar compares by the part
 * that fits it, as apk does, since real indexes hold some.
 *
 * @module
 */

/** How a dependency compares versions; `><` compares a checksum instead. */
export type Operator = "<" | "<=" | "=" | ">=" | ">" | "~" | "<~" | ">~" | "><";

/** Longest version that is valid. */
export const MAX_VERSION_LENGTH = 256;

/** Where two versions part ways in kind, the one whose part has the lower rank is the greater. */
const RANK = {
  first: 0,
  digits: 1,
  letter: 2,
  suffix: 3,
  count: 4,
  hash: 5,
  revision: 6,
  end: 7,
  invalid: 8,
} as const;

interface Part {
  kind: keyof typeof RANK;
  text: string;
}

/** Suffixes before the empty one mark what comes before a release. */
const SUFFIXES = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
const RELEASE = SUFFIXES.indexOf("");

/** What may follow what, tried in this order at each position. */
const GRAMMAR: readonly { kind: Part["kind"]; after: readonly Part["kind"][]; shape: RegExp }[] = [
  { kind: "digits", after: ["first", "digits"], shape: /\.([0-9]+)/y },
  { kind: "letter", after: ["first", "digits"], shape: /([a-z])/y },
  {
    kind: "suffix",
    after: ["first", "digits", "letter", "suffix", "count"],
    shape: /_(alpha|beta|pre|rc|cvs|svn|git|hg|p)(?![a-z])/y,
  },
  { kind: "count", after: ["suffix"], shape: /([0-9]+)/y },
  {
    kind: "hash",
    after: ["first", "digits", "letter", "suffix", "count"],
    shape: /~([0-9a-f]+)/y,
  },
  {
    kind: "revision",
    after: ["first", "digits", "letter", "suffix", "count", "hash"],
    shape: /-r([0-9]+)/y,
  },
];

/** Whether `version` fits the grammar whole. */
export function isVersion(version: string): boolean {
  return version.length <= MAX_VERSION_LENGTH && split(version).at(-1)!.kind === "end";
}

/** -1 when `a` is older than `b`, 1 when it is newer, 0 when they are equal. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  return compare(a, b, false);
}

/** Whether `version` stands in relation `operator` to `wanted`. `><` never holds: it is no version. */
export function satisfies(version: string, operator: Operator, wanted: string): boolean {
  const order = compare(version, wanted, operator.includes("~"));
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
    case "<~":
      return order <= 0;
    case "=":
    case "~":
      return order === 0;
    case ">=":
    case ">~":
      return order >= 0;
    case ">":
      return order > 0;
    case "><":
      return false;
  }
}

/** With `fuzzy`, everything that begins with all parts of `b` equals it. */
function compare(a: string, b: string, fuzzy: boolean): -1 | 0 | 1 {
  if (a === b) return 0;
  const left = split(a), right = split(b);
  for (let i = 0;; i++) {
    const x = left[i]!, y = right[i]!;
    if (x.kind === y.kind) {
      if (x.kind === "end" || x.kind === "invalid") return 0;
      const order = compareParts(x, y);
      if (order !== 0) return order;
      continue;
    }
    if (fuzzy && y.kind === "end") return 0;
    if (isPreRelease(x)) return -1;
    if (isPreRelease(y)) return 1;
    return RANK[x.kind] < RANK[y.kind] ? 1 : -1;
  }
}

function isPreRelease(part: Part): boolean {
  return part.kind === "suffix" && SUFFIXES.indexOf(part.text) < RELEASE;
}

function compareParts(x: Part, y: Part): -1 | 0 | 1 {
  if (x.kind === "suffix") return sign(SUFFIXES.indexOf(x.text) - SUFFIXES.indexOf(y.text));
  // A leading zero makes a later component a decimal fraction: 1.01 is older than 1.1.
  const fraction = x.kind === "digits" && (x.text.startsWith("0") || y.text.startsWith("0"));
  if (fraction || x.kind === "letter" || x.kind === "hash") return compareText(x.text, y.text);
  return compareNumbers(x.text, y.text);
}

/** Compares decimal digits of any length, exactly. */
function compareNumbers(x: string, y: string): -1 | 0 | 1 {
  const a = x.replace(/^0+/, ""), b = y.replace(/^0+/, "");
  return a.length === b.length ? compareText(a, b) : sign(a.length - b.length);
}

function compareText(x: string, y: string): -1 | 0 | 1 {
  return x < y ? -1 : x > y ? 1 : 0;
}

function sign(value: number): -1 | 0 | 1 {
  return value < 0 ? -1 : value > 0 ? 1 : 0;
}

/** The solver compares the same few thousand versions again and again. */
const known = new Map<string, readonly Part[]>();
const MAX_KNOWN = 100_000;

/** Parts of a version, the last of kind "end" or "invalid". */
function split(version: string): readonly Part[] {
  const seen = known.get(version);
  if (seen) return seen;
  const parts = parse(version);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(version, parts);
  return parts;
}

function parse(whole: string): Part[] {
  const version = whole.slice(0, MAX_VERSION_LENGTH);
  const first = /^[0-9]+/.exec(version);
  if (!first) return [{ kind: "invalid", text: "" }];
  const parts: Part[] = [{ kind: "first", text: first[0] }];
  let at = first[0].length;
  while (at < version.length) {
    const before = parts.at(-1)!.kind;
    let found: Part | undefined;
    for (const { kind, after, shape } of GRAMMAR) {
      if (!after.includes(before)) continue;
      shape.lastIndex = at;
      const match = shape.exec(version);
      if (!match) continue;
      found = { kind, text: match[1]! };
      at = shape.lastIndex;
      break;
    }
    if (!found) return [...parts, { kind: "invalid", text: "" }];
    parts.push(found);
  }
  return [...parts, { kind: version.length < whole.length ? "invalid" : "end", text: "" }];
}

import { assertEquals } from "@std/assert";
import { projectSources } from "../../../support/sources.ts";

/** Folders whose readers must be targets: what they read comes from elsewhere. */
const FOLDERS = [
  "lib/apk/",
  "lib/documents/",
  "lib/formats/",
  "lib/kmod/",
  "lib/publish/",
  "lib/schema/",
  "lib/trust/",
];
/** Names that readers bear. */
const READER = /^(?:read|parse|open|decode|unpack|gunzip|verify|find)[A-Z]?/;
/** What a function is given that reads, whatever its own name is. */
const GIVEN = /^\(\s*(?:bytes|text|source|line|answer)\b\??: (?:Bytes|Uint8Array|string)\b/;

/** What fetches files or pages and gives them to readers. */
const FETCHES = /^\(\s*host: /;

/** Functions that look like readers, and why none of the targets tries them. */
const EXCUSED: Readonly<Record<string, string>> = {
  findOddity: "the target fleet tries it, by way of site/fleet/",
  hasTooMany: "the target fleet tries it, by way of site/fleet/",
  inMemory: "it reads nothing: it makes a content of bytes",
  openPackages: "it fetches what openPackage() reads",
  parseTarget: "it reads a word of the command line",
};

interface Reader {
  name: string;
  file: string;
}

/** Functions of `source` that by their name, or by what they are given, read something. */
function readersOf(file: string, source: string): Reader[] {
  const exported = /^export (?:async )?function\*? (\w+)(?:<[^(]*>)?(\([^)]*)/gm;
  return [...source.matchAll(exported)]
    .filter(([, name, given]) =>
      (READER.test(name!) || GIVEN.test(given!)) && !FETCHES.test(given!)
    )
    .map(([, name]) => ({ name: name!, file }));
}

/** Names that the targets import, types left out. */
function importedNames(sources: ReadonlyMap<string, string>): Set<string> {
  const names = new Set<string>();
  for (const [file, source] of sources) {
    if (!/^tasks\/dev\/fuzz\/(?:targets\/|site_scenes)/.test(file)) continue;
    for (const [, list] of source.matchAll(/^import \{([^}]*)\} from "\.{2}[^"]*"/gm)) {
      for (const name of list!.split(",")) {
        if (!/^\s*type /.test(name)) names.add(name.trim().split(" as ")[0]!);
      }
    }
  }
  return names;
}

/** The text of a file without comments, declarations of functions and lists of imports: what is left calls. */
function callsOf(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replaceAll(/^import [\s\S]*?;$/gm, "")
    .replaceAll(/^export (?:async )?function\*? \w+/gm, "");
}

/**
 * The readers that are tried: those that targets call, those that files with such readers call, and so on. Other files may
 * call what they like: nobody tries them.
 */
function triedOf(
  readers: readonly Reader[],
  direct: ReadonlySet<string>,
  sources: ReadonlyMap<string, string>,
): Set<string> {
  const tried = new Set(readers.filter(({ name }) => direct.has(name)).map(({ name }) => name));
  for (let before = -1; before < tried.size;) {
    before = tried.size;
    const files = new Set(readers.filter(({ name }) => tried.has(name)).map(({ file }) => file));
    const words = new Set(
      [...files].flatMap((file) => callsOf(sources.get(file)!).match(/\w+/g) ?? []),
    );
    for (const { name } of readers) if (words.has(name)) tried.add(name);
  }
  return tried;
}

/** Readers that no target tries, and excuses that nobody needs. */
function judge(sources: ReadonlyMap<string, string>) {
  const readers = [...sources].filter(([file]) => FOLDERS.some((folder) => file.startsWith(folder)))
    .flatMap(([file, source]) => readersOf(file, source));
  const tried = triedOf(readers, importedNames(sources), sources);
  const known = new Set(readers.map(({ name }) => name));
  return {
    missing: readers.filter(({ name }) => !tried.has(name) && !(name in EXCUSED))
      .map(({ name, file }) => `${file}: ${name}`),
    needless: Object.keys(EXCUSED).filter((name) => tried.has(name) || !known.has(name)),
  };
}

Deno.test("every reader of what comes from elsewhere is a target, or it is said why not", async () => {
  assertEquals(judge(await projectSources()), { missing: [], needless: [] });
});

Deno.test("a new reader without a target is noticed, also in a file that has others", async () => {
  const sources = await projectSources();
  const ar = "lib/formats/ar.ts";
  const added = new Map([
    ...sources,
    ["lib/formats/new.ts", "export function readNew(bytes: Bytes): Bytes {\n  return bytes;\n}\n"],
    [
      ar,
      `${sources.get(ar)}\nexport function arNames(bytes: Bytes): string[] {\n  return [];\n}\n`,
    ],
    // Whoever is called by a file without readers that are tried is not tried by that.
    ["lib/image/new.ts", 'import { readNew } from "../formats/new.ts";\nreadNew(bytes);\n'],
  ]);
  assertEquals(judge(added).missing.sort(), [`${ar}: arNames`, "lib/formats/new.ts: readNew"]);
});

Deno.test("a target that is taken out is missed", async () => {
  const sources = new Map(await projectSources());
  sources.delete("tasks/dev/fuzz/targets/ar.ts");
  assertEquals(judge(sources).missing, ["lib/formats/ar.ts: arMember"]);
});

/** A key or value marked private never reaches a public document: over random fleets, with the real build. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { stringify } from "yaml";
import { type Bytes, utf8 } from "../../lib/bytes.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { buildSite } from "../../site/build/build.ts";
import { assembleFleet, parseFiles } from "../../site/fleet/assemble.ts";
import {} from "../../site/fleet/fleet.ts";
import { unseal } from "../../site/fleet/sealed.ts";
import { ADMIN, identityOf, sealed } from "./secret_support.ts";
import { buildOptions, RECIPIENTS } from "./support.ts";

const RUNS = 60;
/** In every private name and value, and nowhere else. */
const MARK = "zqmark";
const TAGS = ["one", "two", "three"];
const SECRETS = await Promise.all(
  ["a", "b", "c"].map(async (name) => armoredOf(await sealed(`${MARK} sealed ${name}`, 0))),
);
const RECIPIENT_POOL = [
  ...RECIPIENTS,
  ...await Promise.all([1, 2].map(async () => (await generateIdentity()).recipient)),
];

function armoredOf(tagged: string): string {
  return `${tagged.slice(tagged.indexOf("\n") + 1)}\n`;
}

/** A value that stands for `!age` until the YAML is text. */
const AGE = "@age";

/** A configuration whose names and values come from `word`; names may also be those that the public half uses. */
function config(word: fc.Arbitrary<string>, names: fc.Arbitrary<string>, secret: boolean) {
  const text = secret ? fc.oneof(word, fc.nat(SECRETS.length - 1).map((i) => `${AGE}${i}`)) : word;
  const dictionary = <T>(key: fc.Arbitrary<string>, value: fc.Arbitrary<T>) =>
    fc.dictionary(key, value, { maxKeys: 3 });
  return fc.record({
    hostname: word.map((given) => given.toLowerCase()),
    users: dictionary(
      names,
      fc.record({
        comment: text,
        groups: fc.dictionary(word, fc.constantFrom(true, null), { maxKeys: 2 }),
      }, { requiredKeys: [] }),
    ),
    files: dictionary(
      names.map((name) => `/etc/${name}`),
      fc.record({ content: text, owner: names }, { requiredKeys: ["content"] }),
    ),
    scripts: dictionary(names, fc.record({ run: text })),
    ...secret && { report: fc.record({ url: word.map((given) => `https://${given}.example/`) }) },
  }, { requiredKeys: [] });
}

const publicWord = fc.constantFrom("alfa", "bravo", "carol", "delta");
const privateWord = publicWord.map((word) => `${MARK}${word}`);
const layer = fc.record({
  config: config(publicWord, publicWord, false),
  private: config(privateWord, fc.oneof(publicWord, privateWord), true),
  notes: publicWord,
}, { requiredKeys: [] });
const fleet = fc.record({
  global: layer,
  tags: fc.tuple(layer, layer, layer),
  nodes: fc.array(
    fc.record({ layer, tags: fc.subarray(TAGS), pq: fc.boolean() }),
    { minLength: 1, maxLength: RECIPIENT_POOL.length },
  ),
});

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).replaceAll(
    new RegExp(`"?${AGE}(\\d)"?`, "g"),
    (_, i: string) => `!age ${JSON.stringify(SECRETS[Number(i)])}`,
  );
}

Deno.test("nothing private is in a public document, and all of it in the instructions", async () => {
  let marked = 0;
  await fc.assert(
    fc.asyncProperty(fleet, async ({ global, tags, nodes }) => {
      const files = new Map([["global.yaml", yaml({ admins: [ADMIN.recipient], ...global })]]);
      TAGS.forEach((tag, i) => files.set(`tags/${tag}.yaml`, yaml(tags[i])));
      nodes.forEach(({ layer: own, tags: names }, i) =>
        files.set(
          `node${i}.yaml`,
          yaml({
            recipient: RECIPIENT_POOL[i],
            created: "2026-11-22T20:00:00Z",
            tags: names,
            ...own,
          }),
        )
      );
      const parsed = parseFiles(files);
      const armored = [...parsed.files.values()].flatMap((one) =>
        one.sealed.map((at) => at.armored)
      );
      const unsealed = await unseal(armored, identityOf(ADMIN));
      const given = assembleFleet(parsed, { unsealed });
      const told: string[] = [];
      const site = await buildSite(given, {
        ...buildOptions(),
        encrypt: (recipients, plaintext) => {
          told.push(new TextDecoder().decode(plaintext));
          return Promise.resolve(utf8(`for ${recipients.join()}`) as Bytes);
        },
      });
      for (const [path, bytes] of site.files) {
        const text = `${path}\n${new TextDecoder().decode(bytes)}`;
        assert(!text.includes(MARK), `${path} holds something private`);
        assert(!text.includes("BEGIN AGE"), `${path} holds a secret, encrypted to the admins`);
      }
      given.nodes.forEach((node, i) => {
        const whole = JSON.stringify(node.whole);
        const count = (text: string) => text.split(MARK).length;
        assertEquals(count(told[i]!), count(whole));
        marked += count(whole) - 1;
      });
    }),
    { numRuns: RUNS, seed: 20261122 },
  );
  // A property over fleets without anything private would hold, too.
  assert(marked > RUNS, `only ${marked} private places`);
});

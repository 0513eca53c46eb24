/** Attacks with true files in the wrong place: mix-and-match, and documents passed off as others. */
import { assert, assertEquals } from "@std/assert";
import { type Bytes, text } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import {
  AGE_PATH,
  MAIN,
  minisig,
  NODE_PATH,
  placeOf,
  type SiteSpec,
} from "../../support/signed_site.ts";
import { publication, Victim } from "../../support/victim.ts";

const OTHER_NODE = "psyopsOS/nodes/n2.json";
const OTHER_AGE = "psyopsOS/postboot/n2.age";

Deno.test("mix-and-match: no mixture of two publications is believed, only one or the other", async () => {
  const old = publication(41, "old");
  const current = publication(42, "new");
  // Every file of the new site is the new one, the old one of its kind, or missing.
  const kinds = (files: Map<string, Bytes>) =>
    new Map([...files].map(([path, data]) => [path.replace(/\.[0-9a-f]{16}\./, "."), data]));
  const olds = kinds(old);
  const paths = [...current.keys()].filter((path) =>
    !olds.get(path.replace(/\.[0-9a-f]{16}\./, "."))!.every((byte, i) =>
      current.get(path)![i] === byte
    )
  );
  assert(paths.length >= 4, paths.join());
  let believed = 0;
  for (let choice = 0; choice < 3 ** paths.length; choice++) {
    const site = new Map([...old, ...current]);
    paths.forEach((path, i) => {
      const what = Math.floor(choice / 3 ** i) % 3;
      if (what === 1) site.set(path, olds.get(path.replace(/\.[0-9a-f]{16}\./, "."))!);
      if (what === 2) site.delete(path);
    });
    try {
      const { document, instructions } = await new Victim().read(site);
      believed++;
      assert(
        (document.includes('"new"') && instructions === "age new") ||
          (document.includes('"old"') && instructions === "age old"),
        `${document} with ${instructions}`,
      );
    } catch (error) {
      assert(error instanceof RefusedError || String(error).includes("404"), String(error));
    }
  }
  assert(believed > 1, "whole publications are believed");
});

/** A site with two nodes. */
function twoNodes(spec: SiteSpec = {}): Map<string, Bytes> {
  return publication(42, "mine", {
    documents: {
      [NODE_PATH]: { type: "node", text: '{"word":"mine"}\n' },
      [OTHER_NODE]: { type: "node", text: '{"word":"your"}\n' },
    },
    hashed: { [AGE_PATH]: "age mine", [OTHER_AGE]: "age your" },
    ...spec,
  });
}

Deno.test("mix-and-match: another node's true files in the place of one's own are refused", async () => {
  const site = twoNodes();
  await new Victim().believes(site, "mine");
  for (const [mine, other] of [[NODE_PATH, OTHER_NODE], [AGE_PATH, OTHER_AGE]] as const) {
    const [to, from] = [placeOf(site, mine), placeOf(site, other)];
    // Same length, so that only the hash can tell.
    assertEquals(site.get(to)!.length, site.get(from)!.length);
    await new Victim().refuses(new Map(site).set(to, site.get(from)!), "hash");
  }
});

Deno.test("wrong software: a document listed under another's name is refused by its signature", async () => {
  // Whoever builds the bins has lost track; the signature still says what it is for.
  const payload = '{"word":"mine"}\n';
  const bytes = new TextEncoder().encode(payload);
  const cases: [string, Bytes][] = [
    ["path", minisig(MAIN, bytes, "node", OTHER_NODE, { serial: 42 })],
    ["type", minisig(MAIN, bytes, "global", NODE_PATH, { serial: 42 })],
    ["serial", minisig(MAIN, bytes, "node", NODE_PATH, { serial: 43 })],
  ];
  for (const [check, signature] of cases) {
    const documents = { [NODE_PATH]: { type: "node" as const, text: payload, minisig: signature } };
    await new Victim().refuses(twoNodes({ documents }), check);
  }
});

Deno.test("arbitrary data: a file with a true signature of other content is refused", async () => {
  const site = twoNodes();
  const place = placeOf(site, NODE_PATH);
  const forged = text(site.get(place)!).replace("mine", "evil");
  await new Victim().refuses(new Map(site).set(place, new TextEncoder().encode(forged)), "hash");
  const listed = twoNodes({
    documents: {
      [NODE_PATH]: {
        type: "node",
        text: '{"word":"evil"}\n',
        minisig: site.get(`${NODE_PATH}.minisig`)!,
      },
    },
  });
  await new Victim().refuses(listed, "signature");
});

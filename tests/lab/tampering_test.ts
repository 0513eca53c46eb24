/** A site that is wrong in one exact way: the node says which check failed, applies nothing, and keeps trying. */
import { assert, assertEquals } from "@std/assert";
import { type Bytes, text, utf8 } from "../../lib/bytes.ts";
import { SITE_PATHS } from "../../lib/documents/site.ts";
import { differences } from "../../lib/lab/verdict.ts";
import type { World } from "../../lib/lab/world.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import { TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { placeOf } from "../support/signed_site.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  flipped,
  host,
  NEEDS,
  REACTION_MS,
  serveFiles,
  serveHonestly,
  type Twist,
  twistedSite,
  withWorld,
} from "./support.ts";

/** A wrong site, and the check that must fail. */
interface Case {
  name: string;
  check: string;
  files: Map<string, Bytes>;
}

const LOGICAL = SITE_PATHS.postboot("alpha");

/** One bit flipped in the serial: still a timestamp, but not the one that was signed. */
function otherSerial(bytes: Bytes): Bytes {
  return utf8(text(bytes).replace(/(?<="serial": \d+)\d(?=\n)/, (digit) => String(+digit ^ 1)));
}

async function otherKey(world: World): Promise<Twist["keyring"]> {
  await host.remove(`${world.dirs.cache}/other-keys`);
  return await initKeys(host, `${world.dirs.cache}/other-keys`, { issued: "2026-11-22T20:00:00Z" });
}

async function cases(world: World): Promise<Case[]> {
  const honest = await twistedSite(world, {});
  const withFile = (path: string, change: (bytes: Bytes) => Bytes, from = honest) =>
    new Map([...from, [path, change(from.get(path)!)]]);
  const mine = placeOf(honest, LOGICAL);
  const stranger = await otherKey(world);
  const strangers = await twistedSite(world, { keyring: stranger });
  const strangeSign = await stranger!.signSite({ serial: 1, issued: "2026-11-22T20:00:00Z" });
  const old = new Date(host.now().getTime() - 48 * 3600_000);

  // bravo's instructions, signed and listed as bravo's, but encrypted to alpha and put in its place.
  const { nodes } = await loadFleet(host, world.dirs.nodes);
  const recipient = (name: string) => nodes.find((node) => node.name === name)!.recipient;
  let bravos: Bytes | undefined;
  await twistedSite(world, {
    encrypt: (recipients, plaintext) => {
      if (recipients[0] === recipient("bravo")) bravos = plaintext;
      return encryptTo(recipients, plaintext);
    },
  });

  // In an order in which no check follows itself, so that each new one is seen.
  return [
    {
      name: "one flipped bit in the timestamp",
      check: "signature",
      files: withFile(TIMESTAMP_PATH, otherSerial),
    },
    {
      name: "one flipped bit in the node's instructions",
      check: "hash",
      files: withFile(mine, flipped),
    },
    {
      name: "an expired timestamp",
      check: "expired",
      files: await twistedSite(world, { issued: old, expiresHours: 24 }),
    },
    {
      name: "a timestamp signed by another key",
      check: "key",
      files: withFile(TIMESTAMP_PATH, () => strangers.get(TIMESTAMP_PATH)!),
    },
    {
      name: "one flipped bit in the list of hashes",
      check: "hash",
      files: withFile([...honest.keys()].find((path) => path.includes("/bins/"))!, flipped),
    },
    {
      name: "instructions signed by another key",
      check: "key",
      files: await twistedSite(world, {
        sign: (sign) => (role, data, type, path) =>
          (path === LOGICAL ? strangeSign : sign)(role, data, type, path),
      }),
    },
    {
      name: "another node's instructions",
      check: "path",
      files: await twistedSite(world, {
        encrypt: (recipients, plaintext) =>
          encryptTo(recipients, recipients[0] === recipient("alpha") ? bravos! : plaintext),
      }),
    },
    {
      name: "an older serial",
      check: "serial",
      files: await twistedSite(world, { serial: 1000 }),
    },
  ];
}

/** How many of them a node meets before it was ever configured: its pauses grow meanwhile. */
const EARLY = 3;

Deno.test({
  name: "a node refuses every tampered site, at its first boot and once configured",
  ...NEEDS,
  fn: () =>
    withWorld("tampering", ["alpha", "bravo"], async (world) => {
      const wrong = await cases(world);
      serveFiles(world, wrong[0]!.files);
      await using machine = await world.boot("alpha", { via: "kernel" });
      let from = 0;
      for (const { check, files } of wrong.slice(0, EARLY)) {
        serveFiles(world, files);
        await machine.event("refused", { check }, { timeoutMs: DIRECT_MS, from });
        from = machine.console.position;
      }
      const applied = machine.console.find((text) =>
        /psyopsOS: (verified|applied|configured)/.test(text) || undefined
      );
      assertEquals(applied, undefined, "nothing was applied");
      assertEquals(world.server.status("alpha"), undefined);

      const serial = await world.makeSite();
      serveHonestly(world);
      await machine.event("configured", { node: "alpha", serial: String(serial) }, {
        timeoutMs: REACTION_MS,
      });
      const demands = await demandsNow(world, "alpha", serial);
      const good = await world.server.waitForStatus(
        "alpha",
        (status) => differences(status, { ...demands, source: "site" }).length === 0,
        REACTION_MS,
      );

      // The same again and an older one: the node stays what it is, says why, and keeps asking.
      for (const { name, check, files } of await cases(world)) {
        const asked = world.server.requests.length;
        serveFiles(world, files);
        const status = await world.server.waitForStatus(
          "alpha",
          ({ problem }) => problem?.check === check,
          REACTION_MS,
        );
        assert(world.server.requests.length > asked, name);
        assertEquals(status.phase, "degraded", name);
        assertEquals(status.serial, serial, name);
        assertEquals(status.observed, good.observed, name);
      }
      serveHonestly(world);
      const healed = await world.server.waitForStatus(
        "alpha",
        (status) => differences(status, { ...demands, source: "site" }).length === 0,
        REACTION_MS,
      );
      assertEquals(healed.problem, undefined);
      assertEquals(brokenLines(machine), []);
    }),
});

/** Keys that change while a node runs: the whole agent follows, with its record on the drive. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes } from "../../../lib/bytes.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { encryptTo } from "../../../lib/trust/age.ts";
import type { Role } from "../../../lib/trust/comment.ts";
import { expiryOf, type Root, rootPath } from "../../../lib/trust/freshness.ts";
import { mapRoles, type Signer, signerOf } from "../../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../../lib/trust/minisign.ts";
import type { RootFile } from "../../../lib/trust/root_sign.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { buildOptions, ISSUED, KEY } from "../../site/support.ts";
import { testKey } from "../../support/signed_site.ts";
import { ALPHA, driveOf, World } from "../world.ts";

type Keys = Record<Role, Signer>;

const PINNED = signerOf(KEY);
const OLD: Keys = mapRoles(() => PINNED);

function rootFile(version: number, keys: Keys): RootFile {
  const roles = mapRoles((role) => [publicKeyLine(keys[role].publicKey)]);
  const root: Root = { version, issued: ISSUED, roles };
  const data = canonicalJson(root);
  const facts = { type: "root" as const, path: rootPath(version), issued: ISSUED };
  return { root, data, signature: PINNED.sign(data, facts) };
}

function site(serial: number, motd: string, ...versions: Keys[]): Promise<Map<string, Bytes>> {
  return siteOf({ serial, motd, issued: ISSUED }, ...versions);
}

interface Publication {
  serial: number;
  motd: string;
  issued: string;
}

async function siteOf(
  { serial, motd, issued }: Publication,
  ...versions: Keys[]
): Promise<Map<string, Bytes>> {
  const keys = versions.at(-1)!;
  const fleet = parseFleet(new Map([["alpha.yaml", ALPHA.replace("hello\\n", `${motd}\\n`)]]));
  const { files } = await buildSite(fleet, {
    ...buildOptions(serial),
    issued,
    expires: expiryOf(issued, 72),
    roots: { files: versions.map((one, i) => rootFile(i + 1, one)), pinned: PINNED.publicKey },
    sign: (role, data, type, path) => keys[role].sign(data, { type, path, serial, issued }),
    encrypt: encryptTo,
  });
  return files;
}

Deno.test("runAgent() follows a new config key, past a serial that the old one's thief has raised", async () => {
  const highest = Number.MAX_SAFE_INTEGER;
  const first = new World(driveOf("alpha"), await site(highest, "thief's", OLD));
  await first.boot();
  assertEquals(first.status.serial, highest);

  const refused = first.reboot();
  refused.site = await site(43, "true", OLD);
  await refused.boot();
  assertEquals([refused.status.problem?.check, refused.status.source], ["serial", "last-good"]);

  const recovered = refused.reboot();
  recovered.site = await site(43, "true", OLD, { ...OLD, config: signerOf(testKey("new")) });
  await recovered.boot();
  assertEquals([recovered.status.serial, recovered.status.source], [43, "site"]);
  assertEquals(recovered.textOf("/etc/motd"), "true\n");

  // What was recovered is what the drive holds now.
  const later = recovered.reboot();
  later.site = undefined;
  await later.boot();
  assertEquals([later.status.serial, later.status.source], [43, "last-good"]);
  assertEquals(later.textOf("/etc/motd"), "true\n");
  const again = later.reboot();
  again.site = await site(highest, "thief's", OLD);
  await again.boot();
  assertEquals(again.status.problem?.check, "root-version");
});

/** Lets `date` set the node's clock. */
function settable(world: World): World {
  world.programs.set("date", (args) => {
    world.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
    return "";
  });
  return world;
}

Deno.test("runAgent() follows a new config key, past a time that the old one's thief has claimed", async () => {
  const thiefs = { serial: 42, motd: "thief's", issued: "2999-01-01T00:00:00Z" };
  const rotated = await site(43, "true", OLD, { ...OLD, config: signerOf(testKey("new")) });
  const running = settable(new World(driveOf("alpha"), await siteOf(thiefs, OLD)));
  running.onSleep = (count) => {
    if (count === 1) assertEquals(running.textOf("/etc/motd"), "thief's\n");
    running.site = rotated;
  };
  await running.boot({ sleeps: 2 });
  assertEquals([running.status.problem, running.textOf("/etc/motd")], [undefined, "true\n"]);

  const first = settable(new World(driveOf("alpha"), await siteOf(thiefs, OLD)));
  await first.boot();
  const second = settable(first.reboot());
  second.site = rotated;
  await second.boot();
  assertEquals([second.status.problem, second.textOf("/etc/motd")], [undefined, "true\n"]);
});

Deno.test("runAgent() sets a clock forward that is before its image, and no other", async () => {
  const started = (time: string) => {
    const world = settable(new World(driveOf("alpha")));
    world.put(
      "/etc/psyopsos/image.json",
      JSON.stringify({ version: "7", epoch: Date.parse(ISSUED) / 1000 - 9 }),
    );
    world.clock = new Date(time);
    return world;
  };
  const served = await site(42, "one", OLD);
  const behind = started("1970-01-01T00:00:00Z");
  behind.site = served;
  await behind.boot();
  assertEquals(behind.textOf("/etc/motd"), "one\n");
  assert(behind.clock.getTime() >= Date.parse(ISSUED));
  const near = started("2026-11-22T19:59:58Z");
  near.site = served;
  await near.boot();
  assertEquals(near.textOf("/etc/motd"), "one\n");
  assert(!near.log.some((line) => line.startsWith("run date")));
});

Deno.test("runAgent() follows a new timestamp key and refuses the old one from then on", async () => {
  const keys = { ...OLD, timestamp: signerOf(testKey("time")) };
  const first = new World(driveOf("alpha"), await site(42, "one", OLD));
  await first.boot();
  const second = first.reboot();
  second.site = await site(43, "two", OLD, keys);
  await second.boot();
  assertEquals([second.status.serial, second.textOf("/etc/motd")], [43, "two\n"]);
  const third = second.reboot();
  third.site = await site(44, "three", OLD);
  await third.boot();
  assertEquals(third.status.problem?.check, "root-version");
  assertEquals(third.textOf("/etc/motd"), "two\n");
});

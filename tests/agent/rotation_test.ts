/** Keys that change while a node runs: the whole agent follows, with its record on the drive. */
import { assertEquals } from "@std/assert";
import type { Bytes } from "../../lib/bytes.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import type { Role } from "../../lib/trust/comment.ts";
import { canonicalJson, type Root, rootPath } from "../../lib/trust/freshness.ts";
import { mapRoles, type Signer, signerOf } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import type { RootFile } from "../../lib/trust/root_sign.ts";
import { buildSite } from "../../site/build.ts";
import { parseFleet } from "../../site/fleet.ts";
import { buildOptions, ISSUED, KEY } from "../site/support.ts";
import { testKey } from "../support/signed_site.ts";
import { ALPHA, driveOf, World } from "./world.ts";

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

async function site(
  serial: number,
  motd: string,
  ...versions: Keys[]
): Promise<Map<string, Bytes>> {
  const keys = versions.at(-1)!;
  const fleet = parseFleet(new Map([["alpha.yaml", ALPHA.replace("hello\\n", `${motd}\\n`)]]));
  const { files } = await buildSite(fleet, {
    ...buildOptions(serial),
    roots: { files: versions.map((one, i) => rootFile(i + 1, one)), pinned: PINNED.publicKey },
    sign: (role, data, type, path) => keys[role].sign(data, { type, path, serial, issued: ISSUED }),
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

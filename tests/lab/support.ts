import type { Bytes } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { formatInstant } from "../../lib/instant.ts";
import { type LabImage, makeLabImage } from "../../lib/lab/image.ts";
import type { Machine } from "../../lib/lab/machine.ts";
import type { Demands } from "../../lib/lab/verdict.ts";
import { World } from "../../lib/lab/world.ts";
import { encryptTo } from "../../lib/trust/age.ts";
import { expiryOf } from "../../lib/trust/freshness.ts";
import type { Keyring, SignDocument } from "../../lib/trust/keyring.ts";
import { ensureRoots } from "../../lib/trust/root_sign.ts";
import { buildSite } from "../../site/build/build.ts";
import { makeSite } from "../../site/build/make_site.ts";
import type { Fleet } from "../../site/fleet/assemble.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { newNode } from "../../site/nodes/new_node.ts";
import { needTool } from "../support/tools.ts";

/**
 * What the tests with virtual machines share: one OS image (kept below build/ and made anew only when something in it
 * has changed), a lab of their own each, and sites that are wrong in one exact way.
 */

/** The real world. */
export const host = new DenoHost();

/** What every test with a machine needs. */
export const NEEDS = needTool("qemu-system-x86_64", "mksquashfs", "mke2fs", "apt-get");

/** A direct boot to "configured" takes about 15 s, 30 s on a busy machine. */
export const DIRECT_MS = 120_000;
/** A reaction of a running node, at most its pause between two looks at the site. */
export const REACTION_MS = 60_000;
/** Pause between two looks at the site in tests, in seconds; the shortest that is allowed. */
export const EVERY_SECONDS = 5;

/** The image of all tests. */
export function labImage(flavour: "virt" | "lts" = "virt"): Promise<LabImage> {
  return makeLabImage(host, {
    dir: "build/lab",
    packages: "lab",
    flavour,
    deno: { path: Deno.execPath(), version: Deno.version.deno },
    onStage: note,
  });
}

function note(line: string): void {
  // deno-lint-ignore no-console -- a first build takes a minute: say what is being done
  console.error(`  ${line}`);
}

/** Runs `body` in a lab of its own with these nodes. */
export async function withWorld(
  name: string,
  names: readonly string[],
  body: (world: World) => Promise<void>,
  flavour?: "virt" | "lts",
): Promise<void> {
  await using world = await World.make(host, {
    dir: `build/tests/${name}`,
    names,
    image: await labImage(flavour),
    makeSite,
    makeNode: newNode,
    everySeconds: EVERY_SECONDS,
  });
  await body(world);
}

/** What a node must be by the fleet's files as they now are. */
export async function demandsNow(world: World, name: string, serial: number): Promise<Demands> {
  const fleet = await loadFleet(host, world.dirs.nodes);
  const node = fleet.nodes.find((one) => one.name === name)!;
  return {
    node: name,
    config: node.whole,
    shown: node.public,
    serial,
    imageVersion: world.image.version,
  };
}

/** In what a site differs from an honest one. */
export interface Twist {
  serial?: number;
  issued?: Date;
  expiresHours?: number;
  keyring?: Keyring;
  sign?: (honest: SignDocument) => SignDocument;
  encrypt?: (recipients: readonly string[], plaintext: Bytes) => Promise<Bytes>;
  fleet?: (honest: Fleet) => Fleet;
}

/** A site built without the checks that keep an administrator from publishing it. */
export async function twistedSite(world: World, twist: Twist): Promise<Map<string, Bytes>> {
  const keyring = twist.keyring ?? world.keyring;
  const issued = formatInstant(twist.issued ?? host.now());
  const serial = twist.serial ?? Math.floor(host.now().getTime() / 1000);
  const honest = await keyring.signSite({ serial, issued });
  const fleet = await loadFleet(host, world.dirs.nodes);
  const site = await buildSite(twist.fleet?.(fleet) ?? fleet, {
    serial,
    issued,
    expires: expiryOf(issued, twist.expiresHours ?? 24),
    roots: await ensureRoots(host, keyring, { issued }),
    sign: twist.sign?.(honest) ?? honest,
    encrypt: twist.encrypt ?? encryptTo,
  });
  return site.files;
}

/** Makes the web server give these files and no others. */
export function serveFiles(world: World, files: ReadonlyMap<string, Bytes>): void {
  world.server.trick = (path) => files.get(path) ?? { status: 404 };
}

/** Makes the web server honest again. */
export function serveHonestly(world: World): void {
  world.server.trick = undefined;
}

/** A copy with one bit flipped in the middle. */
export function flipped(bytes: Bytes): Bytes {
  const copy = bytes.slice();
  const at = Math.floor(copy.length / 2);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

/** Nothing on the console may look like a program that broke. */
export function brokenLines(machine: Machine): string[] {
  return machine.console.lines.map(({ text }) => text).filter((text) =>
    /^\s+at .*(:\d+:\d+|\(native)|Uncaught|Unexpected failure|Kernel panic|Call Trace/.test(text)
  );
}

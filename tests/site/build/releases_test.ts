import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { sha256Hex, text, utf8 } from "../../../lib/bytes.ts";
import { OS_UPDATE_PATH, parseOsUpdate } from "../../../lib/documents/os_update.ts";
import { UserError } from "../../../lib/errors.ts";
import type { Architecture } from "../../../lib/schema/fields.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { parseComment } from "../../../lib/trust/comment.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { verify } from "../../../lib/trust/minisign.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { FileHashes } from "../../../site/build/file_hashes.ts";
import { makeSite } from "../../../site/build/make_site.ts";
import {
  announce,
  findReleases,
  type FoundRelease,
  joinReleases,
} from "../../../site/build/releases.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { imageManifest } from "../../support/image_manifest.ts";
import { fleetFiles, ISSUED } from "../support.ts";

const EPOCH = Date.parse(ISSUED) / 1000;

/** Puts a built image into `dir`; `files` beside its slot. */
function putImage(
  host: FakeHost,
  dir: string,
  version: string,
  { epoch = EPOCH, arch = "x86_64", content = `slot ${version}`, files = {} }: {
    epoch?: number;
    arch?: Architecture;
    content?: string;
    files?: Record<string, string>;
  } = {},
): void {
  const slot = `psyopsos-${version}-${arch}.slot.tar`;
  const all: Record<string, string> = { [slot]: content, ...files };
  for (const [name, data] of Object.entries(all)) host.put(`${dir}/${name}`, data);
  host.put(`${dir}/disk.img`, "mostly holes");
  host.put(`${dir}/slot/vmlinuz`, "kernel");
  host.put(`${dir}/manifest.json`, imageManifest(all, { version, arch, epoch }));
}

async function find(host: FakeHost, dir = "/dist"): Promise<FoundRelease[]> {
  return await findReleases(host, dir, await FileHashes.load(host, "/cache/files"));
}

const names = (releases: readonly FoundRelease[]) =>
  releases.map(({ version, arch }) => `${version} ${arch}`);

Deno.test("findReleases() finds images by their manifests, oldest first", async () => {
  const host = new FakeHost({ "/dist/notes.txt": "x", "/dist/half/psyopsos-x.slot.tar": "x" });
  putImage(host, "/dist/2.0", "2.0", { epoch: EPOCH - 60 });
  putImage(host, "/dist/1.0", "1.0", {
    files: { "x.iso": "i", "x.img.zst": "z", "x.spdx.json": "{}" },
  });
  putImage(host, "/dist/1.5/aarch64", "1.5", { arch: "aarch64", epoch: EPOCH + 60 });
  const found = await find(host);
  assertEquals(names(found), ["2.0 x86_64", "1.0 x86_64", "1.5 aarch64"]);
  assertEquals(found[1]!.files.map(({ kind, path }) => [kind, path]), [
    ["slot", "psyopsOS/os/1.0/psyopsos-1.0-x86_64.slot.tar"],
    ["iso", "psyopsOS/os/1.0/x.iso"],
    ["disk", "psyopsOS/os/1.0/x.img.zst"],
    ["sbom", "psyopsOS/os/1.0/x.spdx.json"],
    ["manifest", "psyopsOS/os/1.0/manifest.json"],
  ]);
  assertEquals(found[1]!.built, ISSUED);
  assertEquals(await find(host, "/nowhere"), []);
});

Deno.test("findReleases() refuses what is not what its manifest says", async () => {
  const cases: [(host: FakeHost) => void, string][] = [
    [(host) => host.put("/dist/1.0/psyopsos-1.0-x86_64.slot.tar", "sloT 1.0"), "is not the file"],
    [(host) => host.put("/dist/1.0/psyopsos-1.0-x86_64.slot.tar", "short"), "is not the file"],
    [(host) => host.put("/dist/1.0/other.slot.tar", "x"), "does not list other.slot.tar"],
    [(host) => host.put("/dist/1.0/with blank.iso", "x"), "is no name for a file"],
    [(host) => host.put("/dist/1.0/manifest.json", "{"), "is no manifest"],
    [(host) => putImage(host, "/dist/1.1", "1.0"), "it is of version 1.0"],
    [(host) => putImage(host, "/dist/1.0/x86_64", "1.0"), "another folder holds"],
  ];
  for (const [spoil, expected] of cases) {
    const host = new FakeHost();
    putImage(host, "/dist/1.0", "1.0");
    spoil(host);
    await assertRejects(() => find(host), UserError, expected);
  }
  const host = new FakeHost();
  putImage(host, "/dist/1.0", "1.0");
  await host.remove("/dist/1.0/psyopsos-1.0-x86_64.slot.tar");
  await assertRejects(() => find(host), UserError, "neither a boot slot nor an ISO");
});

Deno.test("joinReleases() takes new versions and refuses other bytes under a published one", async () => {
  const host = new FakeHost();
  putImage(host, "/site/1.0", "1.0");
  putImage(host, "/dist/1.0", "1.0");
  putImage(host, "/dist/1.1", "1.1", { epoch: EPOCH + 1 });
  const [published, coming] = [await find(host, "/site"), await find(host)];
  assertEquals(names(joinReleases(published, coming)), ["1.0 x86_64", "1.1 x86_64"]);
  putImage(host, "/dist/1.0", "1.0", { content: "another build" });
  const other = await find(host);
  assertThrows(() => joinReleases(published, other), UserError, "published with other bytes");
});

Deno.test("announce() gives channels the newest release, or the one they name", async () => {
  const host = new FakeHost();
  putImage(host, "/dist/1.0", "1.0");
  putImage(host, "/dist/1.1", "1.1", { epoch: EPOCH + 1 });
  const releases = await find(host);
  assertEquals(announce([], undefined, "x"), undefined);
  assertEquals(announce(releases, undefined, "x")?.channels, {
    stable: { versions: { x86_64: "1.1" } },
  });
  const waves = [{ afterHours: 0, percent: 50 }];
  const policy = { channels: { stable: { version: "1.0", waves }, beta: {} } };
  assertEquals(announce(releases, policy, "x")?.channels, {
    stable: { versions: { x86_64: "1.0" }, waves },
    beta: { versions: { x86_64: "1.1" } },
  });
  assertEquals(announce([], { channels: { beta: {} } }, "x")?.channels, { beta: { versions: {} } });
  const missing = { channels: { stable: { version: "9" } } };
  const error = assertThrows(() => announce(releases, missing, "nodes/os-update.yaml"), UserError);
  assertStringIncludes(error.message, "Cannot announce 9 to channel stable");
  assertStringIncludes(error.hint!, "nodes/os-update.yaml names it; known are 1.0, 1.1");
});

Deno.test("nodes/os-update.yaml is read with the fleet, mistakes with their places", () => {
  const parse = (yaml: string) => parseFleet(new Map([...fleetFiles(), ["os-update.yaml", yaml]]));
  const fleet = parse("channels:\n  stable: {canaries: [alpha]}\n");
  assertEquals(fleet.osUpdate, { channels: { stable: { canaries: ["alpha"] } } });
  assertEquals(fleet.nodes.map(({ name }) => name), ["alpha", "beta"]);
  assertEquals(parseFleet(fleetFiles()).osUpdate, undefined);
  const cases: [string, string][] = [
    ["chanels: {}\n", "nodes/os-update.yaml:1:1: unknown key chanels, did you mean channels?"],
    ["channels: {stable: {canaries: [alpa]}}\n", "1:32: unknown node alpa, did you mean alpha?"],
    ["channels: {stable: {canaries: [global]}}\n", "1:32: unknown node global"],
    ["channels: {stable: {wave: []}}\n", "unknown key wave, did you mean waves?"],
    ["channels: {stable: {version: 1.0}}\n", "must be a version in quotes"],
    [
      "channels: {stable: {waves: [{afterHours: 5, percent: 1}]}}\n",
      "must have start, since a wave comes later",
    ],
  ];
  for (const [yaml, expected] of cases) {
    const { message, hint } = assertThrows(() => parse(yaml), UserError);
    assertStringIncludes(`${message}\n${hint}`, expected);
  }
});

async function publisher() {
  const host = new FakeHost();
  host.programs.set("cp", ([from = "", to = ""]) => {
    host.put(to, host.nodes.get(from)!.data);
    return "";
  });
  await initKeys(host, "/k", { issued: ISSUED });
  for (const [path, source] of fleetFiles()) host.put(`/nodes/${path}`, source);
  const keyring = await loadKeyring(host, "/k");
  const publish = (releases?: string) =>
    makeSite(host, { nodes: "/nodes", out: "/public", cache: "/cache", keyring, releases });
  const open = async () => {
    const view = await openSite({
      pinned: keyring.publicKeys.root,
      state: NO_STATE,
      now: host.now(),
      fetch: (path) => host.readFile(`/public/${path}`),
    });
    return await view.lists(OS_UPDATE_PATH)
      ? parseOsUpdate(await view.get(OS_UPDATE_PATH, "os-update"))
      : undefined;
  };
  return { host, publish, open, keyring };
}

Deno.test("makeSite() brings releases in, signs each file once, and announces them to nodes", async () => {
  const { host, publish, open, keyring } = await publisher();
  await publish();
  assertEquals(await open(), undefined);
  assertEquals(await host.stat(`/public/${OS_UPDATE_PATH}`), undefined);

  putImage(host, "/dist/1.0", "1.0");
  const first = await publish("/dist");
  assertEquals(first.releases, ["1.0 x86_64"]);
  assertEquals((await open())?.channels, { stable: { versions: { x86_64: "1.0" } } });
  const path = "psyopsOS/os/1.0/psyopsos-1.0-x86_64.slot.tar";
  const data = await host.readFile(`/public/${path}`);
  assertEquals(text(data), "slot 1.0");
  const signature = host.textOf(`/public/${path}.minisig`);
  const { trustedComment } = verify(data, signature, [keyring.publicKeys.release]);
  const facts = parseComment(trustedComment);
  assertEquals([facts.type, facts.path, facts.sha256], ["release", path, sha256Hex(data)]);
  assertEquals(await host.stat("/public/psyopsOS/os/1.0/disk.img"), undefined);

  // Without the folder of images: what the site has stays announced, and nothing is signed again.
  host.log.length = 0;
  const second = await publish();
  assertEquals(second.releases, ["1.0 x86_64"]);
  assertEquals(host.textOf(`/public/${path}.minisig`), signature);
  assertEquals(host.log.filter((line) => line.includes("/os/")), []);

  // Taken away: no longer announced, not even in a file that nothing lists.
  await host.remove("/public/psyopsOS/os/1.0");
  const third = await publish();
  assertEquals([third.releases, await open()], [[], undefined]);
  assertEquals(await host.stat(`/public/${OS_UPDATE_PATH}`), undefined);
});

Deno.test("makeSite() leaves the site as it was when a release is not right", async () => {
  const { host, publish } = await publisher();
  putImage(host, "/dist/1.0", "1.0");
  await publish("/dist");
  const before = host.textOf("/public/psyopsOS/timestamp.json");
  putImage(host, "/dist/1.1", "1.1");
  // It changes between being hashed and being copied.
  host.programs.set("cp", ([, to = ""]) => {
    host.put(to, "something else");
    return "";
  });
  await assertRejects(() => publish("/dist"), UserError, "changed while it was copied");
  host.programs.set("cp", () => ({ code: 1, stderr: utf8("cp: no space left\n") }));
  await assertRejects(() => publish("/dist"), UserError, "cp: no space left");
  assertEquals(host.textOf("/public/psyopsOS/timestamp.json"), before);
  const left = [...host.nodes.keys()].filter((path) => path.startsWith("/public/psyopsOS/os/1.1/"));
  assertEquals(left, []);
});

Deno.test("a release's signature is made anew when it is not for this file under this name", async () => {
  const { host, publish, keyring } = await publisher();
  putImage(host, "/dist/1.0", "1.0");
  await publish("/dist");
  const path = "/public/psyopsOS/os/1.0/psyopsos-1.0-x86_64.slot.tar";
  const good = host.textOf(`${path}.minisig`);
  const elsewhere = host.textOf("/public/psyopsOS/os/1.0/manifest.json.minisig");
  for (const bad of ["", "no signature", elsewhere]) {
    host.put(`${path}.minisig`, bad);
    await publish();
    const now = host.textOf(`${path}.minisig`);
    verify(await host.readFile(path), now, [keyring.publicKeys.release]);
    assert(now === good, "the same file, name and time");
  }
});

Deno.test("FileHashes reads a big file once, and again when it has changed", async () => {
  const host = new FakeHost({ "/f": "one" });
  const later = () => void (host.clock = new Date(host.clock.getTime() + 60_000));
  later();
  const read: string[] = [];
  const { readChunks } = FakeHost.prototype;
  host.readChunks = (path, size) => {
    read.push(path);
    return readChunks.call(host, path, size);
  };
  const hashes = async () => {
    const loaded = await FileHashes.load(host, "/cache/files");
    const { sha256 } = await loaded.of("/f");
    await loaded.store();
    return sha256;
  };
  assertEquals([await hashes(), await hashes()], [sha256Hex(utf8("one")), sha256Hex(utf8("one"))]);
  assertEquals(read.length, 1);
  host.put("/f", "other");
  later();
  assertEquals(await hashes(), sha256Hex(utf8("other")));
  host.put("/cache/files/hashes.json", "{");
  assertEquals(await hashes(), sha256Hex(utf8("other")));
  assertEquals(read.length, 3);
  // One that was changed just now is not remembered.
  host.put("/f", "other");
  await host.remove("/cache");
  await hashes();
  await hashes();
  assertEquals(read.length, 5);
});

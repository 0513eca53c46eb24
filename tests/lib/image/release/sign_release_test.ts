import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256Hex, utf8 } from "../../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../../lib/errors.ts";
import { signRelease } from "../../../../lib/image/release/sign_release.ts";
import { parseComment } from "../../../../lib/trust/comment.ts";
import { type Keyring, loadKeyring, loadSigner } from "../../../../lib/trust/keyring.ts";
import { verify } from "../../../../lib/trust/minisign.ts";
import { initKeys } from "../../../../lib/trust/root_sign.ts";
import { FileHashes } from "../../../../site/build/file_hashes.ts";
import { findReleases, placeReleases } from "../../../../site/build/releases.ts";
import { FakeHost } from "../../../support/fake_host.ts";
import { imageManifest } from "../../../support/image_manifest.ts";

const SLOT = "psyopsos-1.0-x86_64.slot.tar";
const FILES: Readonly<Record<string, string>> = {
  "disk.img": "a disk",
  [SLOT]: "a slot",
  "psyopsos-1.0-x86_64.cdx.json": "{}",
  "psyopsos-1.0-x86_64.iso": "an ISO",
};
const OTHERS: Readonly<Record<string, string>> = {
  "psyopsos-1.0-x86_64.iso.sha256": "sum",
  "slot/vmlinuz": "kernel",
};

async function world() {
  const host = new FakeHost();
  await initKeys(host, "/keys", { issued: "2026-11-22T20:00:00Z" });
  const { "disk.img": _, ...release } = FILES;
  const all = { ...FILES, ...OTHERS, "manifest.json": imageManifest(release) };
  for (const [name, data] of Object.entries(all)) host.put(`/dist/1.0/${name}`, data);
  const signer = await loadSigner(host, "/keys", "release");
  return { host, signer, names: [...Object.keys(FILES), "manifest.json"].sort() };
}

Deno.test("signRelease() signs what travels on its own, under its place on a site", async () => {
  const { host, signer, names } = await world();
  assertEquals(await signRelease(host, "/dist/1.0", "1.0", signer), names);
  for (const name of names) {
    const data = await host.readFile(`/dist/1.0/${name}`);
    const signature = host.textOf(`/dist/1.0/${name}.minisig`);
    const { trustedComment } = verify(data, signature, [signer.publicKey]);
    const { type, path, sha256 } = parseComment(trustedComment);
    assertEquals([type, path, sha256], ["release", `psyopsOS/os/1.0/${name}`, sha256Hex(data)]);
    const other = utf8(`${new TextDecoder().decode(data)}!`);
    assertThrows(() => verify(other, signature, [signer.publicKey]), RefusedError);
  }
  const signed = (await host.readDir("/dist/1.0")).filter((name) => name.endsWith(".minisig"));
  assertEquals(signed, names.map((name) => `${name}.minisig`));
  assertEquals(await host.readDir("/dist/1.0/slot"), ["vmlinuz"]);
  // Again: signatures are no files of the release.
  assertEquals(await signRelease(host, "/dist/1.0", "1.0", signer), names);
});

Deno.test("signRelease() refuses a folder that is no release", async () => {
  const { host, signer } = await world();
  await assertRejects(
    () => signRelease(host, "/dist/1.0/slot", "1.0", signer),
    UserError,
    "Cannot sign the release /dist/1.0/slot: there is no manifest.json",
  );
});

Deno.test("placeReleases() takes signatures over that were made with the build, and only good ones", async () => {
  const { host, signer } = await world();
  await signRelease(host, "/dist/1.0", "1.0", signer);
  host.programs.set("cp", ([from = "", to = ""]) => {
    host.put(to, host.textOf(from));
    return "";
  });
  const keyring = await loadKeyring(host, "/keys");
  const asked: string[] = [];
  const watched: Keyring = {
    ...keyring,
    signer: (role) => {
      asked.push(role);
      return keyring.signer(role);
    },
  };
  const place = async (out: string) => {
    const releases = await findReleases(host, "/dist", await FileHashes.load(host, "/cache"));
    return await placeReleases(host, releases, out, watched, "2026-11-22T20:00:00Z");
  };
  await place("/public");
  assertEquals(asked, []);
  assertEquals(
    host.textOf(`/public/psyopsOS/os/1.0/${SLOT}.minisig`),
    host.textOf(`/dist/1.0/${SLOT}.minisig`),
  );
  // The signature of another file does not do.
  host.put(`/dist/1.0/${SLOT}.minisig`, host.textOf("/dist/1.0/manifest.json.minisig"));
  await place("/elsewhere");
  assertEquals(asked, ["release"]);
  const signature = host.textOf(`/elsewhere/psyopsOS/os/1.0/${SLOT}.minisig`);
  verify(utf8("a slot"), signature, [signer.publicKey]);
});

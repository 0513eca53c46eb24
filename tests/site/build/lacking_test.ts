/** What an image has no program for is told before the site is published. */
import { assertEquals, assertRejects } from "@std/assert";
import { packagesFor } from "../../../lib/config/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { makeSite } from "../../../site/build/make_site.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { imageManifest, imagePackage } from "../../support/image_manifest.ts";
import { ISSUED, RECIPIENTS } from "../support.ts";

/** A fleet of two, one of which needs time zones and doas; gives what builds its site. */
async function fleet() {
  const host = new FakeHost();
  host.clock = new Date(ISSUED);
  await initKeys(host, "/k", { issued: ISSUED });
  host.programs.set("cp", ([from = "", to = ""]) => {
    host.put(to, host.textOf(from));
    return "";
  });
  const config = "{timezone: UTC, doas: {wheel: permit nopass :wheel}}";
  host.put("/nodes/alpha.yaml", `recipient: ${RECIPIENTS[0]}\nconfig: ${config}\n`);
  host.put("/nodes/beta.yaml", `recipient: ${RECIPIENTS[1]}\nconfig: {hostname: b}\n`);
  const keyring = await loadKeyring(host, "/k");
  const options = { nodes: "/nodes", out: "/public", cache: "/cache", releases: "/dist", keyring };
  const make = (packages: readonly string[]) =>
    makeSite(host, { ...options, image: { name: "image.yaml", packages: new Set(packages) } });
  const putImage = (version: string, packages: readonly string[]) => {
    const slot = `psyopsos-${version}-x86_64.slot.tar`;
    host.put(`/dist/${version}/${slot}`, `slot ${version}`);
    const facts = {
      version,
      packages: [...packages.map((name) => imagePackage(name)), imagePackage("kmod", "initramfs")],
    };
    host.put(`/dist/${version}/manifest.json`, imageManifest({ [slot]: `slot ${version}` }, facts));
  };
  return { host, make, putImage };
}

Deno.test("a configuration needs the packages of the keys that it sets", () => {
  assertEquals(packagesFor({}), {});
  assertEquals(packagesFor({ hostname: "a" }), {});
  assertEquals(packagesFor({ hostname: "a", timezone: "UTC" }), { timezone: ["tzdata"] });
});

Deno.test("without a release, what the image's definition lacks is warned of", async () => {
  const { make } = await fleet();
  assertEquals((await make(["tzdata", "doas"])).warnings, []);
  const lines = ["alpha: timezone needs the package tzdata, which image.yaml lacks"];
  assertEquals((await make(["doas"])).warnings, lines);
  assertEquals((await make(["doas"])).warnings, lines, "nodes that are not built anew count, too");
});

Deno.test("a site is refused while a release on offer lacks what a node needs", async () => {
  const { host, make, putImage } = await fleet();
  putImage("1.0", ["tzdata"]);
  await assertRejects(
    () => make(["tzdata", "doas"]),
    UserError,
    "Cannot build the site: alpha: doas needs the package doas, which release 1.0 x86_64 lacks",
  );
  assertEquals(await host.stat("/public"), undefined, "nothing was written");
  putImage("1.1", ["tzdata", "doas"]);
  assertEquals((await make([])).warnings, [], "the newest release counts, and no definition then");
  putImage("1.2", []);
  await assertRejects(
    () => make([]),
    UserError,
    "timezone needs the package tzdata, which release 1.2 x86_64 lacks (and 1 more of the kind)",
  );
  host.put("/nodes/os-update.yaml", 'channels: {stable: {version: "1.1"}}\n');
  assertEquals((await make([])).warnings, [], "no channel offers the newest one");
  host.put(
    "/nodes/os-update.yaml",
    'channels: {stable: {version: "1.1"}, test: {version: "1.0"}}\n',
  );
  assertEquals((await make([])).warnings, [
    "alpha: doas needs the package doas, which release 1.0 x86_64 lacks",
  ], "a node may take the other one");
});

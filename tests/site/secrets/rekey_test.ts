import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { Opener, recipientFingerprint } from "../../../lib/trust/age_value.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { rekeySecrets } from "../../../site/secrets/rekey.ts";
import { openSecrets, secretPlaces } from "../../../site/secrets/secret_files.ts";
import type { FakeHost } from "../../support/fake_host.ts";
import {
  ADMIN,
  hostWith,
  identityOf,
  NEXT,
  OTHER,
  sealed,
  secretFiles,
} from "../secret_support.ts";

/** The files with other admins. */
async function withAdmins(...admins: string[]): Promise<Map<string, string>> {
  const files = await secretFiles();
  const global = files.get("global.yaml")!.replace(ADMIN.recipient, admins.join(", "));
  return files.set("global.yaml", global);
}

async function rekey(host: FakeHost, pairs: (typeof ADMIN)[], all = false) {
  return await rekeySecrets(host, await openSecrets(host, "nodes"), {
    identities: identityOf(...pairs),
    own: pairs.map(({ recipient }) => recipient),
    all,
  });
}

/** All armored texts in the files. */
async function armored(host: FakeHost): Promise<string[]> {
  const { files } = (await openSecrets(host, "nodes")).files;
  return [...files.values()].flatMap((file) => file.sealed.map((one) => one.armored));
}

/** A text without its secrets. */
function bare(text: string): string {
  return text.replaceAll(/-----BEGIN[^]*?-----END AGE ENCRYPTED FILE-----/g, "…");
}

Deno.test("rekeySecrets() takes everything from an old admin and gives it to the new one", async () => {
  const files = await withAdmins(NEXT.recipient);
  const host = hostWith(files);
  const before = await armored(host);
  const done = await rekey(host, [ADMIN, NEXT]);
  assertEquals([done.total, done.changed.length, done.files.length], [3, 3, 3]);
  assertEquals(done.dropped, [recipientFingerprint(ADMIN.recipient)]);
  const after = await armored(host);
  const [old, next] = [new Opener([ADMIN.identity]), new Opener([NEXT.identity])];
  for (const one of after) {
    assertEquals(before.includes(one), false);
    await assertRejects(() => old.open(one), UserError, "not encrypted to this identity");
    await next.open(one);
  }
  for (const [path, text] of files) assertEquals(bare(host.textOf(`nodes/${path}`)), bare(text));
  const identities = () => Promise.resolve(identityOf(NEXT));
  const fleet = await loadFleet(host, "nodes", { identities });
  assertEquals(fleet.nodes[0]!.whole.files?.["/etc/token"]?.content, "MARK-lab\n");
});

Deno.test("rekeySecrets() leaves alone what is right, unless everything is wanted", async () => {
  const host = hostWith(await secretFiles());
  const before = await armored(host);
  const none = await rekey(host, [ADMIN]);
  assertEquals([none.total, none.changed.length, none.files], [3, 0, []]);
  assertEquals(await armored(host), before);
  const all = await rekey(host, [ADMIN], true);
  assertEquals(all.changed.length, 3);
  assertEquals((await armored(host)).filter((one) => before.includes(one)), []);
});

Deno.test("rekeySecrets() adds an admin", async () => {
  const host = hostWith(await withAdmins(ADMIN.recipient, OTHER.recipient));
  const done = await rekey(host, [ADMIN]);
  assertEquals([done.changed.length, done.dropped], [3, []]);
  for (const pair of [ADMIN, OTHER]) {
    for (const one of await armored(host)) await new Opener([pair.identity]).open(one);
  }
});

Deno.test("rekeySecrets() changes nothing when one secret can't be read", async () => {
  const host = hostWith(await withAdmins(NEXT.recipient));
  const error = await assertRejects(() => rekey(host, [NEXT]), UserError);
  assertStringIncludes(error.message, "is not encrypted to your age identity");
  assertEquals(host.log, []);
});

Deno.test("rekeySecrets() does not lock out whoever runs it", async () => {
  const host = hostWith(await withAdmins(NEXT.recipient));
  const error = await assertRejects(() => rekey(host, [ADMIN]), UserError);
  assertStringIncludes(error.message, "none of the admins");
  assertEquals(host.log, []);
});

Deno.test("rekeySecrets() that was cut off is finished by the next", async () => {
  const host = hostWith(await withAdmins(NEXT.recipient));
  host.broken.set("nodes/tags/lab.yaml", new Deno.errors.NotCapable("disk full"));
  await assertRejects(() => rekey(host, [ADMIN, NEXT]));
  const states = async () =>
    new Set(secretPlaces(await openSecrets(host, "nodes")).map(({ state }) => state));
  assertEquals(await states(), new Set(["current", "other"]));
  host.broken.clear();
  const done = await rekey(host, [ADMIN, NEXT]);
  assertEquals(done.changed.map(({ owner }) => owner), ["tags/lab"]);
  assertEquals(await states(), new Set(["current"]));
});

Deno.test("rekeySecrets() proves by what is on disk: a file that came out otherwise is found", async () => {
  const host = hostWith(await withAdmins(NEXT.recipient));
  const old = host.textOf("nodes/alpha.yaml");
  const write = host.writeFile.bind(host);
  // A disk that acknowledges and forgets.
  host.writeFile = (path, data, options) =>
    write(path, path === "nodes/alpha.yaml" ? old : data, options);
  const error = await assertRejects(() => rekey(host, [ADMIN, NEXT]), UserError);
  assertStringIncludes(error.message, "Cannot prove that the secrets are encrypted anew");
  assertStringIncludes(error.message, "nodes/alpha.yaml:");
});

/** The fleet as it was before secrets said where they belong. */
async function unboundFiles(): Promise<Map<string, string>> {
  const files = await secretFiles();
  files.set("global.yaml", files.get("global.yaml")!.replace("secrets: bound\n", ""));
  files.set("tags/lab.yaml", `private:\n  hostname: ${await sealed("box", 4)}\n`);
  return files;
}

Deno.test("rekeySecrets() writes into old secrets where they belong, and that all of them say it", async () => {
  const host = hostWith(await unboundFiles());
  const done = await rekey(host, [ADMIN]);
  assertEquals(done.changed.map(({ owner, name }) => [owner, name]), [["tags/lab", "hostname"]]);
  assertEquals(done.files, ["nodes/tags/lab.yaml", "nodes/global.yaml"]);
  assertStringIncludes(
    host.textOf("nodes/global.yaml"),
    `admins: [${ADMIN.recipient}]\nsecrets: bound\n`,
  );
  const before = await armored(host);
  const none = await rekey(host, [ADMIN]);
  assertEquals([none.changed, none.files], [[], []]);
  assertEquals(await armored(host), before);
  const old = host.textOf("nodes/tags/lab.yaml");
  const beta = host.textOf("nodes/beta.yaml");
  host.put("nodes/beta.yaml", beta + old);
  const error = await assertRejects(() => rekey(host, [ADMIN], true), UserError);
  assertStringIncludes(error.message, "nodes/beta.yaml:3:18: belongs to tags/lab hostname");
});

Deno.test("rekeySecrets() does not let an old secret of the history be at home anywhere", async () => {
  const old = (await unboundFiles()).get("tags/lab.yaml")!;
  const files = (await secretFiles()).set("tags/lab.yaml", "");
  const beta = files.get("beta.yaml")!;
  const host = hostWith(files.set("beta.yaml", beta + old));
  const error = await assertRejects(() => rekey(host, [ADMIN], true), UserError);
  assertStringIncludes(error.message, "nodes/beta.yaml:3:18: does not say where it belongs");
  assertStringIncludes(error.hint!, "--bind-here");
  assertEquals(host.log, []);
  const secrets = await openSecrets(host, "nodes");
  const options = { identities: identityOf(ADMIN), own: [ADMIN.recipient], bindHere: true };
  assertEquals((await rekeySecrets(host, secrets, options)).changed.length, 1);
  const identities = () => Promise.resolve(identityOf(ADMIN));
  const { nodes } = await loadFleet(host, "nodes", { identities });
  assertEquals(nodes[1]!.whole.hostname, "box");
});

Deno.test("rekeySecrets() that was cut off before it says so still reads what says no place", async () => {
  const host = hostWith(await unboundFiles());
  host.broken.set("nodes/global.yaml", new Deno.errors.NotCapable("disk full"));
  await assertRejects(() => rekey(host, [ADMIN]));
  host.broken.clear();
  const done = await rekey(host, [ADMIN]);
  assertEquals([done.changed, done.files], [[], ["nodes/global.yaml"]]);
});

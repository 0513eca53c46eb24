import { assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import { EXIT } from "../../lib/errors.ts";
import { formatSecretKey } from "../../lib/trust/minisign_sign.ts";
import { formatPublicKey } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { main } from "../../tasks/keys.ts";
import { FakeHost } from "../support/fake_host.ts";
import { testKey } from "../support/signed_site.ts";

async function keys(host: FakeHost, ...args: string[]) {
  const lines: string[] = [];
  const console = {
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
  };
  const code = await main([...args, "--keys", "/keys"], host, console, () => null);
  return { code, output: lines.join("\n") };
}

Deno.test("keys init --no-passphrase makes keys and shows their public side only", async () => {
  const host = new FakeHost();
  const { code, output } = await keys(host, "init", "--no-passphrase", "--own", "timestamp");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /signs +root, config, release\n/);
  assertMatch(output, /signs +timestamp\n/);
  assertStringIncludes(output, "in the clear");
  assertStringIncludes(output, "root version 1");
  const secret = host.textOf("/keys/minisign.seckey").split("\n")[1]!;
  assertFalse(output.includes(secret.slice(60, 90)));
});

Deno.test("keys init refuses to replace keys and to go on without a passphrase", async () => {
  const host = new FakeHost();
  const none = await keys(host, "init");
  assertEquals(none.code, EXIT.failed);
  assertStringIncludes(none.output, "no terminal");
  assertEquals(await host.stat("/keys"), undefined);
  await keys(host, "init", "--no-passphrase");
  const before = host.textOf("/keys/minisign.seckey");
  const again = await keys(host, "init", "--no-passphrase");
  assertEquals(again.code, EXIT.failed);
  assertStringIncludes(again.output, "exists already");
  assertEquals(host.textOf("/keys/minisign.seckey"), before);
});

Deno.test("keys rotate --with signs the next root with the key before", async () => {
  const host = new FakeHost();
  await keys(host, "init", "--no-passphrase");
  host.put("/old", host.textOf("/keys/minisign.seckey"), 0o600);
  const key = testKey("new");
  host.put("/keys/minisign.seckey", await formatSecretKey(key), 0o600);
  host.put("/keys/minisign.pubkey", formatPublicKey(publicKeyOf(key)));
  const without = await keys(host, "rotate");
  assertEquals(without.code, EXIT.failed);
  assertStringIncludes(without.output, "--with FILE");
  const rolled = await keys(host, "rotate", "--with", "/old");
  assertEquals(rolled.code, EXIT.ok, rolled.output);
  assertStringIncludes((await keys(host, "show")).output, "root version 2");
});

Deno.test("keys rotate ROLE tells what it replaced and what is to be done", async () => {
  const host = new FakeHost();
  await keys(host, "init", "--no-passphrase", "--own", "timestamp");
  const { code, output } = await keys(host, "rotate", "timestamp");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^\/keys\/root\/2\.json lists key [0-9A-F]+ for timestamp\n/);
  assertMatch(output, /the old key ([0-9A-F]+) is now \/keys\/retired\/timestamp-\1\.\*/);
  assertStringIncludes(output, "deno task site");
  const config = await keys(host, "rotate", "config");
  assertMatch(config.output, /the old key [0-9A-F]+ keeps its other roles/);
  const shown = (await keys(host, "show")).output;
  assertMatch(shown, /config\.pubkey +key [0-9A-F]+\n +signs +config\n/);
  assertStringIncludes(shown, "root version 3");
});

Deno.test("keys init --gpg makes no keys when the passphrase can't be encrypted", async () => {
  const host = new FakeHost();
  const both = await keys(host, "init", "--gpg", "ann", "--no-passphrase");
  assertEquals(both.code, EXIT.usage);
  const none = await keys(host, "init", "--gpg", "ann");
  assertEquals([none.code, none.output.includes("gpg is not installed")], [EXIT.missing, true]);
  let given = "";
  host.programs.set("gpg", (args, { stdin }) => {
    assertEquals(args.slice(-3), ["--recipient", "ann", "--encrypt"]);
    given = String(stdin);
    return { code: 2, stderr: utf8("gpg: ann: skipped: No public key\n") };
  });
  const failed = await keys(host, "init", "--gpg", "ann");
  assertEquals(failed.code, EXIT.failed);
  assertStringIncludes(failed.output, "to ann: gpg: ann: skipped: No public key");
  assertMatch(given, /^[\w-]{32}$/);
  assertFalse(failed.output.includes(given));
  assertFalse(host.log.join("\n").includes(given));
  host.put(".minisign-pass-secret", "there");
  const taken = await keys(host, "init", "--gpg", "ann");
  assertStringIncludes(taken.output, "exists already");
  assertEquals(await host.stat("/keys"), undefined);
});

Deno.test("keys says what it takes", async () => {
  for (
    const args of [[], ["make"], ["show", "more"], ["rotate", "all"], ["rotate", "root", "more"], [
      "init",
      "--own",
      "root",
    ]]
  ) {
    assertEquals((await keys(new FakeHost(), ...args)).code, EXIT.usage, args.join(" "));
  }
  assertEquals((await keys(new FakeHost(), "show")).code, EXIT.failed);
  assertEquals((await keys(new FakeHost(), "--help")).code, EXIT.ok);
});

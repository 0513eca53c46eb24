import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { main } from "../../tasks/sign.ts";
import { FakeHost } from "../support/fake_host.ts";
import { ISSUED } from "../support/signed_site.ts";

async function sign(host: FakeHost | DenoHost, ...args: string[]) {
  const lines: string[] = [];
  const console = {
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
  };
  const code = await main(args, host, console, () => null);
  return { code, output: lines.join("\n") };
}

async function withKeys(): Promise<FakeHost> {
  const host = new FakeHost({ "/d/a": "one", "/d/b": "two" });
  await initKeys(host, "/k", { issued: ISSUED });
  return host;
}

Deno.test("sign FILE… and sign verify FILE… go together", async () => {
  const host = await withKeys();
  const signed = await sign(host, "/d/a", "/d/b", "--keys", "/k");
  assertEquals(signed.code, EXIT.ok, signed.output);
  assertStringIncludes(host.textOf("/d/a.minisig"), "timestamp:1795377600\tfile:a\thashed");
  const verified = await sign(host, "verify", "/d/a", "/d/b", "--keys", "/k");
  assertEquals(verified.code, EXIT.ok, verified.output);
  assertStringIncludes(verified.output, "timestamp:1795377600\tfile:b\thashed");
  const line = host.textOf("/k/minisign.pubkey").split("\n")[1]!;
  for (const key of [line, "/k/minisign.pubkey"]) {
    assertEquals((await sign(host, "verify", "/d/a", "--public-key", key)).code, EXIT.ok);
  }
});

Deno.test("sign --trusted-comment --secret-key sign with these", async () => {
  const host = await withKeys();
  await initKeys(host, "/other", { issued: ISSUED });
  const key = ["--secret-key", "/other/minisign.seckey", "--trusted-comment", "hello you"];
  assertEquals((await sign(host, "/d/a", ...key)).code, EXIT.ok);
  const right = await sign(host, "verify", "/d/a", "--keys", "/other");
  assertEquals(right.code, EXIT.ok);
  assertStringIncludes(right.output, "hello you");
  const wrong = await sign(host, "verify", "/d/a", "--keys", "/k");
  assertEquals(wrong.code, EXIT.refused);
});

Deno.test("sign verify looks at all files and ends with 3 when one is refused", async () => {
  const host = await withKeys();
  await sign(host, "/d/a", "/d/b", "--keys", "/k");
  host.put("/d/a", "onE");
  const { code, output } = await sign(host, "verify", "/d/a", "/d/b", "--keys", "/k");
  assertEquals(code, EXIT.refused);
  assertStringIncludes(output, "Cannot verify /d/a: the signature of key");
  assertStringIncludes(output, "/d/b: signed by key");
});

Deno.test("sign verify refuses a signature that is no text, and names a key that is none", async () => {
  const host = await withKeys();
  await sign(host, "/d/a", "--keys", "/k");
  const key = host.textOf("/k/minisign.pubkey").split("\n")[1]!;
  // The C program says no more than that the signature fails.
  const zero = `${key.slice(0, 13)}${"A".repeat(43)}`;
  const none = await sign(host, "verify", "/d/a", "--public-key", zero);
  assertEquals(none.code, EXIT.failed);
  assertStringIncludes(none.output, "its key is no point of Ed25519 that could sign anything");
  const bytes = utf8(host.textOf("/d/a.minisig"));
  host.put("/d/a.minisig", bytes.with(30, 0xff));
  const { code, output } = await sign(host, "verify", "/d/a", "--keys", "/k");
  assertEquals([code, output], [
    EXIT.refused,
    "Cannot accept /d/a.minisig: its signature is no text in UTF-8",
  ]);
});

Deno.test("sign names the file that is missing before it signs any", async () => {
  const host = await withKeys();
  const { code, output } = await sign(host, "/d/a", "/d/none", "--keys", "/k");
  assertEquals([code, output], [EXIT.failed, "Cannot read /d/none: there is no such file"]);
  assertEquals(await host.stat("/d/a.minisig"), undefined);
  const unsigned = await sign(host, "verify", "/d/a", "--keys", "/k");
  assertEquals(unsigned.code, EXIT.failed);
  assertStringIncludes(unsigned.output, "/d/a.minisig");
  assertEquals((await sign(host, "--keys", "/k")).code, EXIT.usage);
  assertEquals((await sign(host, "/d/a", "--keys", "/k", "--role", "x")).code, EXIT.usage);
});

Deno.test("sign reads a big file piece by piece", async () => {
  const dir = await Deno.makeTempDir();
  const host = new DenoHost();
  try {
    await initKeys(host, `${dir}/k`, { issued: ISSUED });
    // Sparse: 300 MB to read, nothing on the disk.
    await host.writeExtents(`${dir}/big`, 300_000_000, []);
    // In a process of its own, whose peak of memory is asked for.
    const script = `
      import { DenoHost } from ${JSON.stringify(import.meta.resolve("../../lib/deno_host.ts"))};
      import { main } from ${JSON.stringify(import.meta.resolve("../../tasks/sign.ts"))};
      const code = await main(["${dir}/big", "--keys", "${dir}/k"], new DenoHost());
      console.log("code", code, await Deno.readTextFile("/proc/self/status"));`;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const result = await host.run(
      [Deno.execPath(), "run", "-q", "-A", "--config", config, "--ext=ts", "-"],
      { stdin: script, env: { NO_COLOR: "1" } },
    );
    const output = text(result.stdout);
    assertStringIncludes(output, "code 0", text(result.stderr));
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(output)?.[1]);
    assert(peak > 0, output);
    assertLess(peak, 250_000);
    const verified = await sign(host, "verify", `${dir}/big`, "--keys", `${dir}/k`);
    assertEquals(verified.code, EXIT.ok, verified.output);
  } finally {
    await host.remove(dir);
  }
});

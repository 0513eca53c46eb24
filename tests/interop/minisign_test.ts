/**
 * The C program minisign is the judge: it reads what we write and we read what it writes.
 */
import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import {
  formatPublicKey,
  keyIdHex,
  parsePublicKey,
  prehashChunks,
  publicKeyLine,
  verify,
  verifyDigest,
} from "../../lib/trust/minisign.ts";
import {
  formatSecretKey,
  generateKey,
  isEncrypted,
  parseSecretKey,
  publicKeyOf,
  sign,
} from "../../lib/trust/minisign_sign.ts";
import { judgedTest } from "../support/tools.ts";

const host = new DenoHost();
/** Runs minisign in `dir`; `stdin` is what it asks for. */
async function minisign(dir: string, args: string[], stdin = ""): Promise<[number, string]> {
  const result = await host.run(["minisign", ...args], { cwd: dir, stdin, timeoutMs: 120_000 });
  return [result.code, text(result.stdout) + text(result.stderr)];
}

async function succeeds(dir: string, args: string[], stdin?: string): Promise<string> {
  const [code, output] = await minisign(dir, args, stdin);
  assertEquals(code, 0, output);
  return output;
}

/** A test that minisign judges. */
const minisignTest = (name: string, body: (dir: string) => Promise<void>) =>
  judgedTest(name, ["minisign"], body);

minisignTest("verify() accepts what minisign signs, with an unencrypted key", async (dir) => {
  await succeeds(dir, ["-G", "-W", "-p", "k.pub", "-s", "k.sec"]);
  const key = parsePublicKey(await host.readTextFile(`${dir}/k.pub`));
  for (const data of [utf8(""), utf8("x"), new Uint8Array(300_000).fill(7)]) {
    await host.writeFile(`${dir}/f`, data);
    await succeeds(dir, ["-S", "-s", "k.sec", "-m", "f", "-t", "a trusted comment: ä"]);
    const signature = await host.readTextFile(`${dir}/f.minisig`);
    assertEquals(verify(data, signature, [key]).trustedComment, "a trusted comment: ä");
    const digest = await prehashChunks(host.readChunks(`${dir}/f`, 1000));
    verifyDigest(digest, signature, [key]);
  }
  await succeeds(dir, ["-S", "-s", "k.sec", "-m", "f"]);
  const { trustedComment } = verify(
    await host.readFile(`${dir}/f`),
    await host.readTextFile(`${dir}/f.minisig`),
    [key],
  );
  assertMatch(trustedComment, /^timestamp:\d+\tfile:f\thashed$/);
});

minisignTest(
  "verify() refuses minisign's legacy signatures, which minisign accepts",
  async (dir) => {
    await succeeds(dir, ["-G", "-W", "-p", "k.pub", "-s", "k.sec"]);
    await host.writeFile(`${dir}/f`, "x");
    await succeeds(dir, ["-S", "-l", "-s", "k.sec", "-m", "f"]);
    await succeeds(dir, ["-V", "-p", "k.pub", "-m", "f"]);
    const key = parsePublicKey(await host.readTextFile(`${dir}/k.pub`));
    const signature = await host.readTextFile(`${dir}/f.minisig`);
    assertEquals(
      assertThrows(() => verify(utf8("x"), signature, [key]), RefusedError).check,
      "algorithm",
    );
  },
);

minisignTest("key files of minisign are kept byte for byte", async (dir) => {
  await succeeds(dir, ["-G", "-W", "-p", "k.pub", "-s", "k.sec"]);
  const publicText = await host.readTextFile(`${dir}/k.pub`);
  const secretText = await host.readTextFile(`${dir}/k.sec`);
  assertEquals(formatPublicKey(parsePublicKey(publicText)), publicText);
  const key = await parseSecretKey(secretText);
  assertEquals(await formatSecretKey(key), secretText);
  assertEquals(publicKeyOf(key), parsePublicKey(publicText));
});

minisignTest("minisign accepts what sign() makes, and refuses it changed", async (dir) => {
  const key = generateKey();
  await host.writeFile(`${dir}/k.pub`, formatPublicKey(publicKeyOf(key)));
  for (const data of [utf8(""), utf8("x"), new Uint8Array(300_000).fill(7)]) {
    await host.writeFile(`${dir}/f`, data);
    const signature = sign(data, key, { trustedComment: "psyopsOS type=node ä" });
    await host.writeFile(`${dir}/f.minisig`, signature);
    // -H: prehashed signatures only. -Q: print the trusted comment only.
    const output = await succeeds(dir, ["-V", "-H", "-Q", "-p", "k.pub", "-m", "f"]);
    assertEquals(output, "psyopsOS type=node ä\n");
    await succeeds(dir, ["-V", "-P", publicKeyLine(publicKeyOf(key)), "-m", "f"]);
  }
  const signature = await host.readTextFile(`${dir}/f.minisig`);
  await host.writeFile(`${dir}/f.minisig`, signature.replace("type=node", "type=root"));
  assertNotEquals((await minisign(dir, ["-V", "-p", "k.pub", "-m", "f"]))[0], 0);
  await host.writeFile(`${dir}/f.minisig`, signature);
  await host.writeFile(`${dir}/f`, new Uint8Array(300_000).fill(7).with(77, 6));
  assertNotEquals((await minisign(dir, ["-V", "-p", "k.pub", "-m", "f"]))[0], 0);
});

minisignTest(
  "the longest comments that sign() takes are those that minisign takes",
  async (dir) => {
    const key = generateKey();
    await host.writeFile(`${dir}/k.pub`, formatPublicKey(publicKeyOf(key)));
    await host.writeFile(`${dir}/f`, "x");
    const longest = { trustedComment: "t".repeat(8173), untrustedComment: "u".repeat(1003) };
    await host.writeFile(`${dir}/f.minisig`, sign(utf8("x"), key, longest));
    await succeeds(dir, ["-V", "-q", "-p", "k.pub", "-m", "f"]);
    for (
      const longer of [{ trustedComment: "t".repeat(8174) }, { untrustedComment: "u".repeat(1004) }]
    ) {
      assertThrows(() => sign(utf8("x"), key, { ...longest, ...longer }), UserError, "longer than");
    }
  },
);

minisignTest("minisign signs with our unencrypted and our encrypted key", async (dir) => {
  const key = generateKey();
  await host.writeFile(`${dir}/f`, "x");
  const cheap = { ops: 32_768, memory: 1 << 20 };
  await host.writeFile(`${dir}/plain`, await formatSecretKey(key));
  await host.writeFile(
    `${dir}/locked`,
    await formatSecretKey(key, { passphrase: "pässword", cost: cheap }),
  );
  for (const [file, stdin] of [["plain", ""], ["locked", "pässword\n"]] as const) {
    await succeeds(dir, ["-S", "-s", file, "-m", "f", "-t", file], stdin);
    const signature = await host.readTextFile(`${dir}/f.minisig`);
    assertEquals(verify(utf8("x"), signature, [publicKeyOf(key)]).trustedComment, file);
    await succeeds(dir, ["-R", "-f", "-s", file, "-p", "again.pub"], stdin);
    assertEquals(
      await host.readTextFile(`${dir}/again.pub`),
      formatPublicKey(publicKeyOf(key)),
    );
  }
  const [code] = await minisign(dir, ["-S", "-s", "locked", "-m", "f"], "password\n");
  assertNotEquals(code, 0);
});

minisignTest(
  "parseSecretKey() decrypts minisign's own encrypted key, at its full cost",
  async (dir) => {
    await succeeds(dir, ["-G", "-p", "k.pub", "-s", "k.sec"], "pässword\npässword\n");
    const secretText = await host.readTextFile(`${dir}/k.sec`);
    assertEquals(isEncrypted(secretText), true);
    await assertRejects(() => parseSecretKey(secretText), UserError, "no passphrase");
    const key = await parseSecretKey(secretText, "pässword");
    const publicKey = parsePublicKey(await host.readTextFile(`${dir}/k.pub`));
    assertEquals(publicKeyOf(key), publicKey);
    // And the way back, with the cost that a user's key gets.
    await host.writeFile(`${dir}/ours`, await formatSecretKey(key, { passphrase: "other" }));
    await host.writeFile(`${dir}/f`, "x");
    await succeeds(dir, ["-S", "-s", "ours", "-m", "f"], "other\n");
    verify(utf8("x"), await host.readTextFile(`${dir}/f.minisig`), [publicKey]);
  },
);

minisignTest(
  "parseSecretKey() decrypts a key of minisign whose passphrase is empty",
  async (dir) => {
    await succeeds(dir, ["-G", "-p", "k.pub", "-s", "k.sec"], "\n\n");
    const key = await parseSecretKey(await host.readTextFile(`${dir}/k.sec`), "");
    assertEquals(publicKeyOf(key), parsePublicKey(await host.readTextFile(`${dir}/k.pub`)));
  },
);

minisignTest("keyIdHex() prints key ids as minisign does", async (dir) => {
  const signer = generateKey();
  await host.writeFile(`${dir}/f`, "x");
  await host.writeFile(`${dir}/f.minisig`, sign(utf8("x"), signer, { trustedComment: "x" }));
  const ids = [[1, 2, 3, 4, 5, 6, 7, 0], [0xff, 0, 0, 0, 0, 0, 0, 0x0a], [9, 0, 0, 0, 0, 0, 0, 0]];
  for (const id of ids) {
    const other = { ...publicKeyOf(signer), keyId: new Uint8Array(id) };
    const line = publicKeyLine(other);
    const [code, output] = await minisign(dir, ["-V", "-P", line, "-m", "f"]);
    assertNotEquals(code, 0);
    const printed = [...output.matchAll(/is ([0-9A-F]+)$/gm)].map((match) => match[1]);
    assertEquals(printed, [keyIdHex(signer), keyIdHex(other)]);
  }
});

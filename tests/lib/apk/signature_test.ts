import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import {
  splitSignatures,
  verifyPackageSignature,
  verifySignedGzip,
} from "../../../lib/apk/signature.ts";
import { type Bytes, concat, utf8 } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { writeTar } from "../../../lib/formats/tar.ts";
import { patchedTar } from "../../support/patched_tar.ts";
import {
  file,
  makeKey,
  makePackage,
  signatureMember,
  type TestKey,
  testKey,
  trust,
} from "./apk_fixtures.ts";

const other = makeKey("other.rsa.pub");
const body = gzip(writeTar([file("APKINDEX", "")]));

function refusal(bytes: Bytes, ...keys: TestKey[]): RefusedError {
  return assertThrows(() => verifySignedGzip(bytes, trust(...keys)), RefusedError);
}

Deno.test("verifySignedGzip() accepts SHA-1, SHA-256 and SHA-512 signatures", () => {
  for (const type of ["RSA", "RSA256", "RSA512"]) {
    const bytes = concat([signatureMember(body, testKey(), type), body]);
    const { keyFile, type: found, body: signed } = verifySignedGzip(bytes, trust(testKey()));
    assertEquals([keyFile, found], ["test-1.rsa.pub", type]);
    assertEquals(signed, body);
  }
});

Deno.test("verifySignedGzip() passes over signatures by unknown keys", () => {
  const bytes = concat([signatureMember(body, other), signatureMember(body, testKey()), body]);
  assertEquals(verifySignedGzip(bytes, trust(testKey())).keyFile, "test-1.rsa.pub");
});

Deno.test("verifySignedGzip() refuses when any signature by a known key is bad", () => {
  const good = signatureMember(body, testKey()), bad = signatureMember(utf8("else"), other);
  for (const front of [[good, bad], [bad, good]]) {
    const error = refusal(concat([...front, body]), testKey(), other);
    assertEquals(error.check, "signature");
    assertStringIncludes(error.message, "by other.rsa.pub is bad");
  }
});

Deno.test("verifySignedGzip() refuses an unsigned file", () => {
  const error = refusal(body, testKey());
  assertEquals([error.check, error.message], [
    "signature",
    "Cannot trust the file: it is not signed",
  ]);
});

Deno.test("verifySignedGzip() refuses unknown signers and names them and the trusted ones", () => {
  const error = refusal(concat([signatureMember(body, other), body]), testKey());
  assertEquals(error.check, "key");
  assertStringIncludes(error.message, "signed by other.rsa.pub, trusted are test-1.rsa.pub");
});

Deno.test("verifySignedGzip() refuses another key under the trusted name", () => {
  const impostor = { ...other, file: testKey().file };
  assertEquals(
    refusal(concat([signatureMember(body, impostor), body]), testKey()).check,
    "signature",
  );
});

Deno.test("verifySignedGzip() refuses a signature with another digest than its type says", () => {
  const sha1 = signatureMember(body, testKey(), "RSA");
  assertEquals(splitSignatures(concat([sha1, body]), "x").signatures[0]!.type, "RSA");
  const { signature } = splitSignatures(concat([sha1, body]), "x").signatures[0]!;
  const relabeled = gzip(
    writeTar([file(`.SIGN.RSA256.${testKey().file}`, signature)], { end: false }),
  );
  assertEquals(refusal(concat([relabeled, body]), testKey()).check, "signature");
});

Deno.test("verifySignedGzip() refuses signature types that it does not know", () => {
  const member = gzip(writeTar([file(`.SIGN.DSA.${testKey().file}`, "x")], { end: false }));
  assertEquals(refusal(concat([member, body]), testKey()).check, "algorithm");
});

Deno.test("verifySignedGzip() refuses keys that are short, of another kind or no keys", () => {
  const short = makeKey("short.rsa.pub", 1024);
  const signed = concat([signatureMember(body, short), body]);
  assertStringIncludes(refusal(signed, short).message, "it has 1024 bits");
  const none = {
    ...short,
    publicPem: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
  };
  assertStringIncludes(refusal(signed, none).message, "it is no PEM public key");
});

Deno.test("splitSignatures() bounds what it reads before anything is verified", () => {
  const large = gzip(
    writeTar([file(`.SIGN.RSA.${testKey().file}`, new Uint8Array(70_000))], { end: false }),
  );
  assertEquals(refusal(concat([large, body]), testKey()).check, "malformed");
  const many = Array.from({ length: 17 }, () => signatureMember(body, testKey()));
  assertStringIncludes(
    refusal(concat([...many, body]), testKey()).message,
    "more than 16 signatures",
  );
});

Deno.test("splitSignatures() does not unpack what lies behind the signatures", () => {
  const bomb = gzip(new Uint8Array(1 << 20));
  bomb[bomb.length - 5]! ^= 1;
  const bytes = concat([signatureMember(body, testKey()), bomb]);
  assertEquals(splitSignatures(bytes, "x").signatures.length, 1);
  assertEquals(refusal(bytes, testKey()).check, "signature");
});

Deno.test("splitSignatures() refuses other files among the signatures, and what is no gzip", () => {
  const mixed = gzip(
    writeTar([file(".SIGN.RSA.a.rsa.pub", "x"), file("APKINDEX", "P:evil")], { end: false }),
  );
  assertEquals(refusal(concat([mixed, body]), testKey()).check, "malformed");
  const slash = gzip(writeTar([file(".SIGN.RSA.../../key", "x")], { end: false }));
  assertEquals(refusal(concat([slash, body]), testKey()).check, "malformed");
  assertEquals(refusal(utf8("<html>a captive portal</html>"), testKey()).check, "malformed");
});

Deno.test("splitSignatures() reads key names too long for a tar header", () => {
  const key = { ...testKey(), file: `${"k".repeat(150)}.rsa.pub` };
  const bytes = concat([signatureMember(body, key), body]);
  assertEquals(verifySignedGzip(bytes, trust(key)).keyFile, key.file);
});

Deno.test("splitSignatures() looks behind any extended headers, and at the first entry alone", () => {
  const name = `.SIGN.RSA256.${testKey().file}`;
  const { signature } = splitSignatures(signatureMember(body, testKey()), "x").signatures[0]!;
  for (const pax of [{ comment: "c" }, { comment: "c".repeat(40_000) }]) {
    const member = gzip(writeTar([{ ...file(name, signature), pax }], { end: false }));
    const signed = verifySignedGzip(concat([member, body]), trust(testKey()));
    assertEquals(signed.keyFile, testKey().file);
  }
  const second = gzip(writeTar([file("APKINDEX", ""), file(name, signature)], { end: false }));
  assertEquals(splitSignatures(concat([second, body]), "x").bodyOffset, 0);
  const dotted = new Uint8Array(writeTar([file(`--${name}`, signature)], { end: false }));
  const other = gzip(patchedTar(dotted, 0, utf8("./")));
  assertEquals(splitSignatures(concat([other, body]), "x").bodyOffset, 0);
});

Deno.test("verifyPackageSignature() covers the control part of a package", () => {
  const { bytes } = makePackage({ key: testKey(), entries: [file("etc/motd", "hi")] });
  assertEquals(verifyPackageSignature(bytes, trust(testKey())).type, "RSA256");
  const unsigned = makePackage().bytes;
  assertThrows(
    () => verifyPackageSignature(unsigned, trust(testKey())),
    RefusedError,
    "not signed",
  );
  const swapped = concat([
    bytes.subarray(0, splitSignatures(bytes, "x").bodyOffset),
    makePackage({ lines: ["depend = evil"] }).bytes,
  ]);
  assertThrows(() => verifyPackageSignature(swapped, trust(testKey())), RefusedError, "is bad");
});

Deno.test("splitSignatures() looks at the beginning alone, however much comes to nothing behind it", () => {
  // Stored blocks without content: 4 MiB of input that unpack to no byte.
  const empty = [0, 0, 0, 0xff, 0xff];
  const bytes = new Uint8Array(10 + 4 * 2 ** 20);
  bytes.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  for (let at = 10; at + empty.length <= bytes.length; at += empty.length) bytes.set(empty, at);
  const start = performance.now();
  assertEquals(splitSignatures(bytes, "x").signatures, []);
  assertLess(performance.now() - start, 2000);
});

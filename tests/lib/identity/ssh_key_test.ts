import { assertEquals, assertNotEquals } from "@std/assert";
import { decodeBase64 } from "@std/encoding/base64";
import {
  formatSshPrivateKey,
  generateSshKey,
  sshFingerprint,
  type SshKey,
  sshPublicLine,
} from "../../../lib/identity/ssh_key.ts";

/** RFC 8032, section 7.1, test 1. */
const KEY: SshKey = {
  seed: Uint8Array.from(
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".match(/../g)!,
    (byte) => parseInt(byte, 16),
  ),
  publicKey: Uint8Array.from(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".match(/../g)!,
    (byte) => parseInt(byte, 16),
  ),
  check: 0x01020304,
};

function body(file: string): Uint8Array {
  return decodeBase64(file.split("\n").slice(1, -2).join(""));
}

Deno.test("sshPublicLine() is type, blob and comment", () => {
  assertEquals(
    sshPublicLine(KEY, "alpha"),
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea alpha",
  );
});

Deno.test("formatSshPrivateKey() pads to 8 bytes with 1, 2, 3… for every length of comment", () => {
  for (let length = 0; length < 20; length++) {
    const file = formatSshPrivateKey(KEY, "c".repeat(length));
    const bytes = body(file);
    assertEquals(new TextDecoder().decode(bytes.subarray(0, 15)), "openssh-key-v1\0");
    // magic 15, "none" 8 twice, "" 4, count 4, public blob 4 + 51, then the secret part's length.
    const at = 15 + 8 + 8 + 4 + 4 + 55;
    const size = new DataView(bytes.buffer).getUint32(at);
    assertEquals([size % 8, at + 4 + size], [0, bytes.length]);
    const end = bytes.indexOf(99, at) < 0 ? bytes.length : bytes.lastIndexOf(99) + 1;
    if (length > 0) assertEquals([...bytes.subarray(end)].every((byte, i) => byte === i + 1), true);
    assertEquals(file.split("\n").every((line) => line.length <= 70), true);
  }
});

Deno.test("generateSshKey() gives another key each time", () => {
  const [a, b] = [generateSshKey(), generateSshKey()];
  assertEquals([a.seed.length, a.publicKey.length], [32, 32]);
  assertNotEquals(a.seed, b.seed);
  assertNotEquals(sshFingerprint(a), sshFingerprint(b));
});

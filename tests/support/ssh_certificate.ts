/** Certificates of SSH host keys, as far as they are read; nobody has signed them. */
import { encodeBase64 } from "@std/encoding/base64";
import { concat, utf8 } from "../../lib/bytes.ts";

const TYPE = "ssh-ed25519-cert-v01@openssh.com";

function field(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, data.length);
  return concat([length, data]);
}

/** The certificate of the key of 32 times `byte`, and the key's public line. `kind` is 2 for hosts and 1 for users. */
export function derivedTestCertificate(
  byte: number,
  kind = 2,
): { line: string; publicLine: string } {
  const key = new Uint8Array(32).fill(byte);
  const blob = concat([
    field(utf8(TYPE)),
    field(new Uint8Array(32)),
    field(key),
    new Uint8Array([0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, kind]),
    field(utf8("id")),
  ]);
  return {
    line: `${TYPE} ${encodeBase64(blob)} host`,
    publicLine: `ssh-ed25519 ${
      encodeBase64(concat([field(utf8("ssh-ed25519")), field(key)]))
    } node`,
  };
}

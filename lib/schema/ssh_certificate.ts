/**
 * Certificates of SSH host keys (OpenSSH's PROTOCOL.certkeys), one line each as in `ssh_host_ed25519_key-cert.pub`. Only those
 * of ed25519 keys are read, as identity drives hold no others.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";

const TYPE = "ssh-ed25519-cert-v01@openssh.com";
const KEY_TYPE = "ssh-ed25519";
/** The kind of certificate that is for hosts. */
const HOST = 2;
// deno-lint-ignore no-control-regex -- they are what is refused
const LINE = /^ssh-ed25519-cert-v01@openssh\.com ([A-Za-z0-9+/]+={0,2})(?: [^\x00-\x1f\x7f]*)?$/;

/** What of a certificate is looked at. */
export interface HostCertificate {
  /** The host key that it is about, in base64 as in its public line. */
  key: string;
}

/** What a line says, or what is wrong with it (completing "<place> …"). */
export function parseHostCertificate(line: string): HostCertificate | { problem: string } {
  const notOne = {
    problem:
      `must be the certificate of an ed25519 host key: a line as in ssh_host_ed25519_key-cert.pub (${TYPE} AAAA…)`,
  };
  const [, blob] = LINE.exec(line) ?? [];
  if (blob === undefined) return notOne;
  let bytes: Uint8Array;
  try {
    bytes = decodeBase64(blob);
  } catch {
    return notOne;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const next = (): Uint8Array | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const length = view.getUint32(at);
    const field = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return field.length === length ? field : undefined;
  };
  const type = next();
  if (!type || new TextDecoder().decode(type) !== TYPE) return notOne;
  next(); // A random number.
  const key = next();
  // The serial, eight bytes, stands before the kind.
  if (key?.length !== 32 || at + 12 > bytes.length) return notOne;
  if (view.getUint32(at + 8) !== HOST) {
    return {
      problem:
        "must be the certificate of a host, and this one is a user's (ssh-keygen -s … -h makes one)",
    };
  }
  return { key: encodeBase64(publicBlob(key)) };
}

/** Whether a certificate is about the host key of a public line. */
export function isCertificateOf(certificate: string, publicLine: string): boolean {
  const parsed = parseHostCertificate(certificate);
  return !("problem" in parsed) && publicLine.split(" ")[1] === parsed.key;
}

/** A public key as its line holds it: the type and the key, each behind its length. */
function publicBlob(key: Uint8Array): Uint8Array {
  const parts = [new TextEncoder().encode(KEY_TYPE), key];
  const blob = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    new DataView(blob.buffer).setUint32(at, part.length);
    blob.set(part, at + 4);
    at += 4 + part.length;
  }
  return blob;
}

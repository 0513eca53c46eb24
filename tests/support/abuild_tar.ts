/**
 * A stand-in for `abuild-tar`, which Debian does not have: puts the SHA-1 of each file and symbolic link into the pax
 * header that GNU tar has written for it (`--hash`), and takes the end off an archive (`--cut`). It knows nothing of
 * lib/formats, so that both can't be wrong in the same way. Reads standard input, writes standard output.
 */
import { createHash } from "node:crypto";

const BLOCK = 512;

/** What abuild-tar makes of an archive by `tar --format=posix`. */
export function abuildTar(archive: Uint8Array, options: { hash?: boolean; cut?: boolean }) {
  const out: Uint8Array[] = [];
  let paxHeader: Uint8Array | undefined;
  let pax: Uint8Array = new Uint8Array();
  for (let at = 0; at < archive.length;) {
    const header = archive.slice(at, at + BLOCK);
    if (header[0] === 0) {
      if (!options.cut) out.push(archive.slice(at));
      break;
    }
    const size = parseInt(latin1(header.subarray(124, 136)), 8) || 0;
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    const content = archive.slice(at + BLOCK, at + BLOCK + padded);
    at += BLOCK + padded;
    const type = String.fromCharCode(header[156]!);
    if (type === "x") {
      paxHeader = header;
      pax = content.slice(0, size);
      continue;
    }
    if (options.hash && "072".includes(type)) {
      // Of a symbolic link the header's field counts, which holds the first 100 bytes of a target.
      const field = header.subarray(157, 257);
      const end = field.indexOf(0);
      const hashed = type === "2"
        ? field.subarray(0, end < 0 ? undefined : end)
        : content.subarray(0, size);
      const sum = createHash("sha1").update(hashed).digest("hex");
      pax = join([pax, record("APK-TOOLS.checksum.SHA1", sum)]);
      if (!paxHeader) throw new Error("A file without a pax header: not made as abuild does");
    }
    if (paxHeader) {
      paxHeader.set(ascii(pax.length.toString(8).padStart(11, "0")), 124);
      paxHeader.fill(0x20, 148, 156);
      const sum = paxHeader.reduce((a, b) => a + b, 0);
      paxHeader.set(ascii(`${sum.toString(8).padStart(6, "0")}\0`), 148);
      out.push(paxHeader, pax, new Uint8Array((BLOCK - pax.length % BLOCK) % BLOCK));
    }
    out.push(header, content);
    paxHeader = undefined;
    pax = new Uint8Array();
  }
  return join(out);
}

function record(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length++;
  return ascii(length + rest);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

if (import.meta.main) {
  const input = new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  const flags = { hash: Deno.args.includes("--hash"), cut: Deno.args.includes("--cut") };
  await new Response(abuildTar(input, flags)).body!.pipeTo(Deno.stdout.writable);
}

/**
 * The stand-in for the builder's container image: a static busybox, GNU tar, openssl, mtools and xorriso of this machine with
 * the libraries they need, and ./mkimage.sh as if aports were there. A test fixture: it builds no kernel and no initramfs.
 */
import { type Bytes, sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { type TarEntry, writeTar } from "../../../lib/formats/tar.ts";
import { BUSYBOX_TOOLS, staticBusybox } from "../static_busybox.ts";
import { toolPath } from "../tools.ts";

/** What this needs of the machine. */
export const DOUBLE_TOOLS = [...BUSYBOX_TOOLS, "tar", "openssl", "mtools", "xorriso"];

const BUILD_ID = 1000;
const OTHER_KEY = "-----BEGIN PUBLIC KEY-----\nanother\n-----END PUBLIC KEY-----\n";

/** The image's root as a tar, and a name made of its content. */
export async function doubleImage(): Promise<{ tag: string; tar: Bytes }> {
  const entries = new Map<string, TarEntry>();
  const put = (
    path: string,
    kind: TarEntry["kind"],
    mode: number,
    more: Partial<TarEntry> = {},
  ) => {
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
      const parent = path.slice(0, at);
      if (!entries.has(parent)) put(parent, "directory", 0o755, ownerOf(parent));
    }
    entries.set(path, { path, kind, mode, uid: 0, gid: 0, mtime: 0, ...ownerOf(path), ...more });
  };
  const file = async (path: string, from: string, mode = 0o755) =>
    put(path, "file", mode, { data: await Deno.readFile(from) as Bytes });

  const busybox = await staticBusybox();
  await file("bin/busybox", busybox);
  for (const applet of (await output(busybox, "--list")).split("\n").filter(Boolean)) {
    if (applet !== "busybox") put(`bin/${applet}`, "symlink", 0o777, { linkTarget: "busybox" });
  }
  for (const name of ["tar", "openssl", "mtools", "xorriso"]) {
    const from = await Deno.realPath(toolPath(name)!);
    // Beside busybox's: abuild asks for GNU's, which Alpine has under its plain name.
    await file(`usr/bin/${name === "tar" ? "gnutar" : name}`, from);
    for (const library of await libraries(from)) {
      if (!entries.has(library.slice(1))) await file(library.slice(1), library);
    }
  }
  // mtools asks libc for the code page of short names.
  const libc = [...entries.keys()].find((path) => path.endsWith("/libc.so.6"))!;
  const gconv = `usr/${libc.replace(/^usr\//, "").replace(/libc\.so\.6$/, "gconv")}`;
  for (const name of ["gconv-modules", "gconv-modules.cache", "IBM850.so"]) {
    if (await isFile(`/${gconv}/${name}`)) await file(`${gconv}/${name}`, `/${gconv}/${name}`);
  }
  for (const name of ["mformat", "mcopy"]) {
    put(`usr/bin/${name}`, "symlink", 0o777, { linkTarget: "mtools" });
  }
  put("usr/bin/xorrisofs", "symlink", 0o777, { linkTarget: "xorriso" });
  put("etc/passwd", "file", 0o644, {
    data: utf8("root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000::/home/build:/bin/sh\n"),
  });
  put("etc/group", "file", 0o644, { data: utf8("root:x:0:\nbuild:x:1000:\n") });
  put("etc/apk/keys", "directory", 0o755);
  put("usr/share/apk/keys/x86_64/other.rsa.pub", "file", 0o644, { data: utf8(OTHER_KEY) });
  put("tmp", "directory", 0o1777);
  for (const name of ["work", "cache", "out", "aports/main/build-base", "aports/scripts"]) {
    put(`home/build/${name}`, "directory", 0o755);
  }
  const script = new URL("mkimage.sh", import.meta.url);
  await file("home/build/aports/scripts/mkimage.sh", script.pathname);
  const tar = writeTar([...entries.values()]);
  return { tag: `psyopsos-double:${sha256Hex(tar).slice(0, 12)}`, tar };
}

/** Below the user's home everything is the user's. */
function ownerOf(path: string): Partial<TarEntry> {
  return path.startsWith("home/build") ? { uid: BUILD_ID, gid: BUILD_ID } : {};
}

/** The shared libraries of a program and its loader, by path. */
async function libraries(program: string): Promise<string[]> {
  const listed = await output("ldd", program);
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout);
}

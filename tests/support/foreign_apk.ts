/** What tests/vectors/foreign/apk.sh makes, and what has to be read out of it. */
import { assertEquals } from "@std/assert";
import { openIndex } from "../../lib/apk/index.ts";
import { openPackage } from "../../lib/apk/package.ts";
import { verifyPackageSignature } from "../../lib/apk/signature.ts";
import { type Bytes, text } from "../../lib/bytes.ts";

/** Name of the key that signs. */
export const FOREIGN_KEY = "test-1.rsa.pub";
/** Where in the folder index and package are. */
export const FOREIGN_INDEX = "x86_64/APKINDEX.tar.gz";
export const FOREIGN_PACKAGE = "x86_64/hello-1.0-r0.apk";

/** Opens index and package out of `read`'s folder and compares all they say. */
export async function checkForeignApk(
  read: (path: string) => Promise<Bytes>,
  type = "RSA",
): Promise<void> {
  const keys = new Map([[FOREIGN_KEY, text(await read(FOREIGN_KEY))]]);
  const index = openIndex(await read(FOREIGN_INDEX), keys);
  assertEquals([index.description, index.keyFile, index.type], [
    "made by foreign programs",
    FOREIGN_KEY,
    type,
  ]);
  const [record] = index.records;
  assertEquals(index.records.length, 1);
  assertEquals(record!.provides, ["cmd:hello=1.0-r0", "so:libc.musl-x86_64.so.1=1"]);
  const bytes = await read(FOREIGN_PACKAGE);
  assertEquals(verifyPackageSignature(bytes, keys), { keyFile: FOREIGN_KEY, type });
  const opened = openPackage(bytes, record!);
  assertEquals([opened.info.name, opened.info.description], ["hello", "a greeting"]);
  assertEquals([...opened.scripts].map(([name, script]) => [name, text(script)]), [
    ["post-install", "#!/bin/sh\nexit 0\n"],
  ]);
  const deep = `usr/${"directory/".repeat(15)}file`;
  assertEquals(
    opened.entries.filter(({ path }) => !path.startsWith("usr/directory") || path === deep).map(
      ({ path, kind, mode, linkTarget = "", uname, mtime }) =>
        [path, kind, mode.toString(8), linkTarget, uname, mtime].join(" "),
    ),
    [
      "empty directory 755  root 1700000000",
      "etc directory 755  root 1700000000",
      "etc/motd file 644  root 1700000000",
      "etc/nothing file 644  root 1700000000",
      "usr directory 755  root 1700000000",
      "usr/bin directory 755  root 1700000000",
      `usr/bin/far symlink 777 ${"../".repeat(40)}etc/motd root 1700000000`,
      "usr/bin/hello file 4755  root 1700000000",
      "usr/bin/hello2 hardlink 4755 usr/bin/hello root 1700000000",
      "usr/bin/hi symlink 777 hello root 1700000000",
      `${deep} file 644  root 1700000000`,
    ],
  );
  assertEquals(text(opened.entries.find(({ path }) => path === deep)!.data!), "deep\n");
}

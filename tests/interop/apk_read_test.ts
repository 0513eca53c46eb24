/** Packages and an index put together by GNU tar, gzip and OpenSSL, read by our code; and a real web server. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openIndex } from "../../lib/apk/index.ts";
import { openPackage } from "../../lib/apk/package.ts";
import { openPackages, openRepository, UnreachableError } from "../../lib/apk/repository.ts";
import { verifyPackageSignature } from "../../lib/apk/signature.ts";
import { solve } from "../../lib/apk/solver.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { RefusedError } from "../../lib/errors.ts";
import { needTool } from "../support/tools.ts";

const KEY = "interop-1.rsa.pub";

/** Makes a signed repository with one package in `$1`; signature type `$2` with OpenSSL digest `$3`. */
const MAKE = `
set -eu
cd "$1"; type=$2; digest=$3
export LC_ALL=C
openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out ${KEY} 2>/dev/null
mkdir -p data/etc data/usr/bin control sign repo/x86_64
echo hi > data/etc/motd
printf '#!/bin/sh\\n' > data/usr/bin/hello
chmod 4755 data/usr/bin/hello
ln data/usr/bin/hello data/usr/bin/hello2
ln -s hello data/usr/bin/hi
long=data/usr/$(printf 'directory/%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
mkdir -p $long; echo deep > $long/file
tar() { command tar --format=posix --pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime \\
  --sort=name --owner=root:0 --group=root:0 --mtime=@0 "$@"; }
# Archives without their end, as abuild-tar --cut leaves them.
cut() { head -c -1024; }
(cd data && tar -b1 -c etc usr) | gzip -n -9 > data.tgz
hash=$(sha256sum data.tgz); hash=\${hash%% *}
cat > control/.PKGINFO <<EOF
# made for a test
pkgname = hello
pkgver = 1.0-r0
pkgdesc = a greeting
arch = x86_64
size = 20
depend = musl
datahash = $hash
EOF
printf '#!/bin/sh\\nexit 0\\n' > control/.post-install; chmod 755 control/.post-install
(cd control && tar -b1 -c .PKGINFO .post-install) | cut | gzip -n -9 > control.tgz
sign() { # file to sign, output
  openssl dgst -$digest -sign key.pem -out "sign/.SIGN.$type.${KEY}" "$1"
  (cd sign && tar -b1 -c ".SIGN.$type.${KEY}") | cut | gzip -n -9 > "$2"
  rm sign/.SIGN.*
}
sign control.tgz sig.tgz
cat sig.tgz control.tgz data.tgz > repo/x86_64/hello-1.0-r0.apk
sum=$(openssl dgst -sha1 -binary control.tgz | base64)
cat > APKINDEX <<EOF
C:Q1$sum
P:hello
V:1.0-r0
A:x86_64
S:$(stat -c %s repo/x86_64/hello-1.0-r0.apk)
I:20
T:a greeting
U:
L:
p:musl=1
EOF
echo interop > DESCRIPTION
tar -c DESCRIPTION APKINDEX | gzip -n -9 > index.tgz
sign index.tgz isig.tgz
cat isig.tgz index.tgz > repo/x86_64/APKINDEX.tar.gz
`;

async function withRepository(
  type: string,
  digest: string,
  test: (dir: string, keys: Map<string, string>) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const made = await new Deno.Command("bash", { args: ["-c", MAKE, "make", dir, type, digest] })
      .output();
    assert(made.success, new TextDecoder().decode(made.stderr));
    await test(dir, new Map([[KEY, await Deno.readTextFile(`${dir}/${KEY}`)]]));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const tools = needTool("bash", "openssl", "tar", "gzip", "base64", "sha256sum");

for (
  const [type, digest] of [["RSA", "sha1"], ["RSA256", "sha256"], ["RSA512", "sha512"]] as const
) {
  Deno.test({
    name: `openRepository() reads what tar, gzip and openssl made, signed ${type}`,
    ...tools,
    fn: () =>
      withRepository(type, digest, async (dir, keys) => {
        const repository = await openRepository(new DenoHost(), `${dir}/repo`, {
          arch: "x86_64",
          keys,
        });
        assertEquals([repository.index.description, repository.index.type], ["interop", type]);
        const chosen = solve(["hello"], [repository], { arch: "x86_64" });
        const [opened] = await openPackages([repository], chosen);
        assertEquals(opened!.info.description, "a greeting");
        assertEquals([...opened!.scripts.keys()], ["post-install"]);
        const found = opened!.entries.map(({ path, kind, mode, linkTarget }) =>
          [path, kind, mode.toString(8), linkTarget ?? ""].join(" ").trim()
        );
        assert(found.includes("usr/bin/hello file 4755"), found.join("\n"));
        assert(found.includes("usr/bin/hello2 hardlink 4755 usr/bin/hello"), found.join("\n"));
        assert(
          found.some((line) => line.startsWith("usr/bin/hi symlink") && line.endsWith(" hello")),
        );
        assert(found.some((line) => line.startsWith(`usr/${"directory/".repeat(15)}file file`)));
        const bytes = await Deno.readFile(`${dir}/repo/x86_64/hello-1.0-r0.apk`);
        assertEquals(verifyPackageSignature(bytes, keys).type, type);
      }),
  });
}

Deno.test({
  name: "openIndex() and openPackage() refuse foreign files after one changed byte",
  ...tools,
  fn: () =>
    withRepository("RSA256", "sha256", async (dir, keys) => {
      const index = await Deno.readFile(`${dir}/repo/x86_64/APKINDEX.tar.gz`);
      const [record] = openIndex(index, keys).records;
      index[index.length - 30]! ^= 1;
      assertEquals(assertThrows(() => openIndex(index, keys), RefusedError).check, "signature");
      const bytes = await Deno.readFile(`${dir}/repo/x86_64/hello-1.0-r0.apk`);
      openPackage(bytes, record!);
      bytes[bytes.length - 30]! ^= 1;
      assertEquals(assertThrows(() => openPackage(bytes, record!), RefusedError).check, "hash");
    }),
});

Deno.test({
  name:
    "openRepository() works over HTTP, from its cache when the server is gone, not when it hangs",
  ...tools,
  fn: () =>
    withRepository("RSA", "sha1", async (dir, keys) => {
      const requests: string[] = [];
      const release = Promise.withResolvers<void>();
      let hang = false;
      const server = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        async (request) => {
          const { pathname } = new URL(request.url);
          requests.push(
            `${pathname.split("/").at(-1)} ${request.headers.get("If-None-Match") ?? "-"}`,
          );
          if (hang) await release.promise;
          if (request.headers.get("If-None-Match") === '"1"') {
            return new Response(null, { status: 304 });
          }
          return new Response(await Deno.readFile(dir + pathname), { headers: { ETag: '"1"' } });
        },
      );
      const location = `http://127.0.0.1:${server.addr.port}/repo`;
      const notes: string[] = [];
      const options = {
        arch: "x86_64",
        keys,
        cacheDir: `${dir}/cache`,
        silenceMs: 500,
        note: (line: string) => notes.push(line),
      };
      const host = new DenoHost();
      try {
        for (let i = 0; i < 2; i++) {
          const repository = await openRepository(host, location, options);
          await openPackages([repository], repository.records);
        }
        assertEquals(requests, ["APKINDEX.tar.gz -", "hello-1.0-r0.apk -", 'APKINDEX.tar.gz "1"']);
        hang = true;
        await openRepository(host, location, options);
        assertEquals(notes.length, 1);
        assert(
          notes[0]!.includes("nothing came for 0.5 s; going on with what is cached"),
          notes[0],
        );
      } finally {
        release.resolve();
        await server.shutdown();
      }
      const offline = await openRepository(host, location, options);
      assertEquals(notes.length, 2);
      const [opened] = await openPackages([offline], offline.records);
      assertEquals(opened!.info.name, "hello");
      await assertRejects(
        () => openRepository(host, location, { ...options, cacheDir: `${dir}/empty` }),
        UnreachableError,
      );
    }),
});

/** Packages and an index put together as abuild does, by GNU tar, gzip and OpenSSL, read by our code; and a real web server. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openIndex } from "../../lib/apk/index.ts";
import { openPackage } from "../../lib/apk/package.ts";
import { openPackages, openRepository, UnreachableError } from "../../lib/apk/repository.ts";
import { solve } from "../../lib/apk/solver.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { RefusedError } from "../../lib/errors.ts";
import { checkForeignApk, FOREIGN_KEY } from "../support/foreign_apk.ts";
import { needTool } from "../support/tools.ts";

const MAKE = fileURLToPath(new URL("../vectors/foreign/apk.sh", import.meta.url));

async function withRepository(
  type: string,
  digest: string,
  test: (dir: string, keys: Map<string, string>) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const made = await new Deno.Command(MAKE, {
      args: [dir, type, digest],
      env: { DENO: Deno.execPath() },
    }).output();
    assert(made.success, new TextDecoder().decode(made.stderr));
    const pem = await Deno.readTextFile(`${dir}/repo/${FOREIGN_KEY}`);
    await test(dir, new Map([[FOREIGN_KEY, pem]]));
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
        const chosen = solve(["hello"], [repository], { arch: "x86_64" });
        const [opened] = await openPackages([repository], chosen);
        assertEquals(opened!.info.description, "a greeting");
        await checkForeignApk((path) => Deno.readFile(`${dir}/repo/${path}`), type);
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

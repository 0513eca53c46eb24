import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { IndexRecord } from "../../../lib/apk/index.ts";
import {
  openPackages,
  openRepositories,
  openRepository,
  UnreachableError,
} from "../../../lib/apk/repository.ts";
import { type Bytes, concat, sha256Hex } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { file, makeKey, makePackage, signedIndex, testKey, trust } from "./apk_fixtures.ts";

const URL_MAIN = "https://mirror.example/v3.24/main";
const INDEX = `${URL_MAIN}/x86_64/APKINDEX.tar.gz`;
const hello = makePackage({ entries: [file("etc/motd", "hi")] });
const other = makePackage({ name: "other", version: "2-r1" });
const HELLO = `${URL_MAIN}/x86_64/hello-1.0-r0.apk`;

/** A host with a mirror; `headers` go with its index. */
function mirror(records = [hello.record, other.record], headers?: HeadersInit): FakeHost {
  const host = new FakeHost();
  serveIndex(host, signedIndex(records), headers);
  host.pages.set(HELLO, hello.bytes);
  host.pages.set(`${URL_MAIN}/x86_64/other-2-r1.apk`, other.bytes);
  return host;
}

function serveIndex(host: FakeHost, index: Bytes, headers: HeadersInit = {}): void {
  host.pages.set(INDEX, (init) => {
    const asked = new Headers(init?.headers);
    const etag = new Headers(headers).get("ETag");
    if (etag !== null && asked.get("If-None-Match") === etag) {
      return new Response(null, { status: 304 });
    }
    return new Response(index, { headers });
  });
}

/** The network is gone from here on. */
function unplug(host: FakeHost): void {
  const dead = () => {
    const cause = new Error(
      "error sending request for url (https://x/): client error (Connect): no route",
    );
    throw new TypeError("fetch failed", { cause });
  };
  for (const url of host.pages.keys()) host.pages.set(url, dead);
  host.log.length = 0;
}

const options = { arch: "x86_64", keys: trust(testKey()), cacheDir: "/cache" };
const fetches = (host: FakeHost) => host.log.filter((line) => line.startsWith("fetch "));

Deno.test("openRepository() gives verified records and packages of a mirror", async () => {
  const host = mirror();
  const repository = await openRepository(host, `${URL_MAIN}/`, options);
  assertEquals([repository.name, repository.index.description], [URL_MAIN, "a test repository"]);
  assertEquals(repository.records.map(({ name }) => name), ["hello", "other"]);
  const opened = await repository.open(repository.records[0]!);
  assertEquals(opened.entries.map(({ path }) => path), ["etc", "etc/motd"]);
  assertEquals(repository.offlineSince, undefined);
});

Deno.test("openRepository() reads a folder without a cache", async () => {
  const host = new FakeHost({
    "/repo/x86_64/APKINDEX.tar.gz": signedIndex([hello.record, {
      ...other.record,
      arch: "noarch",
    }]),
    "/repo/x86_64/hello-1.0-r0.apk": hello.bytes,
    "/repo/x86_64/other-2-r1.apk": other.bytes,
  });
  const repository = await openRepository(host, "/repo", { ...options, cacheDir: "/cache" });
  const opened = await openPackages([repository], repository.records);
  assertEquals(opened.map(({ info }) => info.name), ["hello", "other"]);
  assertEquals(await host.readDir("/cache"), []);
  const gone: IndexRecord = { ...hello.record, version: "9" };
  await assertRejects(
    () => repository.open(gone),
    UserError,
    "there is no /repo/x86_64/hello-9.apk",
  );
  await assertRejects(
    () => openRepository(host, "/none", options),
    UserError,
    "Cannot open the package repository /none: there is no /none/x86_64/APKINDEX.tar.gz",
  );
});

Deno.test("openRepository() fetches packages once and asks for the index conditionally", async () => {
  const validators = [
    ["ETag", '"v1"', "If-None-Match"],
    ["Last-Modified", "Sun, 22 Nov 2026 20:00:00 GMT", "If-Modified-Since"],
  ] as const;
  for (const [name, value, condition] of validators) {
    const host = mirror([hello.record], [[name, value]]);
    const first = await openRepository(host, URL_MAIN, options);
    await first.open(first.records[0]!);
    let asked: Headers | undefined;
    host.pages.set(INDEX, (init) => {
      asked = new Headers(init?.headers);
      return new Response(null, { status: 304 });
    });
    host.log.length = 0;
    const second = await openRepository(host, URL_MAIN, options);
    assertEquals(second.records, first.records);
    await second.open(second.records[0]!);
    assertEquals(fetches(host), [`fetch ${INDEX}`]);
    assertEquals(asked?.get(condition), value);
  }
});

Deno.test("openRepository() takes a new index, and asks in full when its copy is damaged", async () => {
  const host = mirror([hello.record], { ETag: '"v1"' });
  await openRepository(host, URL_MAIN, options);
  const cached = [...host.nodes.keys()].find((path) => path.endsWith(".tar.gz"))!;
  host.put(cached, "damaged");
  assertEquals((await openRepository(host, URL_MAIN, options)).records.length, 1);
  serveIndex(host, signedIndex([hello.record, other.record]), { ETag: '"v2"' });
  assertEquals((await openRepository(host, URL_MAIN, options)).records.length, 2);
  for (const path of [...host.nodes.keys()].filter((path) => path.endsWith(".json"))) {
    host.put(path, "{ not JSON");
  }
  assertEquals((await openRepository(host, URL_MAIN, options)).records.length, 2);
});

Deno.test("openRepositories() goes on from the cache without a network, and says so once", async () => {
  const host = mirror();
  const second = "https://mirror.example/v3.24/community";
  host.pages.set(`${second}/x86_64/APKINDEX.tar.gz`, signedIndex([other.record]));
  const notes: string[] = [];
  const all = { ...options, note: (line: string) => notes.push(line) };
  const online = await openRepositories(host, [URL_MAIN, second], all);
  await openPackages(online, [online[0]!.records[0]!]);
  assertEquals(notes, []);

  unplug(host);
  host.clock = new Date("2026-12-01T00:00:00Z");
  const offline = await openRepositories(host, [URL_MAIN, second], all);
  assertEquals(notes, [
    `Cannot fetch ${INDEX}: no route; going on with what is cached from 2026-11-22`,
  ]);
  assertEquals(fetches(host), [`fetch ${INDEX}`]);
  assertEquals(offline.map(({ offlineSince }) => offlineSince), [
    "2026-11-22T20:00:00.000Z",
    "2026-11-22T20:00:00.000Z",
  ]);
  const [opened] = await openPackages(offline, [offline[0]!.records[0]!]);
  assertEquals(opened!.info.name, "hello");
  await assertRejects(
    () => offline[0]!.open(offline[0]!.records[1]!),
    UnreachableError,
    "the mirror does not answer, and it is not cached",
  );
});

Deno.test("openRepository() without a network and a cache says that the mirror does not answer", async () => {
  const host = mirror();
  unplug(host);
  await assertRejects(
    () => openRepository(host, URL_MAIN, options),
    UnreachableError,
    `Cannot fetch ${INDEX}: no route`,
  );
});

Deno.test("openRepository() takes a server's trouble for silence, but not its no", async () => {
  const host = mirror();
  await openRepository(host, URL_MAIN, options);
  host.pages.set(INDEX, () => new Response("down", { status: 503 }));
  assertEquals((await openRepository(host, URL_MAIN, options)).records.length, 2);
  host.pages.set(INDEX, () => new Response("no", { status: 404 }));
  const error = await assertRejects(() => openRepository(host, URL_MAIN, options), UserError);
  assertEquals(error.message, `Cannot fetch ${INDEX}: the server answers 404`);
});

Deno.test("openRepository() refuses an untrusted index although a good one is cached", async () => {
  const host = mirror();
  await openRepository(host, URL_MAIN, options);
  serveIndex(host, signedIndex([hello.record], makeKey("evil.rsa.pub")));
  const error = await assertRejects(() => openRepository(host, URL_MAIN, options), RefusedError);
  assertEquals([error.check, error.document], ["key", INDEX]);
  unplug(host);
  // What was refused has not become the cached copy.
  assertEquals((await openRepository(host, URL_MAIN, options)).records.length, 2);
});

Deno.test("open() refuses a mirror's other file, a damaged copy it fetches again", async () => {
  const host = mirror();
  const repository = await openRepository(host, URL_MAIN, options);
  const changed = hello.bytes.slice();
  changed[changed.length - 1]! ^= 1;
  host.pages.set(HELLO, changed);
  const record = repository.records[0]!;
  const error = await assertRejects(() => repository.open(record), RefusedError);
  assertEquals(error.check, "hash");
  assertEquals(await host.readDir("/cache/packages"), []);

  host.pages.set(HELLO, hello.bytes);
  await repository.open(record);
  const [name] = await host.readDir("/cache/packages");
  host.put(`/cache/packages/${name}`, changed);
  host.log.length = 0;
  await repository.open(record);
  assertEquals(fetches(host), [`fetch ${HELLO}`]);
  await repository.open(record);
  assertEquals(fetches(host), [`fetch ${HELLO}`]);
});

Deno.test("open() stops reading where the index says that the file ends", async () => {
  const host = mirror();
  const repository = await openRepository(host, URL_MAIN, options);
  host.pages.set(HELLO, concat([hello.bytes, new Uint8Array(1)]));
  await assertRejects(
    () => repository.open(repository.records[0]!),
    UserError,
    `Cannot fetch ${HELLO}: it has more than ${hello.bytes.length} bytes`,
  );
});

Deno.test("open() tries a package three times", async () => {
  const host = mirror();
  const repository = await openRepository(host, URL_MAIN, options);
  let calls = 0;
  host.pages.set(HELLO, () => {
    if (++calls < 3) throw new TypeError("connection reset");
    return new Response(hello.bytes);
  });
  await repository.open(repository.records[0]!);
  assertEquals(calls, 3);
  assertEquals(host.log.filter((line) => line.startsWith("sleep")), ["sleep 500", "sleep 2000"]);
});

Deno.test("openPackages() keeps order, compares a lock's hashes and tells how far it is", async () => {
  const repository = await openRepository(mirror(), URL_MAIN, options);
  const records = [...repository.records].reverse();
  const told: string[] = [];
  const opened = await openPackages([repository], records, {
    parallel: 1,
    sha256: new Map([["hello", sha256Hex(hello.bytes)]]),
    progress: (done, total) => told.push(`${done}/${total}`),
  });
  assertEquals(opened.map(({ info }) => info.name), ["other", "hello"]);
  assertEquals(told, ["1/2", "2/2"]);
  await assertRejects(
    () => openPackages([repository], records, { sha256: new Map([["other", "0".repeat(64)]]) }),
    RefusedError,
    "Cannot trust other-2-r1.apk: its SHA-256 is not the one in the lock",
  );
  await assertRejects(
    () => openPackages([], records),
    UserError,
    "Cannot open other-2-r1.apk: no given repository has it",
  );
});

Deno.test("openRepository() refuses other protocols and shows no password", async () => {
  const host = new FakeHost();
  await assertRejects(
    () => openRepository(host, "ftp://mirror.example/main", options),
    UserError,
    "Cannot open the package repository ftp://mirror.example/main: it is no http or https URL",
  );
  const error = await assertRejects(
    () => openRepository(host, "https://me:s3cret@mirror.example/main", options),
    UserError,
  );
  assertStringIncludes(error.message, "https://mirror.example/main/x86_64/APKINDEX.tar.gz");
  assertEquals(error.message.includes("s3cret"), false);
});

Deno.test("openRepository() says that it can't write its cache", async () => {
  const host = mirror();
  host.broken.set("/cache", new Error("read-only file system"));
  await assertRejects(
    () => openRepository(host, URL_MAIN, options),
    UserError,
    "Cannot write the package cache /cache: read-only file system",
  );
});

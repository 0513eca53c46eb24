import { assertEquals, assertRejects } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { buildIndex } from "../../../../lib/apk/build.ts";
import { UnreachableError } from "../../../../lib/apk/repository.ts";
import { sha256Hex, utf8 } from "../../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../../lib/errors.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import { versionOf } from "../../../../lib/image/make.ts";
import { KEY_SERVER, OVERLAY_KEYS } from "../../../../lib/image/packages/repository_keys.ts";
import { openSources } from "../../../../lib/image/packages/sources.ts";
import { openLabPackages } from "../../../../lib/lab_packages/open.ts";
import { FakeHost } from "../../../support/fake_host.ts";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = String(pair.publicKey.export({ type: "spki", format: "pem" }));
const privateKey = String(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
const project = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));
const name = project.repositories[0]!.keys[0]!.name;
const pin = { name, sha256: sha256Hex(utf8(pem)) };
const definition = {
  ...project,
  repositories: project.repositories.map((one) => ({ ...one, keys: [pin] })),
};
const index = buildIndex([], { name, privateKey });
const options = { root: "/p", arch: "x86_64", cacheDir: "/c", lab: openLabPackages } as const;
const overlayFile = `/p/${OVERLAY_KEYS}/${name}`;
const keyUrl = `${KEY_SERVER}/${name}`;

/** A world with the definition's mirrors, and with the key server when it is given a key. */
function mirrors(key?: string | Response): FakeHost {
  const host = new FakeHost();
  for (const { url } of definition.repositories) {
    host.pages.set(`${url}/x86_64/APKINDEX.tar.gz`, index);
  }
  if (key !== undefined) {
    host.pages.set(keyUrl, typeof key === "string" ? utf8(key) : () => key);
  }
  return host;
}

const keyRequests = ({ log }: FakeHost) => log.filter((line) => line === `fetch ${keyUrl}`).length;

Deno.test("openSources() fetches a pinned key once, keeps it, and gives it to the image", async () => {
  const host = mirrors(pem);
  const lines: string[] = [];
  const all = {
    ...options,
    packages: "mirror",
    onStage: (line: string) => lines.push(line),
  } as const;
  const first = await openSources(host, definition, all);
  assertEquals(first.keys, new Map([[name, pem]]));
  assertEquals(first.lines, definition.repositories.map(({ url }) => url));
  assertEquals(lines, [`fetching the repository key ${name}`]);
  await openSources(host, definition, all);
  assertEquals(keyRequests(host), 1);
});

Deno.test("openSources() fetches a kept key again when the pin has changed or it is damaged", async () => {
  const host = mirrors(pem);
  host.put(`/c/keys/${name}`, "an older key");
  await openSources(host, definition, { ...options, packages: "mirror" });
  assertEquals(keyRequests(host), 1);
  assertEquals(host.textOf(`/c/keys/${name}`), pem);
});

Deno.test("openSources() takes a key of the overlay first, and asks nobody", async () => {
  const host = mirrors("another key");
  host.put(overlayFile, pem);
  const { keys } = await openSources(host, definition, { ...options, packages: "mirror" });
  assertEquals([...keys.values()], [pem]);
  assertEquals(keyRequests(host), 0);
});

Deno.test("openSources() refuses a fetched key that is not the pinned one, in every mode", async () => {
  for (const packages of ["mirror", "auto"] as const) {
    const host = mirrors("another key");
    const error = await assertRejects(
      () => openSources(host, definition, { ...options, packages }),
      RefusedError,
      `Cannot trust the repository key ${keyUrl}: its SHA-256 is ${
        sha256Hex(utf8("another key"))
      }, ` +
        `overlay/image.yaml pins ${pin.sha256}`,
    );
    assertEquals(error.check, "hash");
    assertEquals(await host.stat(`/c/keys/${name}`), undefined);
  }
});

Deno.test("openSources() refuses a key of the overlay that is not the pinned one", async () => {
  const host = mirrors(pem);
  host.put(overlayFile, "another key");
  await assertRejects(
    () => openSources(host, definition, { ...options, packages: "mirror" }),
    RefusedError,
    `Cannot trust the repository key ${OVERLAY_KEYS}/${name}: its SHA-256`,
  );
});

Deno.test("openSources() says where a key can go when it can't be fetched", async () => {
  for (const [answer, expected] of [[404, UserError], [503, UnreachableError]] as const) {
    const host = mirrors(new Response("no", { status: answer }));
    const error = await assertRejects(
      () => openSources(host, definition, { ...options, packages: "mirror" }),
      expected,
      `Cannot fetch ${keyUrl}: the server answers ${answer}`,
    );
    assertEquals(error.hint?.startsWith(`or put the file into ${OVERLAY_KEYS}/`), true);
  }
});

Deno.test("openSources() refuses a key file of unlikely size", async () => {
  await assertRejects(
    () => openSources(mirrors("k".repeat(20_000)), definition, { ...options, packages: "mirror" }),
    UserError,
    `Cannot fetch ${keyUrl}: it has more than 16384 bytes`,
  );
});

Deno.test("openSources() refuses two pins for one name", async () => {
  const [first, second] = definition.repositories;
  const other = { ...second!, keys: [{ name, sha256: "0".repeat(64) }] };
  await assertRejects(
    () =>
      openSources(mirrors(pem), { ...definition, repositories: [first!, other] }, {
        ...options,
        packages: "mirror",
      }),
    UserError,
    `Cannot use the repository key ${name}: overlay/image.yaml pins it twice, differently`,
  );
});

Deno.test("openSources() trusts the overlay's keys for given repositories, and no mirror without its key", async () => {
  const host = mirrors(pem);
  host.put(`/p/${OVERLAY_KEYS}/own.rsa.pub`, pem);
  host.put("/r/x86_64/APKINDEX.tar.gz", buildIndex([], { name: "own.rsa.pub", privateKey }));
  const { keys, lines, kind } = await openSources(host, definition, {
    ...options,
    packages: ["/r"],
  });
  assertEquals(kind, "given");
  assertEquals([...keys.keys()], ["own.rsa.pub"]);
  assertEquals(lines, []);
  assertEquals(keyRequests(host), 0);
});

Deno.test("openSources() fetches pinned keys for a given mirror of Alpine", async () => {
  const host = mirrors(pem);
  host.put("/r/x86_64/APKINDEX.tar.gz", index);
  const { keys, lines } = await openSources(host, definition, { ...options, packages: ["/r"] });
  assertEquals([...keys.keys()], [name]);
  assertEquals(lines.length, definition.repositories.length);
});

Deno.test("openSources() tells of the missing key, not of the key server, for given repositories", async () => {
  const host = mirrors();
  host.pages.set(keyUrl, () => new Response("", { status: 503 }));
  host.put("/r/x86_64/APKINDEX.tar.gz", buildIndex([], { name: "own.rsa.pub", privateKey }));
  const error = await assertRejects(
    () => openSources(host, definition, { ...options, packages: ["/r"] }),
    RefusedError,
    "own.rsa.pub",
  );
  assertEquals(error.check, "key");
});

Deno.test("openSources() never takes the lab's packages when the mirror was asked for", async () => {
  const host = new FakeHost({ [overlayFile]: pem });
  host.fetch = () => Promise.reject(new TypeError("no route"));
  const lines: string[] = [];
  const onStage = (line: string) => lines.push(line);
  await assertRejects(
    () => openSources(host, definition, { ...options, packages: "mirror", onStage }),
    UserError,
    "Cannot fetch https://dl-cdn.alpinelinux.org/",
  );
  assertEquals(lines.filter((line) => line.includes("lab repository")), []);
});

Deno.test("openSources() does not pass over an untrusted mirror to the lab's packages", async () => {
  const host = new FakeHost({ [overlayFile]: pem });
  host.fetch = () => Promise.resolve(new Response("no index at all"));
  await assertRejects(
    () => openSources(host, definition, { ...options, packages: "auto" }),
    UserError,
    "APKINDEX",
  );
});

Deno.test("openSources() says that the lab repository serves, and which kernels it has", async () => {
  // With the key at hand the mirror is asked, without it the key server: neither answers.
  for (const host of [new FakeHost({ [overlayFile]: pem }), new FakeHost()]) {
    host.fetch = () => Promise.reject(new TypeError("no route"));
    const lines: string[] = [];
    const other = { ...definition, kernel: { ...definition.kernel, flavour: "rpi" } };
    const onStage = (line: string) => lines.push(line);
    await assertRejects(
      () => openSources(host, other, { ...options, packages: "auto", onStage }),
      UserError,
      "Cannot take the kernel rpi from the lab repository: it has virt and lts",
    );
    assertEquals(
      lines.at(-1)?.endsWith("using the lab repository (Debian's packages) instead"),
      true,
    );
  }
});

Deno.test("versionOf() sorts by age and is a slot's name", () => {
  assertEquals(versionOf(1_795_387_724), "2026.11.22.2248");
  assertEquals(versionOf(0), "1970.01.01.0000");
});

import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { parseDefinition } from "../../../lib/image/definition.ts";
import { versionOf } from "../../../lib/image/make.ts";
import { openSources } from "../../../lib/image/sources.ts";
import { FakeHost } from "../../support/fake_host.ts";

const KEYS = "overlay/root/etc/apk/keys";
const definition = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));
const key = definition.repositories[0]!.keys[0]!;
const pem = await Deno.readTextFile(`${KEYS}/${key}`);
const options = { root: "/p", arch: "x86_64", cacheDir: "/c" } as const;

Deno.test("openSources() refuses a definition whose key is not in the overlay", async () => {
  await assertRejects(
    () => openSources(new FakeHost(), definition, { ...options, packages: "mirror" }),
    UserError,
    `Cannot read the repository key ${KEYS}/${key}: no such file`,
  );
});

Deno.test("openSources() never takes the lab's packages when the mirror was asked for", async () => {
  const host = new FakeHost({ [`/p/${KEYS}/${key}`]: pem });
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
  const host = new FakeHost({ [`/p/${KEYS}/${key}`]: pem });
  host.fetch = () => Promise.resolve(new Response("no index at all"));
  await assertRejects(
    () => openSources(host, definition, { ...options, packages: "auto" }),
    UserError,
    "APKINDEX",
  );
});

Deno.test("openSources() says that the lab repository serves, and which kernels it has", async () => {
  const host = new FakeHost({ [`/p/${KEYS}/${key}`]: pem });
  host.fetch = () => Promise.reject(new TypeError("no route"));
  const lines: string[] = [];
  const other = { ...definition, kernel: { ...definition.kernel, flavour: "rpi" } };
  const onStage = (line: string) => lines.push(line);
  await assertRejects(
    () => openSources(host, other, { ...options, packages: "auto", onStage }),
    UserError,
    "Cannot take the kernel rpi from the lab repository: it has virt and lts",
  );
  assertEquals(lines.length, 1);
  assertEquals(lines[0]?.endsWith("using the lab repository (Debian's packages) instead"), true);
});

Deno.test("versionOf() sorts by age and is a slot's name", () => {
  assertEquals(versionOf(1_795_387_724), "2026.11.22.2248");
  assertEquals(versionOf(0), "1970.01.01.0000");
});

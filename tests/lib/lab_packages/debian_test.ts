import { assertEquals, assertRejects } from "@std/assert";
import { EXIT, UserError } from "../../../lib/errors.ts";
import {
  debGraph,
  parseDepends,
  parseUris,
  resolveDebs,
} from "../../../lib/lab_packages/debian.ts";
import { FakeHost } from "../../support/fake_host.ts";

const DEPENDS = `openrc
  Depends: insserv
  PreDepends: libc6
 |Depends: libfirst
  Depends: <virtual>
    real
libc6
`;

const sum = "0".repeat(63) + "a";
const URIS =
  `'http://deb.example/pool/a/acl_1_amd64.deb' libacl1_1%3a2.3.1-3_amd64.deb 31488 SHA256:${sum}
'http://deb.example/x' no-sum_1_amd64.deb 5 MD5Sum:00
`;

Deno.test("parseDepends() reads packages and their first choices", () => {
  assertEquals(Object.fromEntries(parseDepends(DEPENDS)), {
    openrc: ["insserv", "libc6", "libfirst"],
    libc6: [],
  });
});

Deno.test("parseUris() reads name, version, size and SHA-256, and takes nothing without them", () => {
  assertEquals([...parseUris(URIS).values()], [{
    name: "libacl1",
    version: "1:2.3.1-3",
    file: "libacl1_1%3a2.3.1-3_amd64.deb",
    size: 31488,
    sha256: sum,
  }]);
});

Deno.test("parseUris() takes no file name whose version can't be decoded", () => {
  const line = `'http://deb.example/x' x_%zz1_amd64.deb 5 SHA256:${sum}\n`;
  for (const odd of [line, line.replace("%zz", "%ff"), line.replace("%zz", "%")]) {
    assertEquals(parseUris(odd).size, 0);
  }
});

Deno.test("debGraph() says what to do when apt is missing", async () => {
  const host = new FakeHost();
  const error = await assertRejects(() => debGraph(host, ["openrc"]), UserError, "apt-cache");
  assertEquals(error.exitCode, EXIT.missing);
});

Deno.test("resolveDebs() says what to do when apt does not know a package", async () => {
  const host = new FakeHost();
  host.programs.set("apt-get", () => URIS);
  const error = await assertRejects(() => resolveDebs(host, ["openrc"]), UserError, "openrc");
  assertEquals(error.hint?.includes("apt-get update"), true);
});

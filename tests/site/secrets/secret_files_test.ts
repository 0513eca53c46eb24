import { assertEquals, assertStringIncludes } from "@std/assert";
import { findOwner, openSecrets, secretPlaces } from "../../../site/secrets/secret_files.ts";
import { hostWith, NEXT, sealed, secretFiles } from "../secret_support.ts";

Deno.test("findOwner() finds global, nodes and tags, and asks when a name is both", async () => {
  const files = await secretFiles();
  files.set("tags/alpha.yaml", "");
  const secrets = await openSecrets(hostWith(files), "nodes");
  const find = (name: string) => {
    try {
      return findOwner(secrets.files, name);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(["global", "beta", "lab", "nodes/alpha", "tags/alpha"].map(find), [
    "global.yaml",
    "beta.yaml",
    "tags/lab.yaml",
    "alpha.yaml",
    "tags/alpha.yaml",
  ]);
  assertStringIncludes(find("alpha"), "it is a node and a tag; say nodes/alpha or tags/alpha");
  assertStringIncludes(find("bta"), "there is no such node or tag, did you mean beta?");
});

Deno.test("secretPlaces() names each secret with its line and its recipients' state", async () => {
  const files = await secretFiles();
  const old = await sealed("x", 4, [NEXT.recipient]);
  files.set("beta.yaml", `${files.get("beta.yaml")!}private:\n  hostname: ${old}\n`);
  const places = secretPlaces(await openSecrets(hostWith(files), "nodes"));
  assertEquals(
    places.map(({ owner, name, state }) => [owner, name, state]),
    [
      ["nodes/alpha", "users.ops.uid", "current"],
      ["nodes/beta", "hostname", "other"],
      ["global", "files./etc/all.content", "current"],
      ["tags/lab", "files./etc/token.content", "current"],
    ],
  );
  assertEquals([places[1]!.file, places[1]!.line], ["nodes/beta.yaml", 3]);
});

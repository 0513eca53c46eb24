/** The YAML language server is the judge of the schemas in `nodes/.schema/`: it reads them as editors do. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { YamlLanguageServer } from "../support/yaml_language_server/client.ts";

const ROOT = new URL("../../", import.meta.url);
const settings = JSON.parse(await Deno.readTextFile(new URL(".vscode/settings.json", ROOT)));
const YAML = {
  validate: true,
  completion: true,
  customTags: settings["yaml.customTags"],
  schemaStore: { enable: false },
};

async function withServer(body: (server: YamlLanguageServer) => Promise<void>): Promise<void> {
  const server = await YamlLanguageServer.start(YAML);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

const FILES = ["global", "millennium", "orchid", "tags/edge", "tags/lab"];
const read = (path: string) => Deno.readTextFile(new URL(`nodes/${path}.yaml`, ROOT));
/** A file that does not exist, beside those of the fleet. */
const uriOf = (path: string) => new URL(`nodes/${path}`, ROOT).href;

Deno.test("the language server finds the example fleet right", () =>
  withServer(async (server) => {
    for (const path of FILES) {
      const source = await read(path);
      assertStringIncludes(source.split("\n")[0]!, "yaml-language-server: $schema=");
      assertEquals(await server.diagnose(uriOf(`${path}.yaml`), source), [], path);
    }
  }));

Deno.test("the language server says what is wrong, and takes encrypted values of any kind", () =>
  withServer(async (server) => {
    const [line = ""] = (await read("orchid")).split("\n");
    const recipient = (await read("orchid")).split("\n").find((one) => /^recipient/.test(one));
    const diagnose = async (rest: string) => {
      const source = `${line}\n${recipient}\n${rest}`;
      const found = await server.diagnose(uriOf(`x${crypto.randomUUID()}.yaml`), source);
      return found.map(({ message, range }) => `${range.start.line}: ${message}`);
    };
    const cases: [string, RegExp][] = [
      ["config:\n  hostnam: a\n", /^3: Property hostnam is not allowed/],
      ["config:\n  users: {ann: {uid: high}}\n", /^3: .*integer/],
      ["config:\n  check: {everySeconds: 1}\n", /^3: .*minimum.* 5/],
      ["config:\n  scripts: {x: {run: a, when: daily}}\n", /^3: .*boot.*change/s],
      ["config:\n  files: {/etc/x: {mode: 644}}\n", /^3: .*string/],
      ["config:\n  files: {/etc/x: {contnt: a}}\n", /^3: Property contnt is not allowed/],
      ["config:\n  users: {Ann: {}}\n", /^3: /],
    ];
    for (const [rest, expected] of cases) {
      const [first = "nothing"] = await diagnose(rest);
      assert(expected.test(first), `${rest} gives ${first}`);
    }
    // Another layer may say the rest.
    assertEquals(await diagnose("config:\n  files: {/etc/x: {mode: '0644'}}\n"), []);
    const armored = "!age |\n        -----BEGIN AGE ENCRYPTED FILE-----\n        YWdl\n";
    assertEquals(await diagnose(`private:\n  users:\n    ann:\n      uid: ${armored}`), []);
    assertEquals(await diagnose(`private:\n  hostname: ${armored}`), []);
  }));

Deno.test("the language server completes keys, with their meaning from the sources", () =>
  withServer(async (server) => {
    const [line = ""] = (await read("orchid")).split("\n");
    const uri = uriOf("completed.yaml");
    await server.diagnose(uri, `${line}\nconfig:\n  \n`);
    const labels = await server.complete(uri, 2, 2);
    for (const name of ["hostname", "users", "files", "scripts"]) {
      assert(labels.includes(name), name);
    }
  }));

import { assert, assertEquals } from "@std/assert";
import { stringify } from "yaml";
import { nodeConfigSchema } from "../../../lib/config/mod.ts";
import { factsOf, type Field, fieldsOf } from "../../../lib/schema/words.ts";
import { globalSchema, layerSchema, nodeSchema } from "../../../site/fleet/fleet_schema.ts";
import { readYaml } from "../../../site/fleet/yaml_file.ts";

/** A text that no message may quote. */
const VALUE = "hunter2-hunter2";
const SECRETS = fieldsOf(nodeConfigSchema).filter(({ schema }) =>
  factsOf(schema)?.secrecy === "secret"
);

/** `field` set in the mapping `part`, under some name where names are free. */
function yamlOf(part: string, { path, parts }: Field): string {
  const value = parts.item ? [VALUE] : parts.entries || parts.value ? {} : VALUE;
  const keys = path.map((key) => key === "<name>" ? "x" : key);
  const nested = keys.reduceRight<unknown>(
    (held, key) => key === "[]" ? [held] : { [key]: held },
    value,
  );
  return stringify({ [part]: nested });
}

Deno.test("every secret field is refused below config, which is published, and named as what it is", () => {
  assert(SECRETS.length > 0);
  for (const field of SECRETS) {
    const name = field.path.map((key) => ({ "<name>": "x", "[]": "0" })[key] ?? key).join(".");
    for (const schema of [globalSchema, layerSchema, nodeSchema]) {
      const problems = readYaml("a.yaml", yamlOf("config", field), schema);
      assert(Array.isArray(problems), `config.${name} is taken`);
      assertEquals(
        problems.map(({ message }) => message).filter((one) => one.includes("is a secret")),
        [
          `config.${name} is a secret: write it below private, since everyone can read config on the site`,
        ],
      );
      assert(!JSON.stringify(problems).includes(VALUE));
      const below = readYaml("a.yaml", yamlOf("private", field), schema);
      if (Array.isArray(below)) {
        assert(!below.some(({ message }) => message.includes("is a secret")), `private.${name}`);
      }
    }
  }
});

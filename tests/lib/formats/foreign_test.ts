/** Archives by the real programs; tests/vectors/foreign/formats.sh has made these. */
import { assertEquals } from "@std/assert";
import { FOREIGN_FORMATS } from "../../support/foreign_formats.ts";

const FOLDER = "tests/vectors/foreign/formats";

for (const [name, check] of Object.entries(FOREIGN_FORMATS)) {
  Deno.test(`the readers take ${name} as the program meant it`, async () => {
    check(await Deno.readFile(`${FOLDER}/${name}`));
  });
}

Deno.test("there is a check for each file that formats.sh has made", async () => {
  const names = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name);
  assertEquals(names.sort(), Object.keys(FOREIGN_FORMATS).sort());
});

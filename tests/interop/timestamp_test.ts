/** What nodes believe of timestamp.json can be checked by hand: the C program minisign accepts both signatures in it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Bytes, text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { allRoles, keyLine, MAIN, signedSite, testKey } from "../support/signed_site.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();

/** JSON with sorted keys and two blanks, as `jq -S` prints it; on purpose not our own code. */
function sorted(value: unknown): Bytes {
  const sort = (given: unknown): unknown =>
    Array.isArray(given)
      ? given.map(sort)
      : typeof given === "object" && given !== null
      ? Object.fromEntries(
        Object.keys(given).sort().map((key) => [key, sort(Reflect.get(given, key))]),
      )
      : given;
  return utf8(`${JSON.stringify(sort(value), null, 2)}\n`);
}

Deno.test({
  name: "minisign verifies both signatures of a timestamp",
  ...needTool("minisign"),
  fn: async () => {
    const clock = testKey("clock");
    const site = signedSite({
      roots: [{ keys: { ...allRoles(MAIN), timestamp: clock }, by: MAIN }],
    });
    const { minisig, ...rest } = JSON.parse(text(site.get(TIMESTAMP_PATH)!)) as Record<
      string,
      unknown
    >;
    const { serial, bins, publication } = rest as {
      serial: number;
      bins: unknown;
      publication: { minisig: string };
    };
    const statements = [
      { key: clock, statement: sorted(rest), signature: minisig as string },
      { key: MAIN, statement: sorted({ serial, bins }), signature: publication.minisig },
    ];
    const dir = await Deno.makeTempDir({ prefix: "psyopsos-timestamp-" });
    try {
      for (const { key, statement, signature } of statements) {
        await host.writeFile(`${dir}/f`, statement);
        await host.writeFile(`${dir}/f.minisig`, signature);
        const verify = ["minisign", "-V", "-P", keyLine(key), "-m", `${dir}/f`];
        const { code, stdout, stderr } = await host.run(verify);
        assertEquals(code, 0, text(stderr));
        assertStringIncludes(text(stdout), `path=${TIMESTAMP_PATH} serial=42`);
        await host.writeFile(`${dir}/f`, text(statement).replace('"serial": 42', '"serial": 43'));
        assertEquals((await host.run(verify)).code, 1);
      }
    } finally {
      await host.remove(dir);
    }
  },
});

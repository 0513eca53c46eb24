/** Three nodes of one image: what sets them apart, and what stays of each from boot to boot and from drive to drive. */
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { LAB_TAG } from "../../lib/lab/fleet_files.ts";
import { loadIdentities } from "../../lib/trust/age_identity.ts";
import { initAdmin } from "../../site/secrets/admin_identity.ts";
import { openSecrets } from "../../site/secrets/secret_files.ts";
import { renewNode } from "../../site/nodes/revoke_node.ts";
import { needTool } from "../support/tools.ts";
import { type Way, wayInto } from "./login.ts";
import { brokenLines, DIRECT_MS, host, NEEDS, REACTION_MS, withWorld } from "./support.ts";

const NAMES = ["alpha", "beta", "gamma"];
/** Prints what programs that know nothing of psyopsOS call a node by, a line each. */
const IDS = "cat /etc/machine-id; od -An -tx1 /etc/hostid";

Deno.test({
  name:
    "three nodes of one image differ, and each stays who it is over boots, a new drive and new accounts",
  ignore: NEEDS.ignore || needTool("ssh").ignore,
  fn: () =>
    withWorld("fleet", [], async (world) => {
      const { dirs } = world;
      await initAdmin(host, await openSecrets(host, dirs.nodes), { keys: dirs.keys });
      for (const name of NAMES) await world.addNode(name);
      await account(dirs.nodes, "web");
      const first = await world.makeSite();

      const boot = async (name: string, serial: number) => {
        const way = await wayInto(world, name);
        const machine = await world.boot(name, { via: "kernel", forwards: way.forwards });
        const configured = machine.event("configured", { serial: String(serial) }, {
          timeoutMs: DIRECT_MS,
        });
        return { machine, way, configured };
      };
      const idsOf = (way: Way) => way.root(IDS);
      const uidOf = (way: Way, name: string) => way.root(`id -u ${name}; stat -c %u /home/${name}`);

      const before = new Map<string, string>();
      let uids = "";
      {
        // At once: nothing that one of them has may come of its time of booting.
        const all = await Promise.all(NAMES.map((name) => boot(name, first)));
        try {
          for (const [i, { machine, way, configured }] of all.entries()) {
            await configured;
            before.set(NAMES[i]!, await idsOf(way));
            const uid = await uidOf(way, "web");
            assertMatch(uid, /^(\d+)\n\1$/);
            assertEquals(uids ||= uid, uid, "the account has one number in the whole fleet");
            assertEquals(await way.root("id -un; stat -c %a:%u /run/psyopsos"), "root\n700:0");
            assertEquals(brokenLines(machine), []);
          }
          const lines = [...before.values()].flatMap((ids) => ids.split("\n"));
          assertEquals(new Set(lines).size, 6, "no two of them share anything");
          // Who has no key on the list gets in nowhere.
          assertNotEquals((await all[0]!.way.run("true", "web")).code, 0);
        } finally {
          for (const { machine } of all) await machine[Symbol.asyncDispose]();
        }
      }

      // An account that sorts before it is added; alpha gets another drive; all boot again.
      await account(dirs.nodes, "backup");
      const identities = await loadIdentities(host, { keys: dirs.keys, prompt: () => null });
      const renewed = await renewNode(host, {
        name: "alpha",
        sites: [world.server.guestUrl],
        ...{ nodes: dirs.nodes, keys: dirs.keys, cache: dirs.cache, out: world.driveOf("alpha") },
        seedIdentities: () => Promise.resolve(identities),
      });
      assertEquals(renewed.keptSeed, true);
      assertNotEquals(renewed.revoked, renewed.recipient);
      const second = await world.makeSite({ serial: first + 10 });
      for (const name of ["alpha", "beta"]) {
        const { machine, way, configured } = await boot(name, second);
        await using _machine = machine;
        await configured;
        // The login shows that the host key is that of the drive: the same as before, alpha's new one.
        assertEquals(await idsOf(way), before.get(name));
        assertEquals(await uidOf(way, "web"), uids);
        assertNotEquals(await uidOf(way, "backup"), uids);
        await world.server.waitForStatus(name, ({ serial }) => serial === second, REACTION_MS);
        assertEquals(brokenLines(machine), []);
      }
    }),
});

/** Adds an account to all nodes. */
async function account(nodes: string, name: string): Promise<void> {
  const file = `${nodes}/tags/${LAB_TAG}.yaml`;
  const text = await host.readTextFile(file);
  await host.writeFile(file, text.replace(/^ {2}users:\n/m, `  users:\n    ${name}: {}\n`));
}

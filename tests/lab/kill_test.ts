/** An agent that is killed at any moment: the next one finishes what it began, and nothing half made is left. */
import { assertEquals } from "@std/assert";
import { differences } from "../../lib/lab/verdict.ts";
import { needTool } from "../support/tools.ts";
import { wayInto } from "./login.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  withWorld,
} from "./support.ts";

/** Told at once; the agent is killed as soon as the shell finds the next of these true. They are in the order of applying. */
const MOMENTS = [
  "grep -q told /etc/hosts",
  "grep -q ^told: /etc/group",
  "grep -q ^told: /etc/passwd",
  "grep -q told /etc/doas.conf",
  "[ -d /etc/told.d ]",
  "[ -f /etc/told ]",
  "[ -L /etc/told.link ]",
];
/** Seconds that later agents live: while one looks for its drive, asks its site, and applies. */
const PAUSES = [0.5, 2, 3.5];

/** Says something of each key that the moments look at; the script is the last step of all. */
const TOLD = `
  hosts: {"10.9.0.1": [told]}
  users: {told: {}}
  doas: {told: permit nopass told as root cmd /bin/true}
  directories: {/etc/told.d: {}}
  files: {/etc/told: {content: "all of it\\n"}}
  links: {/etc/told.link: {target: /told}}
  scripts: {told: {run: "touch /run/told"}}
`;
const ALIVE = "until pidof deno >/dev/null; do sleep 0.1; done";
/** Kills the agent; tells whether that was before the last step. */
const KILL = "kill -9 $(pidof deno) || exit 1; [ -e /run/told ] && echo after || echo between; " +
  "while pidof deno >/dev/null; do sleep 0.05; done";

Deno.test({
  name:
    "an agent that is killed ten times, in seven of its keys and at other moments, ends with what it was told",
  ignore: NEEDS.ignore || needTool("ssh").ignore,
  fn: () =>
    withWorld("kill", ["alpha"], async (world) => {
      const file = `${world.dirs.nodes}/alpha.yaml`;
      const text = await host.readTextFile(file);
      const first = await world.makeSite();
      const way = await wayInto(world, "alpha");
      const { forwards } = way;
      await using machine = await world.boot("alpha", { via: "kernel", cpus: 2, forwards });
      await machine.event("configured", { serial: String(first) }, { timeoutMs: DIRECT_MS });
      /** Publishes and waits until the node is as it must be, with nothing half made. */
      const converge = async (serial: number) => {
        const demands = await demandsNow(world, "alpha", serial);
        await world.server.waitForStatus(
          "alpha",
          (status) => status.serial === serial && differences(status, demands).length === 0,
          REACTION_MS,
        );
        const half = "find / -xdev \\( -name '.psyopsos-*' -o -name '*.new' \\)";
        assertEquals(await way.root(half), "");
      };

      await host.writeFile(file, text.replace("\nconfig:\n", `\nconfig:${TOLD}`));
      const kills = MOMENTS.map((one) => `until ${one}; do sleep 0.01; done; ${KILL}`);
      const killed = way.root(kills.join("; "));
      const second = await world.makeSite({ serial: first + 10 });
      assertEquals((await killed).split("\n"), MOMENTS.map(() => "between"));
      await converge(second);

      // And back: all of it is undone.
      await host.writeFile(file, text);
      const more = way.root(PAUSES.map((pause) => `${ALIVE}; sleep ${pause}; ${KILL}`).join("; "));
      const third = await world.makeSite({ serial: first + 20 });
      // Each of them was there to be killed.
      assertEquals((await more).split("\n").length, PAUSES.length);
      await converge(third);
      assertEquals(await way.root("ls -d /etc/told* 2>/dev/null; grep told /etc/hosts; true"), "");
      assertEquals(brokenLines(machine), []);
    }),
});

/**
 * Two nodes with two cables between them: a bond that outlives one of its cables, a VLAN on it, and changes that cut a node off
 * from its site, which come back by themselves.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Status } from "../../lib/documents/status.ts";
import type { Machine } from "../../lib/lab/machine.ts";
import { differences } from "../../lib/lab/verdict.ts";
import { freePort } from "../../lib/lab/ways_in.ts";
import type { World } from "../../lib/lab/world.ts";
import { demandsNow, DIRECT_MS, host, NEEDS, REACTION_MS, withWorld } from "./support.ts";

const NODES = ["alpha", "beta"] as const;
/** A trial that fails takes its seconds, the revert, and a question to the site. */
const TRIAL_MS = 180_000;

const macOf = (node: string, wire: number) => `52:54:00:00:0${node === "alpha" ? 1 : 2}:0${wire}`;

/** The network of a node: its first card by what is said of it, a bond of the others with a VLAN on it. */
function network(node: string, lan: string): string {
  const last = node === "alpha" ? 1 : 2;
  return `network:
    trialSeconds: 30
    interfaces:
      eth0: null
      lan: ${lan}
      a: {match: {mac: "${macOf(node, 1)}"}}
      b: {match: {mac: "${macOf(node, 2)}"}}
      bond0:
        bond: {members: {a: true, b: true}, mode: active-backup, primary: a, xmitHashPolicy: layer2}
        dhcp4: false
      v70: {vlan: {link: bond0, id: 70}, addresses: [10.70.0.${last}/24, "fd70::${last}/64"]}
  dns: {servers: [10.0.2.3], search: [lab.example], useDhcp: false}
  # The lab's own lets no IPv6 ping in.
  firewall: null`;
}

/** Run on a node: reaches the other one over the VLAN, by both families, and looks at its own links. */
function reach(node: string, mark: string, active: string): string {
  const other = node === "alpha" ? 2 : 1;
  return `scripts:
    reach:
      run: |
        #!/bin/sh
        # ${mark}
        # What it does stands on the console, where a test that fails shows it.
        exec >/dev/console 2>&1
        set -x
        for family in "-4 10.70.0.${other}" "-6 fd70::${other}"; do
          for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            ping $family -c 1 -W 2 >/dev/null && break
            [ "$i" != 20 ] || exit 1
            sleep 2
          done
        done
        set -e
        grep -q "Currently Active Slave: ${active}" /proc/net/bonding/bond0
        [ -d /sys/class/net/lan ]
        /sbin/ip addr show dev eth0 | grep -q ' lan$'
        grep -qx 'search lab.example' /etc/resolv.conf
        [ "$(grep -c nameserver /etc/resolv.conf)" = 1 ]`;
}

/** Run on a node: kills the agent as soon as it has applied a network that is tried. */
const KILLER = `
    killer:
      run: |
        #!/bin/sh
        (
          until [ -e /run/psyopsos/trial-network/applied ]; do sleep 0.2; done
          for process in /proc/[0-9]*; do
            # The supervisor has the name of the wrapper in its command line, and starts another agent.
            tr '\\000' ' ' <$process/cmdline | grep -q '^deno .*lib/psyopsos/agent' || continue
            kill -9 \${process#/proc/}
          done
        ) </dev/null >/dev/null 2>&1 &`;

const DHCP = "{match: {name: eth0}}";
/** No way leads to the site from there. */
const CUT = (last: number) => `{match: {name: eth0}, addresses: [10.99.0.${last}/24]}`;

async function configure(world: World, lines: (node: string) => string): Promise<number> {
  for (const node of NODES) {
    const file = `${world.dirs.nodes}/${node}.yaml`;
    const before = await host.readTextFile(file);
    const kept = before.replace(/\nconfig:\n[^]*?(?=\n {2}hostname:)/, "\nconfig:");
    await host.writeFile(
      file,
      kept.replace("\nconfig:", () => `\nconfig:\n  ${lines(node).trim()}`),
    );
  }
  return await world.makeSite();
}

async function settled(world: World, node: string, serial: number, ms: number): Promise<Status> {
  const demands = await demandsNow(world, node, serial);
  return await world.server.waitForStatus(
    node,
    (status) => status.serial === serial && differences(status, demands).length === 0,
    ms,
  );
}

async function complaint(
  world: World,
  node: string,
  serial: number,
  pattern: RegExp,
): Promise<Status> {
  return await world.server.waitForStatus(
    node,
    (status) => status.serial === serial && pattern.test(status.problem?.message ?? ""),
    TRIAL_MS,
  );
}

Deno.test({
  name:
    "a bond with a VLAN carries between two nodes whatever cable is pulled, and a network that cuts a node off comes back",
  ...NEEDS,
  fn: () =>
    withWorld("network", NODES, async (world) => {
      const ports = await Promise.all([1, 2, 3, 4].map(freePort));
      const boot = (node: typeof NODES[number]) => {
        const [here, there] = node === "alpha" ? [0, 2] : [2, 0];
        const wires = [1, 2].map((wire) => ({
          id: `wire${wire}`,
          mac: macOf(node, wire),
          local: ports[here + wire - 1]!,
          remote: ports[there + wire - 1]!,
        }));
        return world.boot(node, { via: "kernel", wires });
      };
      const first = await configure(world, (node) =>
        `${network(node, DHCP)}\n  ${reach(node, "1", "a")}`);
      await using alpha = await boot("alpha");
      await using beta = await boot("beta");
      for (const node of NODES) {
        await settled(world, node, first, 2 * DIRECT_MS);
      }

      // The first cable is pulled at both ends: nobody sees a link that is down behind the other end's card.
      for (const machine of [alpha, beta]) {
        await setLink(machine, "wire1", false);
      }
      const second = await configure(
        world,
        (node) =>
          `${network(node, DHCP)}\n  ${reach(node, "2", "b")}${KILLER}`,
      );
      for (const node of NODES) await settled(world, node, second, 2 * REACTION_MS);

      // The agents are killed in the middle of the trial; then they live through one.
      const from = [alpha, beta].map(({ console }) => console.lines.length);
      for (const last of [5, 6]) {
        const cut = await configure(world, (node) =>
          `${network(node, CUT(last))}\n  ${reach(node, "2", "b")}`);
        for (const node of NODES) {
          const { problem, observed } = await complaint(
            world,
            node,
            cut,
            /Cannot change the network: .*answers without it/,
          );
          assertEquals(problem?.check, "apply");
          assertMatch(observed?.network?.lan?.addresses.join() ?? "", /^10\.0\.2\./);
        }
      }

      for (const [i, machine] of [alpha, beta].entries()) {
        await machine.event("started", {}, { timeoutMs: 1_000, from: from[i] });
      }

      // What was confirmed is there at the next boot, before any site has said a word.
      await alpha.stop();
      world.server.forget("alpha");
      await using again = await boot("alpha");
      const found = await again.event("network", { interface: "lan" }, { timeoutMs: DIRECT_MS });
      assert(found.value["address"]?.startsWith("10.0.2."));
      const third = await configure(world, (node) =>
        `${network(node, DHCP)}\n  ${reach(node, "3", "b")}`);
      await setLink(again, "wire1", false);
      await settled(world, "alpha", third, DIRECT_MS + REACTION_MS);
    }),
});

async function setLink(machine: Machine, name: string, up: boolean): Promise<void> {
  await (await machine.qmp()).execute("set_link", { name, up });
}

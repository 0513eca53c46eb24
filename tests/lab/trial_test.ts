/**
 * A firewall on real nodes: people log in through it, one that cuts the node off from its site comes back by itself, with the
 * agent alive and with none about, and what was confirmed is there at the next boot though no site answers. All is looked at
 * inside the nodes, over ssh.
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { RunResult } from "../../lib/host.ts";
import type { Status } from "../../lib/documents/status.ts";
import type { Machine } from "../../lib/lab/machine.ts";
import { LAB_USER } from "../../lib/lab/fleet_files.ts";
import { differences } from "../../lib/lab/verdict.ts";
import { freePort } from "../../lib/lab/ways_in.ts";
import type { World } from "../../lib/lab/world.ts";
import { loadFleet } from "../../site/fleet/fleet.ts";
import { needTool } from "../support/tools.ts";
import { brokenLines, demandsNow, DIRECT_MS, host, NEEDS, withWorld } from "./support.ts";

/** A trial has 30 seconds in the lab, and the site some more to answer afterwards; a busy machine takes its time. */
const TRIAL_MS = 200_000;

/** Lets nothing new out: what is established goes on, and says nothing about what is cut off. */
const CUTTING = `firewall:
    rules: |
      chain out {
        type filter hook output priority 0; policy drop;
        oifname "lo" accept
        ct state established accept
      }
`;
const REFUSED =
  /^Cannot put the firewall in force: the site did not answer under it, and answers without it/;

/** A node that people log in to. */
class Node {
  private constructor(
    readonly world: World,
    readonly name: string,
    readonly port: number,
    readonly machine: Machine,
  ) {}

  static async boot(world: World, name: string): Promise<Node> {
    world.server.forget(name);
    const port = await freePort();
    const forwards = [{ host: port, guest: 22 }];
    return new Node(world, name, port, await world.boot(name, { via: "kernel", forwards }));
  }

  /** Runs commands as root, having logged in anew; they go on until all is done. */
  async run(commands: string): Promise<string> {
    const { dirs, sshKeyFile } = this.world;
    const fleet = await loadFleet(host, dirs.nodes);
    const { sshHostKey } = fleet.nodes.find((one) => one.name === this.name)!;
    const known = `${dirs.machines}/${this.name}/known_hosts`;
    await host.writeFile(known, `[127.0.0.1]:${this.port} ${sshHostKey}\n`);
    const command = [
      ...["ssh", "-i", sshKeyFile, "-p", `${this.port}`, "-o", `UserKnownHostsFile=${known}`],
      ...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"],
      ...[`${LAB_USER}@127.0.0.1`, "doas sh -eu"],
    ];
    let result = await host.run(command, { stdin: commands, timeoutMs: TRIAL_MS });
    // Nothing was run yet where the server is not up.
    for (let left = 60; left > 0 && isNotUp(result); left--) {
      await host.sleep(1000);
      result = await host.run(command, { stdin: commands, timeoutMs: TRIAL_MS });
    }
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    assertEquals(result.code, 0, `${this.name}: ${text(result.stderr)}`);
    return text(result.stdout);
  }

  status(is: (status: Status) => boolean, timeoutMs: number): Promise<Status> {
    return this.world.server.waitForStatus(this.name, is, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.stop();
  }
}

function isNotUp({ code, stderr }: RunResult): boolean {
  return code === 255 && /kex_exchange_identification/.test(new TextDecoder().decode(stderr));
}

/** Puts lines into a node's \`config\`; gives the serial of the new site. */
async function configure(world: World, name: string, lines: string): Promise<void> {
  const file = `${world.dirs.nodes}/${name}.yaml`;
  const before = await host.readTextFile(file);
  await host.writeFile(file, before.replace("\nconfig:\n", `\nconfig:\n  ${lines}`));
}

/** The node as its first site wants it, with a table that somebody else has. */
async function settled(node: Node, serial: number): Promise<void> {
  const demands = await demandsNow(node.world, node.name, serial);
  await node.status((status) => differences(status, demands).length === 0, DIRECT_MS);
  const table = await node.run(`
    nft add table ip kube-proxy
    nft add chain ip kube-proxy services
    nft add rule ip kube-proxy services tcp dport 443 counter accept
    nft list table inet psyopsos
  `);
  assertMatch(table, /hook input .*policy drop/);
  assertMatch(table, /ip saddr 10\.0\.0\.0\/8 tcp dport 22 accept/);
}

/** What the first site wants is in force again, and no other; what is somebody else's is where it was. */
const LIKE_BEFORE = `
  nft list table inet psyopsos | grep -q 'policy drop'
  [ "$(nft list table inet psyopsos | grep -c 'hook output')" = 0 ]
  nft list table ip kube-proxy | grep -q 'tcp dport 443 counter'
`;

async function withAgent(node: Node, serial: number): Promise<void> {
  const { problem, observed } = await node.status(
    (status) => status.serial === serial && REFUSED.test(status.problem?.message ?? ""),
    TRIAL_MS,
  );
  assertMatch(`${observed?.firewall}`, /^[0-9a-f]{64}$/);
  const handle = "nft -a list table inet psyopsos | head -n 1";
  const before = await node.run(`${LIKE_BEFORE} ${handle}`);
  // It is neither tried nor loaded again, and none of its trial is left.
  await node.status((status) => (status.problem?.attempts ?? 0) > problem!.attempts + 1, DIRECT_MS);
  assertEquals(
    await node.run(`[ ! -e /run/psyopsos/trial-firewall ]\n${LIKE_BEFORE} ${handle}`),
    before,
  );
}

/** A function for sh that lists processes by what is in their command lines. */
const IDS = `
  ids() {
    for process in /proc/[0-9]*; do
      case "$(tr '\\000' ' ' 2>/dev/null <$process/cmdline || true)" in
        *"$1"*) echo \${process#/proc/} ;;
      esac
    done
  }
`;

async function withoutAgent(node: Node, serial: number): Promise<void> {
  const seen = await node.run(`${IDS}
    trial=/run/psyopsos/trial-firewall
    until [ -e $trial/applied ]; do sleep 1; done
    nft list table inet psyopsos | grep 'hook output' >&2
    kill -9 $(ids 'supervise-daemon psyopsos-agent') $(ids lib/psyopsos/agent)
    cat $trial/deadline
    until [ -e $trial/reverted ]; do sleep 1; done
    cut -d . -f 1 /proc/uptime
    cat $trial/reverted
    ${LIKE_BEFORE}
    [ -z "$(ids psyopsos-agent; ids lib/psyopsos/agent)" ]
    rc-service psyopsos-agent zap >&2
    rc-service psyopsos-agent start >&2
  `);
  const [deadline, ended, ...complaint] = seen.split("\n").map(Number);
  assertEquals(complaint, []);
  assertEquals(ended! >= deadline! && ended! <= deadline! + 20, true, seen);
  await node.status(
    (status) => status.serial === serial && REFUSED.test(status.problem?.message ?? ""),
    TRIAL_MS,
  );
  await node.run(`[ ! -e /run/psyopsos/trial-firewall ]\n${LIKE_BEFORE}`);
}

/** Settings with which sshd ends as soon as it has read them: nobody has that address. */
const MUTE = `ssh: {settings: {ListenAddress: 192.0.2.1}}`;

/** sshd comes back with the settings before, and the next firewall that is good has its turn. */
async function withSshd(node: Node, serial: number): Promise<void> {
  const mute = /^Cannot set up the SSH server: sshd does not answer on 192\.0\.2\.1, port 22; /;
  await node.status(
    (status) => status.serial === serial && mute.test(status.problem?.message ?? ""),
    TRIAL_MS,
  );
  const settings = await node.run("cat /etc/ssh/sshd_config.d/10-psyopsos.conf");
  assertEquals(/ListenAddress/.test(settings), false);
  assertMatch(settings, /^MaxAuthTries 3$/m);
}

/** The next boot: no site answers, and the table is the one that was confirmed. */
async function nextBoot(world: World, serial: number): Promise<void> {
  world.server.trick = () => ({ status: 503 });
  await using node = await Node.boot(world, "alpha");
  await node.machine.event("verified", { source: "last-good", serial: String(serial) }, {
    timeoutMs: DIRECT_MS,
  });
  // sshd is started after that.
  const table = await node.run("nft list table inet psyopsos");
  assertMatch(table, /hook input .*policy drop/);
  assertEquals(/hook output/.test(table), false);
  assertEquals(brokenLines(node.machine), []);
}

Deno.test({
  name:
    "people log in through a firewall; one that cuts the node off comes back with the agent and without one, and a boot begins with the good one",
  ...NEEDS,
  ignore: NEEDS.ignore || needTool("ssh").ignore,
  fn: () =>
    withWorld("trial", ["alpha", "beta"], async (world) => {
      const first = await world.makeSite();
      let second: number;
      {
        await using alpha = await Node.boot(world, "alpha");
        await using beta = await Node.boot(world, "beta");
        await Promise.all([settled(alpha, first), settled(beta, first)]);
        for (const name of ["alpha", "beta"]) await configure(world, name, CUTTING);
        second = await world.makeSite();
        await Promise.all([withAgent(alpha, second), withoutAgent(beta, second)]);
        const file = `${world.dirs.nodes}/alpha.yaml`;
        const before = await host.readTextFile(file);
        await host.writeFile(file, before.replace(CUTTING.trimEnd(), MUTE));
        second = await world.makeSite();
        await withSshd(alpha, second);
        assertEquals([...brokenLines(alpha.machine), ...brokenLines(beta.machine)], []);
      }
      await nextBoot(world, second);
    }),
});

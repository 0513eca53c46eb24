/**
 * The firewall under the real nft and the real watchdog: two machines, each a network namespace, with a cable between them. What
 * gets through is asked with real packets.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { firewall, keptFirewall } from "../../../agent/resources/firewall.ts";
import { type Applied, applier, bind, type Target } from "../../../agent/resources/resource.ts";
import { KeptTrials } from "../../../agent/trial/kept.ts";
import { TrialRunner } from "../../../agent/trial/runner.ts";
import type { Trials } from "../../../agent/trial/trial.ts";
import type { FirewallConfig } from "../../../lib/config/firewall.ts";
import type { RunOptions } from "../../../lib/host.ts";
import { TrialsFake } from "../../agent/trial/trials_fake.ts";
import { IDENTITY } from "../../agent/resources/identity.ts";
import { RootedHost } from "../../support/rooted_host.ts";
import { BUSYBOX_TOOLS, staticBusybox } from "../../support/static_busybox.ts";
import { judgedTest } from "../../support/tools.ts";

const LIB = new URL("../../../overlay/root/usr/lib/psyopsos/", import.meta.url).pathname;
const TOOLS = ["nft", "unshare", "nsenter", "ip", ...BUSYBOX_TOOLS];
const NODE = "10.99.0.1", PEER = "10.99.0.2";
const { apply: act, observe } = applier("firewall", firewall);

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();

async function command(words: readonly string[]): Promise<string> {
  const [program = "", ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (code !== 0) throw new Error(`${words.join(" ")}: ${decode(stderr)}`);
  return decode(stdout);
}

/** A machine that is a network of its own. */
class Space {
  readonly #process: Deno.ChildProcess;
  readonly #servers: Deno.ChildProcess[] = [];

  private constructor(process: Deno.ChildProcess, readonly busybox: string) {
    this.#process = process;
  }

  static async make(): Promise<Space> {
    const args = ["-n", "sleep", "600"];
    const process = new Deno.Command("unshare", { args, stdin: "null" }).spawn();
    const own = await Deno.readLink("/proc/self/ns/net");
    while (await Deno.readLink(`/proc/${process.pid}/ns/net`) === own) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return new Space(process, await staticBusybox());
  }

  get pid(): number {
    return this.#process.pid;
  }

  inside(words: readonly string[]): string[] {
    return ["nsenter", "-t", `${this.pid}`, "-n", ...words];
  }

  run(...words: string[]): Promise<string> {
    return command(this.inside(words));
  }

  /** Answers on a port. */
  serve(port: number): void {
    const nc = [this.busybox, "nc", "-ll", "-p", `${port}`, "-e", "/bin/echo", "hello"];
    const [program = "", ...args] = this.inside(nc);
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#servers.push(new Deno.Command(program, { args, ...quiet }).spawn());
  }

  /** Whether somebody answers there. */
  async reaches(address: string, port: number): Promise<boolean> {
    const [program = "", ...args] = this.inside([
      this.busybox,
      ...["timeout", "1", this.busybox, "nc", address, `${port}`],
    ]);
    const { stdout } = await new Deno.Command(program, { args, stdin: "null", stderr: "null" })
      .output();
    return decode(stdout) === "hello";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of [...this.#servers, this.#process]) {
      process.kill("SIGKILL");
      await process.status;
    }
  }
}

/** The agent's host on one of them. */
class SpaceHost extends RootedHost {
  constructor(dir: string, readonly space: Space) {
    super(dir);
  }

  override run(words: readonly string[], options?: RunOptions) {
    // This machine's sshd is not the node's.
    const [program = "", ...args] = words;
    if (program === "sshd") return super.run(["echo", "listenaddress 0.0.0.0:22"], options);
    if (program === "nft") return super.run(this.space.inside(words), options);
    const own = program.replace("/usr/lib/psyopsos/", LIB);
    return own === program
      ? super.run(words, options)
      : super.run(this.space.inside([own, ...args]), options);
  }
}

/** A node, its peer, and the cable between them. */
class Scene implements AsyncDisposable {
  private constructor(readonly node: Space, readonly peer: Space, readonly host: SpaceHost) {}

  static async make(dir: string): Promise<Scene> {
    const [node, peer] = [await Space.make(), await Space.make()];
    const veth = ["link", "add", "lan", "type", "veth", "peer", "name", "lan"];
    await node.run("ip", ...veth, "netns", `${peer.pid}`);
    for (const [space, address] of [[node, NODE], [peer, PEER]] as const) {
      await space.run("ip", "addr", "add", `${address}/24`, "dev", "lan");
      for (const link of ["lo", "lan"]) await space.run("ip", "link", "set", link, "up");
    }
    for (const port of [22, 80, 9100]) node.serve(port);
    peer.serve(8080);
    const scene = new Scene(node, peer, new SpaceHost(dir, node));
    // Everything is open, and all servers are up.
    for (const port of [22, 80, 9100]) await scene.until(() => peer.reaches(NODE, port));
    await scene.until(() => node.reaches(PEER, 8080));
    return scene;
  }

  async until(holds: () => Promise<boolean>): Promise<void> {
    for (let left = 50; left > 0; left--) {
      if (await holds()) return;
      await this.host.sleep(50);
    }
    throw new Error("it never came");
  }

  target(said: FirewallConfig | undefined, trials: Trials = new TrialsFake()): Target {
    const config = { firewall: said };
    const { signal } = new AbortController();
    const about = { identity: IDENTITY, tags: [], isReached: true, bootId: "b", signal };
    return { ...about, trials, config, shown: config };
  }

  async apply(said: FirewallConfig | undefined, trials?: Trials): Promise<Applied> {
    const applied: Applied = { steps: [], troubles: [] };
    await act(this.host, this.target(said, trials), applied);
    return applied;
  }

  /** Applies, then expects that nothing is left to do. */
  async settle(said: FirewallConfig | undefined): Promise<void> {
    assertEquals((await this.apply(said)).troubles, []);
    assertEquals(await this.apply(said), { steps: [], troubles: [] });
  }

  /** Which of the node's servers the peer reaches. */
  async open(): Promise<number[]> {
    const ports = [22, 80, 9100];
    const reached = await Promise.all(ports.map((port) => this.peer.reaches(NODE, port)));
    return ports.filter((_port, i) => reached[i]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.peer[Symbol.asyncDispose]();
  }
}

const sceneTest = (name: string, body: (scene: Scene) => Promise<void>) =>
  judgedTest(name, TOOLS, async (dir) => {
    await using scene = await Scene.make(dir);
    await body(scene);
  }, { root: true });

sceneTest(
  "nft takes the firewall in all its parts, and shows what it took the same every time",
  async (scene) => {
    const all: FirewallConfig = {
      input: "drop",
      forward: "drop",
      trusted: { lan: true, "cni0.5": true, "not-there-yet": true },
      allow: {
        ssh: { from: ["10.0.0.5/8", "10.99.0.0/24", "fd00::/8", "::1"], interface: "lan" },
        web: { tcp: [80, "8000-8100", "8050-8200", 8201, 443], udp: [443, 53] },
      },
      rules: [
        "set bad { type ipv4_addr; flags dynamic,timeout; timeout 1m; }",
        "chain input {",
        "  ip saddr @bad counter drop",
        '  udp dport 1900 counter update @bad { ip saddr } comment "noisy"',
        "}",
      ].join("\n"),
    };
    await scene.settle(all);
    const told = await observe(scene.host, scene.target(all));
    assertMatch(told, /^[0-9a-f]{64}$/);
    // Counters and elements of sets change by themselves, and are no drift.
    await scene.node.run("nft", "add", "element", "inet", "psyopsos", "bad", "{", "1.2.3.4", "}");
    assertEquals(await scene.apply(all), { steps: [], troubles: [] });
    assertEquals(await observe(scene.host, scene.target(all)), told);
    await scene.node.run("nft", "add", "rule", "inet", "psyopsos", "input", "accept");
    assertEquals(await observe(scene.host, scene.target(all)), "differs");
    await scene.settle(all);
    assertEquals(await observe(scene.host, scene.target(all)), told);
  },
);

sceneTest("the firewall lets in what it says, and lets the node itself out", async (scene) => {
  await scene.settle({});
  assertEquals(await scene.open(), [22]);
  assert(await scene.node.reaches(PEER, 8080), "answers come back");
  assert(await scene.node.reaches("127.0.0.1", 80), "the node reaches itself");
  await scene.settle({ allow: { web: { tcp: [80] }, ssh: { from: ["10.99.0.7"] } } });
  assertEquals(await scene.open(), [80]);
  await scene.settle({ allow: { web: { tcp: [80], interface: "other" } } });
  assertEquals(await scene.open(), [22]);
  await scene.settle({ trusted: { lan: true } });
  assertEquals(await scene.open(), [22, 80, 9100]);
  await scene.settle({ rules: "chain input { tcp dport 9100 accept; }" });
  assertEquals(await scene.open(), [22, 9100]);
  await scene.settle({ input: "accept" });
  assertEquals(await scene.open(), [22, 80, 9100]);
  await scene.settle(undefined);
  assertEquals(await scene.open(), [22, 80, 9100]);
});

/** What kube-proxy and a container engine have, and an accept as Tailscale's, which comes too late for what we drop. */
const FOREIGN = `table ip nat {
	chain KUBE-SERVICES {
		ip daddr 10.43.0.1 tcp dport 443 counter packets 0 bytes 0 dnat to 10.99.0.2:6443
	}
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		counter packets 0 bytes 0 jump KUBE-SERVICES
	}
}
table ip filter {
	chain ts-input {
		iifname "lan" counter packets 0 bytes 0 accept
	}
	chain INPUT {
		type filter hook input priority filter - 5; policy accept;
		jump ts-input
	}
}
table inet netavark {
	set ports {
		type inet_service
		elements = { 80, 443 }
	}
}
`;

sceneTest(
  "tables of others stay through replacements, a revert and the removal (trap 4), and a drop of ours beats their accept",
  async (scene) => {
    await Deno.writeTextFile(`${scene.host.dir}/foreign.nft`, FOREIGN);
    await scene.node.run("nft", "-f", `${scene.host.dir}/foreign.nft`);
    const tables = async () => {
      const text = await scene.node.run("nft", "-s", "list", "ruleset");
      return text.replace(/table inet psyopsos \{\n[^]*?\n\}\n?/, "").trim();
    };
    const before = await tables();
    assertMatch(before, /KUBE-SERVICES[^]*ts-input[^]*netavark/);
    for (const said of [{}, { allow: { web: { tcp: [80] } } }, {}, undefined, {}, undefined]) {
      await scene.settle(said);
      assertEquals(await tables(), before);
      if (said) assertEquals(await scene.open(), said.allow ? [22, 80] : [22]);
    }
  },
);

sceneTest("rules that nft refuses leave everything as it was", async (scene) => {
  await scene.settle({});
  const before = await scene.node.run("nft", "list", "ruleset");
  const bad: [rules: string, line: number][] = [
    ["nonsense", 1],
    ["# one\nchain other {\n}\nflush ruleset", 4],
    ["\nchain input { ip saddr @nope drop; }", 2],
  ];
  for (const [rules, line] of bad) {
    const { steps, troubles } = await scene.apply({ rules });
    assertEquals(steps, []);
    const place = `Cannot put the firewall in force: rules, line ${line}: `;
    assertEquals(troubles[0]!.message.slice(0, place.length), place);
    assertEquals(await scene.node.run("nft", "list", "ruleset"), before);
  }
});

sceneTest(
  "a firewall that cuts the site off comes back by the real watchdog, and is refused from then on",
  async (scene) => {
    const { host } = scene;
    const parts = {
      kept: new KeptTrials(host, "alpha"),
      signal: new AbortController().signal,
      answeredAt: () => host.uptime(),
      ask: () => scene.node.reaches(PEER, 8080),
    };
    // No drive is there: what was confirmed is known in this boot.
    const runner = new TrialRunner(host, parts);
    const trials: Trials = {
      attempt: (trial) => runner.attempt({ ...trial, seconds: 6 }),
      confirmed: (subject) => runner.confirmed(subject),
      refused: (subject) => runner.refused(subject),
      forgive: (subject) => runner.forgive(subject),
      forget: (subject) => runner.forget(subject),
    };
    const good = { allow: { web: { tcp: [80] } } };
    assertEquals((await scene.apply(good, trials)).troubles, []);
    const before = await scene.node.run("nft", "list", "ruleset");
    const cut = "chain out { type filter hook output priority 0; policy drop; }";
    const { troubles } = await scene.apply({ ...good, rules: cut }, trials);
    assertMatch(troubles[0]!.message, /the site did not answer under it, and answers without it/);
    assertEquals(await scene.node.run("nft", "list", "ruleset"), before);
    assertEquals(await scene.open(), [22, 80]);
    const start = host.uptime();
    assertEquals((await scene.apply({ ...good, rules: cut }, trials)).troubles, troubles);
    assert(host.uptime() - start <= 2_000, "it is not tried again");
    // A boot begins with the one that was confirmed.
    await scene.node.run("nft", "delete", "table", "inet", "psyopsos");
    await host.remove("/run/psyopsos/firewall.json");
    const kept = bind((target) => target.trials, keptFirewall);
    await kept(host, scene.target(undefined, trials), { steps: [], troubles: [] });
    assertEquals(await scene.node.run("nft", "list", "ruleset"), before);
  },
);

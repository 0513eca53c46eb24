import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import { firewallDigest, firewallText, rulesProblem } from "../../../lib/config/firewall.ts";
import {
  admittedBy,
  desired,
  mergeConfig,
  mergedProblems,
  type NodeConfig,
  nodeConfigSchema,
} from "../../../lib/config/mod.ts";

const HASH = `$6$saltsalt$${"h".repeat(86)}`;
const textOf = (config: NodeConfig) =>
  firewallText(desired("firewall", config, { name: "alpha" })) ?? "";
/** Lines of the chain `input` that differ with what is said. */
const rulesOf = (config: NodeConfig) =>
  textOf(config).split("\tchain forward")[0]!.split("udp dport 546 accept\n")[1]!.split("\n")
    .map((line) => line.trim()).filter((line) => line !== "" && line !== "}");

Deno.test("without the key there is no table, and with nothing in it sshd is admitted alone", () => {
  assertEquals(textOf({}), "");
  assertEquals(firewallDigest(desired("firewall", {}, { name: "alpha" })), "none");
  assertEquals(rulesOf({ firewall: {} }), ["tcp dport { 22 } accept"]);
  assertMatch(
    textOf({ firewall: {} }),
    /hook input .*policy drop;[^]*hook forward .*policy accept;/,
  );
  const other = textOf({ firewall: { input: "accept", forward: "drop" } });
  assertMatch(other, /hook input .*policy accept;[^]*hook forward .*policy drop;/);
});

Deno.test("what must never be dropped is admitted before everything else", () => {
  const text = textOf({ firewall: { rules: "chain input { drop; }" } });
  for (
    const one of [
      'iifname "lo"',
      "ct state established,related",
      "icmp type { destination-unreachable",
      "packet-too-big",
      "nd-neighbor-solicit",
      "nd-router-advert",
      "udp sport 67 udp dport 68",
      "udp dport 546",
      "tcp dport { 22 }",
    ]
  ) {
    assert(text.indexOf(one) > 0 && text.indexOf(one) < text.indexOf("{ drop; }"), one);
  }
});

Deno.test("an entry admits its ports, from where and over what it says, in the order of names", () => {
  const allow = {
    web: { tcp: [443, 80], udp: [443] },
    dns: { udp: [53], from: ["10.0.0.0/8", "fd00::/8", "192.0.2.1"], interface: "lan" },
    game: { tcp: ["8000-8100", 8101, "8050-8090", 9000] },
  };
  assertEquals(rulesOf({ firewall: { allow } }), [
    'iifname "lan" ip saddr 10.0.0.0/8 udp dport { 53 } accept',
    'iifname "lan" ip6 saddr fd00::/8 udp dport { 53 } accept',
    'iifname "lan" ip saddr 192.0.2.1 udp dport { 53 } accept',
    "tcp dport { 8000-8101, 9000 } accept",
    "tcp dport { 22 } accept",
    "tcp dport { 80, 443 } accept",
    "udp dport { 443 } accept",
  ]);
  assertEquals(rulesOf({ firewall: { trusted: { wg0: true, lan: true } } }), [
    'iifname "lan" accept',
    'iifname "wg0" accept',
    "tcp dport { 22 } accept",
  ]);
  // What is trusted is passed on, too.
  const [, forward] = textOf({ firewall: { trusted: { lan: true } } }).split("chain forward");
  assertStringIncludes(forward!, 'iifname "lan" accept');
});

Deno.test("what another key needs is admitted by itself; an entry of its name takes the place of that", () => {
  const ssh = { port: 2222 };
  assertEquals(rulesOf({ firewall: {}, ssh }), ["tcp dport { 2222 } accept"]);
  const listening = (ListenAddress: string) => ({ settings: { ListenAddress } });
  for (
    const [said, port] of [
      ["10.0.0.5:2022", 2022],
      ["[fd00::5]:2022", 2022],
      ["fd00::5", 22],
      ["10.0.0.5", 22],
      ["nas.example:2022 rdomain x", 2022],
    ] as const
  ) {
    assertEquals(admittedBy({ ssh: listening(said) }).ssh, { tcp: [port] }, said);
  }
  const from = ["10.0.0.0/8"];
  assertEquals(rulesOf({ firewall: { allow: { ssh: { from } } }, ssh }), [
    "ip saddr 10.0.0.0/8 tcp dport { 2222 } accept",
  ]);
  assertEquals(rulesOf({ firewall: { allow: { ssh: { tcp: [22, 2222] } } }, ssh }), [
    "tcp dport { 22, 2222 } accept",
  ]);
});

Deno.test("interfaces that other keys make are trusted, and their ports admitted", () => {
  const admitted = {
    ssh: { tcp: [22] },
    tailscale: { udp: [41641], interfaces: ["tailscale0"] },
    k3s: { tcp: ["6443-6444", 10250], interfaces: ["cni0", "flannel.1"] },
  };
  const said: NodeConfig["firewall"] = { allow: { k3s: { from: ["10.0.0.0/8"] } } };
  const text = firewallText({ said, admitted })!;
  for (
    const line of [
      "ip saddr 10.0.0.0/8 tcp dport { 6443-6444, 10250 } accept",
      "tcp dport { 22 } accept",
      "udp dport { 41641 } accept",
    ]
  ) assertEquals(text.split(line).length, 2, line);
  for (const name of ["cni0", "flannel.1", "tailscale0"]) {
    assertEquals(text.split(`iifname "${name}" accept`).length, 3, "in and through");
  }
});

Deno.test("null closes sshd, in whichever layer it stands, until another layer opens it", () => {
  const from = ["10.0.0.0/8"];
  const closed = { firewall: { allow: { ssh: null } } };
  const open = { firewall: { allow: { ssh: { from } } } };
  assertEquals(mergeConfig([closed]), { firewall: { allow: { ssh: { tcp: [] } } } });
  assertEquals(rulesOf(mergeConfig([closed])), []);
  assertEquals(mergeConfig([open, closed]), mergeConfig([closed]));
  assertEquals(mergeConfig([open, closed, {}]), mergeConfig([closed]));
  assertEquals(mergeConfig([closed, open]), { firewall: { allow: { ssh: { from } } } });
  const removed = { firewall: { allow: null } };
  assertEquals(mergeConfig([closed, removed]), { firewall: {} });
  assertEquals(rulesOf(mergeConfig([closed, removed])), ["tcp dport { 22 } accept"]);
});

Deno.test("sshd is closed only where somebody can still log in on the console", () => {
  const message =
    "firewall.allow.ssh admits nobody to sshd, and no account has a passwordHash for the console: give one to an account, or leave sshd open";
  const problems = (config: NodeConfig) => mergedProblems(config).map(({ message }) => message);
  const closed = [[], [2222]].map((tcp) => ({ allow: { ssh: { tcp } } }));
  for (const firewall of [...closed, { allow: { ssh: { udp: [22] } } }]) {
    const ann = { passwordHash: HASH };
    assertEquals(problems({ firewall }), [message]);
    assertEquals(problems({ firewall, users: { ann: {} } }), [message]);
    assertEquals(problems({ firewall, users: { ann } }), []);
    assertEquals(problems({ firewall: { ...firewall, input: "accept" } }), []);
  }
  assertEquals(problems({ firewall: closed[1]!, ssh: { port: 2222 } }), []);
  assertEquals(problems({ firewall: { allow: { ssh: { tcp: ["1-1024"] } } } }), []);
});

Deno.test("an entry names ports, unless it bears the name of a key that has some", () => {
  const firewall = { allow: { ssh: { from: ["10.0.0.1"] }, web: { from: ["10.0.0.1"] } } };
  assertEquals(mergedProblems({ firewall }), [{
    path: ["firewall", "allow", "web"],
    message: "firewall.allow.web names no tcp and no udp ports",
  }]);
});

Deno.test("raw rules can't reach beyond the node's own table", () => {
  const good = [
    "",
    "chain input { tcp dport 9100 accept; }",
    'chain a {\n  type filter hook output priority 0; policy drop;\n  comment "x y"\n}\n# a note\n',
    "set included { type ipv4_addr; }",
  ];
  for (const rules of good) assertEquals(rulesProblem(rules), undefined, rules);
  const bad = [
    "}\nflush ruleset\ntable inet x {",
    "chain x { } }",
    "chain x {",
    'include "/etc/nftables.nft"',
    'chain x {\ncomment "}"\n',
    "# }\n}\n",
    '# "\n}\nflush ruleset\ntable inet x {\n# "\n',
    'chain x { comment "a\n}" }',
    'chain x { comment "a # b" }\n}',
    'chain x { comment "a\n# b" } }\nflush ruleset; table inet x {',
    "chain x { \x07 }",
  ];
  for (const rules of bad) {
    assert(rulesProblem(rules) !== undefined, rules);
    assert(!v.safeParse(nodeConfigSchema, { firewall: { rules } }).success);
  }
});

Deno.test("ports, addresses and names are what nft takes", () => {
  const takes = (firewall: unknown) => v.safeParse(nodeConfigSchema, { firewall }).success;
  const bad = [0, 65536, "22", "2-1", "1-65536", "0-5", "http", 1.5, ""];
  for (const port of bad) assertEquals(takes({ allow: { x: { tcp: [port] } } }), false, `${port}`);
  for (const from of ["10.0.0.0/33", "nas.lan", "10.0.0.1 accept", "::/129"]) {
    assertEquals(takes({ allow: { x: { tcp: [1], from: [from] } } }), false, from);
  }
  for (const name of ['lo"', "a b", "much-too-long-name", "-x", "wg*"]) {
    assertEquals(takes({ trusted: { [name]: true } }), false, name);
    assertEquals(takes({ allow: { x: { tcp: [1], interface: name } } }), false, name);
  }
  assertEquals(takes({ input: "reject" }), false);
});

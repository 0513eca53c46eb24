import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import type { FleetNode } from "../../../site/fleet/assemble.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { derivedTestCertificate } from "../../support/ssh_certificate.ts";
import { RECIPIENTS, SSH_KEYS } from "../support.ts";

/** A fleet of one node, whose file begins with its recipient and the tag `lab`. */
function fleetOf(node: string, others: Record<string, string> = {}) {
  const own = `recipient: ${RECIPIENTS[0]}\ntags: [lab]\n${node}`;
  return parseFleet(new Map(Object.entries({ "tags/lab.yaml": "", ...others, "alpha.yaml": own })));
}

const nodeOf = (...given: Parameters<typeof fleetOf>) => fleetOf(...given).nodes[0] as FleetNode;

Deno.test("an entry may be completed by other layers, and is public where it is whole without a secret", () => {
  const tag = "config: {files: {/token: {mode: '0640'}, /motd: {mode: '0600'}}}\n";
  const node = nodeOf(
    "private: {files: {/token: {content: secret}}}\nconfig: {files: {/motd: {content: hi}}}\n",
    { "tags/lab.yaml": tag },
  );
  assertEquals(node.whole.files, {
    "/token": { content: "secret", mode: "0640" },
    "/motd": { content: "hi", mode: "0600" },
  });
  assertEquals(node.public.files, { "/motd": { content: "hi", mode: "0600" } });
});

Deno.test("what no layer completes is told at the place that says most of it", () => {
  const error = assertThrows(
    () =>
      fleetOf("config: {files: {/x: {owner: ops}}}\n", {
        "tags/lab.yaml": "config:\n  files:\n    /x: {mode: '0600'}\n    /y:\n      mode: '0600'\n",
      }),
    UserError,
  );
  assertEquals([error.message, ...error.hint!.split("\n")].map((line) => line.trim()), [
    "Cannot read the fleet: nodes/alpha.yaml:3:22: once merged for alpha, files./x.content is missing",
    "nodes/tags/lab.yaml:5:7: once merged for alpha, files./y.content is missing",
  ]);
});

Deno.test("null takes away what lower layers say, in config and in private alike", () => {
  const global = "config: {hostname: a, users: {ops: {groups: {wheel: true}}, eve: {}}}\n";
  const node = nodeOf("config: {users: {ops: {groups: {wheel: null, adm: true}}}}\n", {
    "global.yaml": global,
    "tags/lab.yaml": "config: {hostname: ~}\nprivate: {users: {eve: null}}\n",
  });
  assertEquals(node.public.users, { ops: { groups: { adm: true } }, eve: {} });
  assertEquals(node.whole.users, { ops: { groups: { adm: true } } });
  assertEquals([node.public.hostname, node.whole.hostname], [undefined, undefined]);
});

Deno.test("what is said of accounts and lets nobody become root, or differs between nodes, is warned of with its place", () => {
  const key = SSH_KEYS[0];
  const warningsOf = (own: string, global: string, other = "") =>
    fleetOf(own, { "global.yaml": global, ...other && { "aaa.yaml": other } }).warnings
      .map(({ file, line, message }) => `${file}:${line}: ${message}`);
  const logins = `config: {users: {ops: {sshKeys: {a: "${key}"}}}}\n`;
  assertEquals(warningsOf("", logins), [
    "nodes/global.yaml:1: nobody who can log in (ops) can become root: `groups: {wheel: true}` lets an account, or see the key doas",
  ]);
  assertEquals(warningsOf("config: {users: {ops: {groups: {wheel: true}}}}\n", logins), []);
  assertEquals(warningsOf("config: {doas: {ops: permit nopass ops}}\n", logins), []);

  const other = `recipient: ${
    RECIPIENTS[1]
  }\nconfig: {users: {ops: {uid: 1000}}, groups: {media: {gid: 2000}}}\n`;
  assertEquals(warningsOf("config:\n  users: {ops: {uid: 1001}}\n", "", other), [
    "nodes/alpha.yaml:4: users.ops has the uid 1001 here, and 1000 on aaa",
  ]);
  assertEquals(warningsOf("config:\n  users: {web: {uid: 1000}}\n", "", other), [
    "nodes/alpha.yaml:4: users.web has the uid 1000, which is ops's on aaa",
  ]);
  assertEquals(warningsOf("config:\n  groups: {tape2: {gid: 2000}}\n", "", other), [
    "nodes/alpha.yaml:4: groups.tape2 has the gid 2000, which is media's on aaa",
  ]);
  assertEquals(warningsOf("config: {users: {ops: {uid: 1000}, web: {}}}\n", "", other), []);
});

Deno.test("settings by which nobody could log in, and a certificate of another key, are refused with their place", () => {
  const refusal = (own: string, global = "") =>
    assertThrows(() => fleetOf(own, { "global.yaml": global }), UserError).message;
  const key = SSH_KEYS[0];
  assertEquals(
    refusal(
      `private: {users: {root: {sshKeys: {a: "${key}"}}}}\n`,
      "config:\n  ssh: {permitRootLogin: no}\n",
    ),
    "Cannot read the fleet: nodes/global.yaml:2:8: once merged for alpha, nobody could log in: " +
      "ssh.permitRootLogin lets none of those in who have a key (root)",
  );
  const [mine, other] = [derivedTestCertificate(1), derivedTestCertificate(2)];
  const config = `sshHostKey: ${mine.publicLine}\nconfig:\n  ssh: {hostCertificate: `;
  assertEquals(fleetOf(`${config}${mine.line}}\n`).nodes.length, 1);
  assertEquals(
    refusal(`${config}${other.line}}\n`),
    "Cannot read the fleet: nodes/alpha.yaml:5:26: ssh.hostCertificate is not about the node's sshHostKey",
  );
});

Deno.test("settings of sshd that are not to be set are refused with their place", () => {
  for (
    const [keyword, message] of [
      ["Port", "has a field of its own: ssh.port"],
      ["permitrootlogin", "must be a keyword of sshd_config, e.g. MaxAuthTries"],
      ["Match", "can't be set here: it is the agent's, or reaches beyond one setting"],
      ["AuthorizedKeysFile", "can't be set here: it is the agent's, or reaches beyond one setting"],
    ]
  ) {
    const own = `config:\n  ssh:\n    settings: {${keyword}: "22"}\n`;
    const { message: told } = assertThrows(() => fleetOf(own), UserError);
    assertMatch(
      told,
      new RegExp(
        `^Cannot read the fleet: nodes/alpha.yaml:5:\\d+: config.ssh.settings.${keyword} `,
      ),
    );
    assert(told.endsWith(message!), told);
  }
  const twice = "config: {ssh: {settings: {MaxAuthTries: '1', MaxAuthtries: '2'}}}\n";
  const { message } = assertThrows(() => fleetOf(twice), UserError);
  assertMatch(message, /ssh.settings: MaxAuthTries and MaxAuthtries are one setting$/);
});

Deno.test("a list that replaces another one is warned of, with its place", () => {
  const global = "config: {hosts: {10.0.0.5: [nas]}}\n";
  const own = "config:\n  hosts:\n    10.0.0.5: [tape]\n    10.0.0.6: [x]\n";
  assertEquals(
    fleetOf(own, { "global.yaml": global }).warnings.map(({ line, message }) => [line, message]),
    [[5, "hosts.10.0.0.5 replaces the list of a lower layer, and is not added to it"]],
  );
  const anew = { "global.yaml": global, "tags/lab.yaml": "config: {hosts: {10.0.0.5: null}}\n" };
  assertEquals(fleetOf(own, anew).warnings, []);
});

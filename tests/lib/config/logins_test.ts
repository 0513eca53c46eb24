import { assertEquals } from "@std/assert";
import { doasDecision, loginsWithoutRoot } from "../../../lib/config/logins.ts";
import { desired, type NodeConfig } from "../../../lib/config/mod.ts";

const KEY = { k: "ssh-ed25519 AAAA x" };
const HASH = `$6$saltsalt$${"h".repeat(86)}`;

Deno.test("loginsWithoutRoot() names who may log in where nobody of them can become root", () => {
  const cases: [NodeConfig, string[]][] = [
    [{}, []],
    [{ users: { ann: {} } }, []],
    [{ users: { ann: { sshKeys: KEY } } }, ["ann"]],
    [{ users: { ann: { sshKeys: KEY, groups: { wheel: true } } } }, []],
    [{ users: { ann: { sshKeys: KEY }, root: { sshKeys: KEY } } }, []],
    [{ users: { ann: { sshKeys: KEY }, bob: { sshKeys: KEY, groups: { wheel: true } } } }, []],
    [{ users: { ann: { sshKeys: KEY } }, doas: { a: "permit nopass ann" } }, []],
    // There is no password that could be asked for.
    [{ users: { ann: { sshKeys: KEY } }, doas: { a: "permit persist ann" } }, ["ann"]],
    [{ users: { ann: { passwordHash: HASH } }, doas: { a: "permit persist ann" } }, []],
    [
      { users: { ann: { sshKeys: KEY, groups: { wheel: true } } }, doas: { wheel: "deny :wheel" } },
      ["ann"],
    ],
    [{ users: { root: { sshKeys: KEY } }, ssh: { permitRootLogin: "no" } }, ["root"]],
    [{ users: { root: { passwordHash: HASH } }, ssh: { permitRootLogin: "no" } }, []],
    [{ users: { ann: { sshKeys: KEY } }, ssh: { trustedUserCAs: KEY } }, []],
    [
      {
        users: {
          ann: { sshKeys: KEY, groups: { wheel: true } },
          bob: { passwordHash: HASH, groups: { wheel: true } },
        },
      },
      [],
    ],
  ];
  for (const [config, names] of cases) {
    const node = { name: "n" };
    assertEquals(
      loginsWithoutRoot(desired("users", config, node), desired("doas", config, node), config.ssh),
      names,
      JSON.stringify(config),
    );
  }
});

Deno.test("doasDecision() is that of the last rule that matches", () => {
  const decide = (...texts: string[]) =>
    doasDecision(texts.map((text) => ({ name: "r", text })), { name: "ann", groups: ["staff"] });
  assertEquals(decide(), "deny");
  assertEquals(decide("permit ann"), "permit");
  assertEquals(decide("permit nopass :staff", "deny ann"), "deny");
  assertEquals(decide("deny ann", "permit nopass keepenv :staff"), "permit nopass");
});

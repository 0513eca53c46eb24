/** What the build believes of rules, judged by the real doas: which hold, and what they let whom do. */
import { assertEquals } from "@std/assert";
import { doasText } from "../../lib/config/doas.ts";
import { type Decision, doasDecision } from "../../lib/config/logins.ts";
import { desired } from "../../lib/config/mod.ts";
import { judgedTest } from "../support/tools.ts";

/** An account of every Debian, and what its groups are. */
const LOGIN = { name: "nobody", groups: ["nogroup", "games"] };

async function doas(file: string, command: string[] = []): Promise<{ code: number; said: string }> {
  const as = command.length > 0
    ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=nogroup,games"]
    : [];
  const [program = "", ...args] = [...as, "doas", "-C", file, ...command];
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  return { code, said: new TextDecoder().decode(code > 1 ? stderr : stdout).trim() };
}

judgedTest("the rules that nodes get by default hold", ["doas"], async (dir) => {
  const users = { ann: { groups: { wheel: true } as const, passwordHash: "$6$x" } };
  for (const config of [{}, { users }]) {
    await Deno.writeTextFile(`${dir}/conf`, doasText(desired("doas", config, { name: "n" })));
    assertEquals(await doas(`${dir}/conf`), { code: 0, said: "" });
  }
});

const RULES: [rules: string[], decision: Decision][] = [
  [["permit nobody"], "permit"],
  [["permit nopass nobody"], "permit nopass"],
  [["permit persist nobody as root"], "permit"],
  [["permit nopass nobody as games"], "deny"],
  [["permit nopass nobody cmd id"], "deny"],
  [["permit nopass keepenv :games"], "permit nopass"],
  [['permit nopass setenv { PATH -HOME X="a b" } :nogroup'], "permit nopass"],
  [["permit nopass :tape"], "deny"],
  [["permit nopass games"], "deny"],
  [['permit nopass "nobody" # and why'], "permit nopass"],
  [["permit nopass :games", "deny nobody"], "deny"],
  [["deny :games", "permit nolog nobody"], "permit"],
  [["permit nopass nobody", "deny nobody cmd ls"], "permit nopass"],
];

Deno.test("the rules of the table are decided as written down", () => {
  for (const [rules, decision] of RULES) {
    const named = rules.map((text) => ({ name: "r", text }));
    assertEquals(doasDecision(named, LOGIN), decision, rules.join("; "));
  }
});

judgedTest("doas decides as the build believes", ["doas", "setpriv"], async (dir) => {
  await Deno.chmod(dir, 0o755);
  for (const [rules, decision] of RULES) {
    await Deno.writeTextFile(`${dir}/conf`, doasText(rules.map((text) => ({ name: "r", text }))));
    assertEquals((await doas(`${dir}/conf`, ["true"])).said, decision, rules.join("; "));
  }
}, { root: true });

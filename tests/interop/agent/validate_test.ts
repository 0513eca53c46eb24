/** Commands that judge files before they take their place, run by the real shells. */
import { assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { JUDGE, validateFile } from "../../../agent/resources/validate.ts";
import { text, utf8 } from "../../../lib/bytes.ts";
import { RUN_DIR } from "../../../agent/system/paths.ts";
import { UserError } from "../../../lib/errors.ts";
import type { RunOptions } from "../../../lib/host.ts";
import { OWNER } from "../../support/account_home.ts";
import { RootedHost } from "../../support/rooted_host.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

/** Judges `content` by `validate`. */
async function judge(validate: string, content: string, shell = ["/bin/sh"]): Promise<void> {
  const dir = await Deno.makeTempDir();
  const host = new class extends RootedHost {
    /** What is said of the copy is said of its path on a node. */
    override async run([, ...args]: readonly string[], options?: RunOptions) {
      const result = await super.run([...shell, ...args], options);
      return { ...result, stdout: utf8(text(result.stdout).replaceAll(dir, RUN_DIR)) };
    }
  }(dir);
  const file = { path: "/etc/it's.conf", data: utf8(content), validate, isSecret: false };
  try {
    await validateFile(host, file, OWNER);
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), [], "a copy is left");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `${name} runs a validate command on the file, and passes on how it ends and what it says`,
    ...needTool(...tools),
    fn: async () => {
      const shell = [...await command()];
      await judge("grep -q good '%s' && grep good %s", "good\n", shell);
      await judge('test "$(stat -c %a "%s")" = 640', "", shell);
      const cases: [string, RegExp][] = [
        ["grep good %s", /refuses it: exit code 1$/],
        ["echo first; echo second >&2; exit 3", /refuses it: first$/],
        ["cat %s >&2; false", /refuses it: bad$/],
        ["echo %s: line 3; false", /refuses it: \/etc\/it's\.conf: line 3$/],
        ["nowhere %s", /refuses it: .*nowhere.*not found$/],
        ["yes no | head -c 5000000; exit 1", /refuses it: no$/],
        ["kill -9 $$", /refuses it: (Killed|exit code 137)$/],
      ];
      for (const [validate, message] of cases) {
        const error = await assertRejects(() => judge(validate, "bad\n", shell), UserError);
        assertMatch(error.message, message, validate);
      }
    },
  });
}

Deno.test("a validate command gets no input, no environment and no output without end", async () => {
  await judge('! read -r line && test -z "$SECRET_OF_TEST" # %s', "");
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", JUDGE, "sh", "yes | head -c 3000000"],
  }).output();
  assertLess(stdout.length, 65_537);
});

Deno.test({
  name: "sshd judges a file of its own settings",
  ...needTool("sshd"),
  fn: async () => {
    const error = await assertRejects(
      () => judge("$(command -v sshd || echo /usr/sbin/sshd) -t -f %s", "Prot 22\n"),
      UserError,
    );
    assertMatch(error.message, /\/etc\/it's\.conf.*line 1: Bad configuration option: Prot/);
  },
});

/** Which hashes of passwords the desk takes, judged by the programs that make and verify them. */
import { assertEquals } from "@std/assert";
import { passwordHashProblem } from "../../lib/config/password_hash.ts";
import { BUSYBOX_TOOLS, staticBusybox } from "../support/static_busybox.ts";
import { needTool } from "../support/tools.ts";

async function output(...command: string[]): Promise<string> {
  const [program = "", ...args] = command;
  const { code, stdout } = await new Deno.Command(program, { args }).output();
  assertEquals(code, 0, command.join(" "));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: "what openssl makes of a password, the desk takes where busybox makes the same of it",
  ...needTool(...BUSYBOX_TOOLS, "openssl"),
  fn: async () => {
    const busybox = await staticBusybox();
    for (const [form, method] of [["-6", "sha512"], ["-5", "sha256"]] as const) {
      const made = await output("openssl", "passwd", form, "-salt", "saltsalt", "hunter2");
      assertEquals(
        await output(busybox, "mkpasswd", "-m", method, "-S", "saltsalt", "hunter2"),
        made,
      );
      assertEquals(passwordHashProblem(made), undefined, made);
    }
    for (const form of ["-1", "-apr1"]) {
      const made = await output("openssl", "passwd", form, "-salt", "saltsalt", "hunter2");
      assertEquals(passwordHashProblem(made)?.startsWith("must be a hash of SHA-512"), true, made);
    }
  },
});

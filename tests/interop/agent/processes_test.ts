/** Ending what an account runs, by the real shells against real processes. */
import { assertEquals } from "@std/assert";
import { SHELLS } from "../../support/static_busybox.ts";
import { needRoot, needTool } from "../../support/tools.ts";

const SCRIPT =
  new URL("../../../overlay/root/usr/lib/psyopsos/processes", import.meta.url).pathname;
/** Nobody's on machines where tests run. */
const [OWN, OTHER] = [54_321, 54_322];

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `processes lists and ends all of one account and nothing else (${name})`,
    ...needTool(...tools, "setpriv", "sleep"),
    // Only root can start something as another account.
    ...needRoot(),
    fn: async () => {
      const shell = await command();
      const processes = async (...args: string[]) => {
        const [program = "", ...rest] = [...shell, SCRIPT, ...args];
        const { code, stdout } = await new Deno.Command(program, { args: rest }).output();
        return {
          code,
          listed: new TextDecoder().decode(stdout).trim().split("\n").filter(Boolean),
        };
      };
      const start = (...ids: string[]) =>
        new Deno.Command("setpriv", { args: [...ids, "sleep", "60"] }).spawn();
      const real = start(`--reuid=${OWN}`, `--regid=${OWN}`, "--clear-groups");
      // As a program that becomes root and is waiting for a password.
      const effective = start(`--ruid=${OWN}`, "--euid=0");
      const other = start(`--reuid=${OTHER}`, `--regid=${OTHER}`, "--clear-groups");
      try {
        const own = [real.pid, effective.pid].map(String).sort();
        while ((await processes("list", `${OWN}`)).listed.length < 2) await pause();
        while ((await processes("list", `${OTHER}`)).listed.length < 1) await pause();
        assertEquals((await processes("list", `${OWN}`)).listed.sort(), own);
        assertEquals((await processes("end", `${OWN}`)).code, 0);
        await Promise.all([real.status, effective.status]);
        assertEquals((await processes("list", `${OWN}`)).listed, []);
        assertEquals((await processes("list", `${OTHER}`)).listed, [`${other.pid}`]);
        for (const odd of ["0", "", "-1", "x", "1 2"]) {
          assertEquals((await processes("end", odd)).code, 2, odd);
        }
      } finally {
        for (const child of [real, effective, other]) {
          try {
            child.kill("SIGKILL");
          } catch {
            // It has ended.
          }
          await child.status;
        }
      }
    },
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

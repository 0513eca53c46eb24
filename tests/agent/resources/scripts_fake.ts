/** The shell of a node in memory, as far as scripts of the configuration need it. */
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `/bin/sh`: a script "echo x" prints x, one with "exit 3" ends so. */
export function fakeScripts(host: FakeHost): void {
  host.put("/bin/sh", "");
  host.programs.set("/bin/sh", (args) => {
    const run = host.textOf(args.at(-1)!);
    host.put(args[4]!, run.replace(/^echo /, "") + "\n", 0o600);
    return { code: run.includes("exit 3") ? 3 : 0 };
  });
}

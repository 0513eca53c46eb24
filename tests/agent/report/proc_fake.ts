/** What a node in memory reads below /proc, through `cat`. */
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** The agent's own process. */
export const AGENT_PID = 77;
/** Answers `cat`. */
export function fakeProc(host: FakeHost): void {
  const files: Record<string, () => string> = {
    "/proc/uptime": () => `${host.uptime() / 1000} 1.0\n`,
    "/proc/sys/kernel/osrelease": () => "6.1.0-56\n",
    "/proc/sys/kernel/random/boot_id": () => "boot-1\n",
    "/proc/meminfo": () => "MemTotal:  1000 kB\nMemAvailable:   600 kB\n",
    [`/proc/${AGENT_PID}/status`]: () => "Name: deno\nVmRSS:\t  50 kB\n",
  };
  host.programs.set(
    "cat",
    ([path]) => files[path ?? ""]?.() ?? { code: 1, stderr: utf8("cat: no such file") },
  );
}

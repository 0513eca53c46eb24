/** The agent's shell scripts, judged by shellcheck, busybox's shell and dash; udhcpc's by what it calls. */
import { assert, assertEquals } from "@std/assert";
import { BUSYBOX_TOOLS, SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const ROOT = new URL("../../../overlay/root/", import.meta.url).pathname;
const SERVICES = ["agent", "coldplug", "hotplug", "kernel", "storage"].map((name) =>
  `etc/init.d/psyopsos-${name}`
);
const SCRIPTS = [
  "usr/bin/psyopsos-agent",
  "usr/lib/psyopsos/coldplug",
  "usr/lib/psyopsos/interfaces",
  "usr/lib/psyopsos/processes",
  "usr/lib/psyopsos/kernel-files",
  "usr/lib/psyopsos/kernel-kept",
  "usr/lib/psyopsos/storage",
  "usr/lib/psyopsos/machine",
  "usr/lib/psyopsos/udhcpc.script",
];

async function output(command: string[], env: Record<string, string> = {}): Promise<string> {
  const [program = "", ...args] = command;
  const result = await new Deno.Command(program, { args, env }).output();
  const text = new TextDecoder().decode(result.stdout) + new TextDecoder().decode(result.stderr);
  assertEquals(result.code, 0, `${command.join(" ")}: ${text}`);
  return text;
}

for (const script of [...SERVICES, ...SCRIPTS]) {
  Deno.test({
    name: `${script} is sound shell`,
    ...needTool(...BUSYBOX_TOOLS, "shellcheck", "dash"),
    fn: async () => {
      const path = ROOT + script;
      // OpenRC reads the variables that its scripts only set.
      const skip = SERVICES.includes(script) ? ["-e", "SC2034"] : [];
      assertEquals(await output(["shellcheck", "-s", "sh", ...skip, path]), "");
      for (const { command } of SHELLS) {
        assertEquals(await output([...await command(), "-n", path]), "");
      }
      assertEquals((await Deno.stat(path)).mode! & 0o111, 0o111, "is executable");
    },
  });
}

/** Runs the DHCP script with an `ip` that notes what it is told; `shown` is what the interface has. */
async function dhcp(shell: string[], event: string, lease: Record<string, string>, shown = "") {
  const dir = await Deno.makeTempDir();
  try {
    // A function, since busybox's shell takes its own ip before one on PATH.
    const ip = `ip() {
  echo "ip $*" >>${dir}/log
  case "$*" in *show*) echo "${shown}" ;; esac
}
`;
    const source = await Deno.readTextFile(`${ROOT}usr/lib/psyopsos/udhcpc.script`);
    const script = `${dir}/script`;
    await Deno.writeTextFile(
      script,
      ip + source.replace("resolv=/etc/resolv.conf", `resolv=${dir}/resolv.conf`),
    );
    await output([...shell, script, event], { ...lease, interface: "eth9" });
    const log = (await Deno.readTextFile(`${dir}/log`)).trim().split("\n");
    const resolv = await Deno.readTextFile(`${dir}/resolv.conf`).catch(() => "");
    return { log: log.filter((line) => !line.includes("show")), resolv };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const LEASE = { ip: "10.0.2.15", mask: "24", router: "10.0.2.2", dns: "10.0.2.3 10.0.2.4" };

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `udhcpc.script sets address, route and name servers under ${name}`,
    ...needTool(...tools),
    fn: async () => {
      const shell = await command();
      const bound = await dhcp(shell, "bound", { ...LEASE, domain: "lab.test" });
      assertEquals(bound.log, [
        "ip -4 addr flush dev eth9",
        "ip addr add 10.0.2.15/24 dev eth9",
        "ip route replace default via 10.0.2.2 dev eth9 metric 100",
      ]);
      assertEquals(bound.resolv, "search lab.test\nnameserver 10.0.2.3\nnameserver 10.0.2.4\n");
      const renewed = await dhcp(shell, "renew", LEASE, "2: eth9 inet 10.0.2.15/24 brd x");
      assert(!renewed.log.some((line) => line.includes("flush")), "a renewal cuts nothing");
      const deconfig = await dhcp(shell, "deconfig", {});
      assertEquals(deconfig.log, ["ip -4 addr flush dev eth9", "ip link set eth9 up"]);
    },
  });
}

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
  "usr/lib/psyopsos/dhcp-client",
  "usr/lib/psyopsos/interfaces",
  "usr/lib/psyopsos/processes",
  "usr/lib/psyopsos/kernel-files",
  "usr/lib/psyopsos/kernel-kept",
  "usr/lib/psyopsos/storage",
  "usr/lib/psyopsos/machine",
  "usr/lib/psyopsos/resolv-conf",
  "usr/lib/psyopsos/udhcpc.script",
  "usr/lib/psyopsos/udhcpc6.script",
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

/** Runs a DHCP script with an `ip` that notes what it is told; `shown` is what the interface has. */
async function dhcp(
  dir: string,
  [script, event]: [script: string, event: string],
  shell: string[],
  lease: Record<string, string>,
  shown = "",
) {
  // A function, since busybox's shell takes its own ip before one on PATH.
  const ip = `ip() {
  echo "ip $*" >>${dir}/log
  case "$*" in
    *show*) echo "${shown}" ;;
    *"via 172.31.1.1 "*) [ -e "${dir}/told" ] ;;
    *"replace 172.31.1.1/32"*) : >"${dir}/told" ;;
  esac
}
`;
  await Deno.mkdir(`${dir}/dhcp`, { recursive: true });
  await Deno.mkdir(`${dir}/lib`, { recursive: true });
  const place = (text: string) =>
    text.replaceAll("/usr/lib/psyopsos", `${dir}/lib`).replaceAll("/run/psyopsos", dir)
      .replaceAll("/etc/resolv.conf", `${dir}/resolv.conf`);
  const read = (name: string) => Deno.readTextFile(`${ROOT}usr/lib/psyopsos/${name}`);
  await Deno.writeTextFile(`${dir}/script`, ip + place(await read(script)));
  const writer = `#!/bin/sh\n${place(await read("resolv-conf"))}`;
  await Deno.writeTextFile(`${dir}/lib/resolv-conf`, writer, { mode: 0o755 });
  await Deno.writeTextFile(`${dir}/log`, "");
  await output([...shell, `${dir}/script`, event], { ...lease, interface: "eth9" });
  const log = (await Deno.readTextFile(`${dir}/log`)).trim().split("\n");
  const resolv = await Deno.readTextFile(`${dir}/resolv.conf`).catch(() => "");
  return { log: log.filter((line) => line !== "" && !line.includes("show")), resolv };
}

const LEASE = { ip: "10.0.2.15", mask: "24", router: "10.0.2.2", dns: "10.0.2.3 10.0.2.4" };
const FOUR = "udhcpc.script";

for (const { name, tools, command } of SHELLS) {
  const scriptTest = (
    title: string,
    body: (dir: string, shell: string[]) => Promise<void>,
  ) =>
    Deno.test({
      name: `${title} under ${name}`,
      ...needTool(...tools),
      fn: async () => {
        const dir = await Deno.makeTempDir();
        try {
          await body(dir, await command());
        } finally {
          await Deno.remove(dir, { recursive: true });
        }
      },
    });

  scriptTest(
    "udhcpc.script sets address, route and name servers, and takes them away",
    async (dir, shell) => {
      const bound = await dhcp(dir, [FOUR, "bound"], shell, { ...LEASE, domain: "lab.test" });
      assertEquals(bound.log, [
        "ip addr add 10.0.2.15/24 dev eth9",
        "ip route replace 0.0.0.0/0 via 10.0.2.2 dev eth9 metric 100 proto 16",
      ]);
      assertEquals(bound.resolv, "nameserver 10.0.2.3\nnameserver 10.0.2.4\n");
      const renewed = await dhcp(
        dir,
        [FOUR, "renew"],
        shell,
        LEASE,
        "2: eth9 inet 10.0.2.15/24 brd x",
      );
      assert(!renewed.log.some((line) => line.includes("addr")), "a renewal cuts nothing");
      const moved = await dhcp(dir, [FOUR, "renew"], shell, { ...LEASE, ip: "10.0.2.16" });
      assertEquals(moved.log.slice(0, 2), [
        "ip addr del 10.0.2.15/24 dev eth9",
        "ip addr add 10.0.2.16/24 dev eth9",
      ]);
      const deconfig = await dhcp(dir, [FOUR, "deconfig"], shell, {});
      assertEquals(deconfig.log, [
        "ip addr del 10.0.2.16/24 dev eth9",
        "ip route del 0.0.0.0/0 via 10.0.2.2 dev eth9",
        "ip link set eth9 up",
      ]);
    },
  );

  scriptTest(
    "udhcpc.script takes classless routes alone, and tells of a router that is outside",
    async (dir, shell) => {
      const staticroutes = "10.8.0.0/16 0.0.0.0 0.0.0.0/0 172.31.1.1";
      const given = { ...LEASE, staticroutes, msstaticroutes: "9.0.0.0/8 10.0.2.9" };
      const { log } = await dhcp(dir, [FOUR, "bound"], shell, given);
      assertEquals(log.slice(1), [
        "ip route replace 10.8.0.0/16 dev eth9 metric 100 proto 16",
        "ip route replace 0.0.0.0/0 via 172.31.1.1 dev eth9 metric 100 proto 16",
        "ip route replace 172.31.1.1/32 dev eth9 metric 100 proto 16",
        "ip route replace 0.0.0.0/0 via 172.31.1.1 dev eth9 metric 100 proto 16",
      ]);
      const microsoft = { ...LEASE, msstaticroutes: "9.0.0.0/8 10.0.2.9" };
      const other = await dhcp(dir, [FOUR, "renew"], shell, microsoft, " 10.0.2.15/24 ");
      assert(other.log.includes("ip route del 10.8.0.0/16 dev eth9"), "an old route stays");
      assertEquals(
        other.log.at(-1),
        "ip route replace 9.0.0.0/8 via 10.0.2.9 dev eth9 metric 100 proto 16",
      );
    },
  );

  scriptTest("udhcpc.script takes no more than it is to take", async (dir, shell) => {
    await Deno.mkdir(`${dir}/dhcp`);
    const settings = "metric 7\nroutes no\ndns no\nmtu no\noptions -x\n";
    await Deno.writeTextFile(`${dir}/dhcp/eth9.4.settings`, settings);
    const { log, resolv } = await dhcp(dir, [FOUR, "bound"], shell, { ...LEASE, mtu: "1280" });
    assertEquals([log, resolv], [["ip addr add 10.0.2.15/24 dev eth9"], ""]);
  });

  scriptTest(
    "udhcpc6.script sets an address and name servers, and takes them away",
    async (dir, shell) => {
      const lease = { ipv6: "fd00::20", dns: "fd00::1" };
      const bound = await dhcp(dir, ["udhcpc6.script", "bound"], shell, lease);
      assertEquals(bound.log, ["ip -6 addr replace fd00::20/128 dev eth9"]);
      assertEquals(bound.resolv, "nameserver fd00::1\n");
      const deconfig = await dhcp(dir, ["udhcpc6.script", "deconfig"], shell, {});
      assertEquals(deconfig.log[0], "ip -6 addr del fd00::20/128 dev eth9");
    },
  );

  scriptTest(
    "resolv-conf puts together what is configured, what leases say, and what came to help",
    async (dir, shell) => {
      await dhcp(dir, [FOUR, "bound"], shell, LEASE);
      const show = async () =>
        (await output([...shell, `${dir}/lib/resolv-conf`, "show"])).split("\n");
      const fixed = "search a.example\nnameserver 192.0.2.53\n";
      await Deno.writeTextFile(`${dir}/dhcp/resolv`, fixed);
      await Deno.writeTextFile(
        `${dir}/dhcp/lan.4.lease`,
        "metric 50\ndns 10.9.0.1\ndns 10.0.2.3\n",
      );
      assertEquals(await show(), [
        ...["search a.example", "nameserver 192.0.2.53", "nameserver 10.9.0.1"],
        ...["nameserver 10.0.2.3", "nameserver 10.0.2.4", ""],
      ]);
      await Deno.writeTextFile(`${dir}/dhcp/resolv`, `${fixed}dhcp no\n`);
      assertEquals(await show(), ["search a.example", "nameserver 192.0.2.53", ""]);
      await Deno.writeTextFile(`${dir}/dhcp/b.4.lease`, "metric 0\ndns 10.7.0.1\n");
      assertEquals((await show()).slice(1, 3), ["nameserver 10.7.0.1", "nameserver 192.0.2.53"]);
    },
  );
}

/**
 * A node in memory that every key of the configuration can be applied to: the fakes of all keys on one host. A key that
 * brings programs or files of its own adds its fake to the table.
 */
import { assert } from "@std/assert";
import { JUDGE } from "../../../agent/resources/validate.ts";
import { APPLIED_NAMES, type AppliedName, KEYS } from "../../../lib/config/mod.ts";
import { NAMES } from "../../support/config_arbitrary.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { fakeProc } from "../report/proc_fake.ts";
import { DoasFake } from "./doas_fake.ts";
import { filesHost } from "./files_fake.ts";
import { HostnameFake } from "./hostname_fake.ts";
import { KernelFake } from "./kernel_fake.ts";
import { NftFake } from "./nft_fake.ts";
import { ProcessesFake } from "./processes_fake.ts";
import { ROOT_FILES } from "./root_files.ts";
import { fakeScripts } from "./scripts_fake.ts";
import { SshFake } from "./ssh_fake.ts";
import { StorageFake } from "./storage_fake.ts";

/** What a key's programs are on the node; "none" for keys that need nothing but files. */
const FAKES: Readonly<Record<string, "none" | ((host: FakeHost) => void)>> = {
  kernel: fakeKernel,
  hostname: (host) => void new HostnameFake(host),
  hosts: "none",
  network: "none",
  dns: "none",
  ntp: "none",
  timezone: (host) => host.put("/usr/share/zoneinfo/Europe/Berlin", "TZif2"),
  groups: "none",
  users: (host) => void new ProcessesFake(host),
  doas: (host) => void new DoasFake(host),
  ssh: (host) => void new SshFake(host),
  directories: "none",
  files: fakeFiles,
  links: "none",
  scripts: "none",
  firewall: (host) => void new NftFake(host),
  storage: (host) => void new StorageFake(host),
};

/** The node. */
export function wholeNode(): FakeHost {
  const host = new FakeHost({
    ...ROOT_FILES,
    "/etc/shadow": `${ROOT_FILES["/etc/shadow"]}sshd:!::0:::::\n`,
    "/etc/hostname": "psyopsos\n",
    "/bin/ash": "",
  });
  host.nodes.get("/etc/shadow")!.mode = 0o640;
  fakeProc(host);
  for (const name of APPLIED_NAMES) {
    const fake = FAKES[name];
    assert(fake, `The key ${name} has no fake in tests/agent/resources/whole_node.ts: add it`);
    if (fake !== "none") fake(host);
  }
  for (const name of APPLIED_NAMES) if (NAMES.includes(name)) assertPrograms(host, name);
  host.log.length = 0;
  return host;
}

function assertPrograms(host: FakeHost, name: AppliedName): void {
  for (const program of KEYS[name].needs.programs) {
    assert(host.programs.has(program), `The key ${name} runs ${program}, which has no fake`);
  }
}

function fakeKernel(host: FakeHost): void {
  const kernel = new KernelFake(host);
  const settings = ["ipv4/ip_local_port_range", "bridge/bridge-nf-call-iptables"];
  for (const one of settings) kernel.files.set(`/proc/sys/net/${one}`, "1");
  kernel.files.set("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  kernel.files.set("/proc/sys/kernel/osrelease", "6.1.0");
  kernel.modules.set("br_netfilter", {});
  kernel.modules.set("nbd", { parameters: { nbds_max: { value: "16", access: "shown" } } });
}

/** The shell of the node judges files and runs scripts. */
function fakeFiles(host: FakeHost): void {
  const judging = filesHost();
  host.programs.set("ip", judging.programs.get("ip")!);
  const judge = judging.programs.get("/bin/sh")!;
  fakeScripts(host);
  const script = host.programs.get("/bin/sh")!;
  host.programs.set("/bin/sh", (args, options) => {
    if (args[1] !== JUDGE) return script(args, options);
    const copy = args[3]!.split(" ").at(-1)!;
    judging.put(copy, host.textOf(copy));
    return judge(args, options);
  });
}

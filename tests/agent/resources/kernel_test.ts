import { assertEquals } from "@std/assert";
import { kernel } from "../../../agent/resources/kernel.ts";
import { applier } from "../../../agent/resources/resource.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { KernelFake } from "./kernel_fake.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const SWAPPINESS = "/proc/sys/vm/swappiness";
const BRIDGE = "/proc/sys/net/bridge/bridge-nf-call-iptables";
const PORTS = "/proc/sys/net/ipv4/ip_local_port_range";
const PAGES = "/sys/kernel/mm/transparent_hugepage/enabled";
const KEY = "/proc/sys/net/ipv4/tcp_fastopen_key";
const MODPROBE = "/etc/modprobe.d/psyopsos.conf";
const { apply: act, observe } = applier("kernel", kernel);

function node(): { host: FakeHost; fake: KernelFake } {
  const host = new FakeHost({
    ...ROOT_FILES,
    "/lib/modules/6.1.0/modules.builtin": "kernel/fs/ext4/ext4.ko\nkernel/lib/crc-itu-t.ko\n",
  });
  const fake = new KernelFake(host);
  for (
    const [path, value] of [
      ["/proc/sys/kernel/osrelease", "6.1.0"],
      [SWAPPINESS, "60"],
      [PORTS, "32768\t60999"],
      [PAGES, "[always] madvise never"],
      [KEY, "0-0-0-0"],
    ] as const
  ) fake.files.set(path, value);
  fake.modules.set("br_netfilter", { brings: { [BRIDGE]: "1", [PORTS]: "32768\t60999" } });
  fake.modules.set("nbd", { parameters: { nbds_max: { value: "16", access: "shown" } } });
  fake.modules.set("dummy", { parameters: { numdummies: { value: "1", access: "hidden" } } });
  fake.modules.set("usb_storage", {
    parameters: { delay_use: { value: "1" }, swi_tru_install: { value: "Y" } },
  });
  return { host, fake };
}

/** The node on which `change` was done. */
function changed(change: (fake: KernelFake, host: FakeHost) => void) {
  const made = node();
  change(made.fake, made.host);
  return made;
}

const ALL: NodeConfig["kernel"] = {
  modules: { br_netfilter: {}, nbd: { parameters: { nbds_max: 4 } } },
  blacklist: { nouveau: true, "snd-hda-intel": true },
  sysctl: {
    "net.bridge.bridge-nf-call-iptables": 0,
    "net/ipv4/ip_local_port_range": "20000  60999",
    "vm.swappiness": "10",
  },
  sysfs: { "kernel.mm.transparent_hugepage.enabled": "madvise" },
};
const LOAD = ["load the module br_netfilter", "load the module nbd"];
const SET = [
  "set sysctl net.bridge.bridge-nf-call-iptables",
  "set sysctl net/ipv4/ip_local_port_range",
  "set sysctl vm.swappiness",
  "set sysfs kernel.mm.transparent_hugepage.enabled",
];
const BACK = [PAGES, BRIDGE, PORTS, SWAPPINESS].map((path) => `give ${path} its earlier value`);

askQuestions("kernel", {
  resource: kernel,
  host: () => node().host,
  cases: [
    { title: "is left alone where nothing is said", config: {}, steps: [] },
    {
      title: "loads modules with their parameters, then makes settings, those of modules included",
      config: { kernel: ALL },
      steps: [`write ${MODPROBE}`, ...LOAD, ...SET],
      check: (host) => {
        assertEquals(
          host.textOf(MODPROBE),
          "blacklist nouveau\nblacklist snd_hda_intel\noptions nbd nbds_max=4\n",
        );
        assertEquals(host.nodes.get(MODPROBE)!.mode, 0o600);
        assertEquals(host.nodes.get("/run/psyopsos/kernel.json")!.mode, 0o600);
      },
    },
    {
      title: "loads a module whose parameters don't show, and takes them for set",
      config: { kernel: { modules: { dummy: { parameters: { numdummies: 0 } } } } },
      steps: [`write ${MODPROBE}`, "load the module dummy"],
    },
    {
      title: "knows modules that are part of the kernel, by either spelling",
      before: {},
      config: { kernel: { modules: { ext4: {}, "crc-itu-t": {}, "br-netfilter": {} } } },
      steps: ["load the module br_netfilter"],
    },
    {
      title: "sets parameters of running modules that can change, however their values are told",
      before: { kernel: { modules: { "usb-storage": {} } } },
      config: {
        kernel: {
          modules: { "usb-storage": { parameters: { delay_use: "0x5", swi_tru_install: 0 } } },
        },
      },
      steps: [
        `write ${MODPROBE}`,
        "set the parameter delay_use of the module usb_storage",
        "set the parameter swi_tru_install of the module usb_storage",
      ],
    },
    {
      title: "sets again what a module has changed when it came",
      before: { kernel: { sysctl: { "net.ipv4.ip_local_port_range": "20000 60999" } } },
      config: {
        kernel: {
          modules: { br_netfilter: {} },
          sysctl: { "net.ipv4.ip_local_port_range": "20000 60999" },
        },
      },
      steps: ["load the module br_netfilter"],
    },
    {
      title: "gives what goes away its earlier value",
      before: { kernel: ALL },
      config: { kernel: { modules: { nbd: {} } } },
      steps: [`remove ${MODPROBE}`, ...BACK.toSorted()],
      unseen: true,
    },
    {
      title: "leaves nothing behind but modules",
      before: { kernel: ALL },
      config: {},
      steps: [`remove ${MODPROBE}`, ...BACK.toSorted()],
      check: (host) =>
        assertEquals(
          JSON.parse(host.textOf("/run/psyopsos/kernel.json")),
          { before: {}, loaded: { br_netfilter: "", nbd: "nbds_max=4" } },
        ),
    },
    {
      title: "keeps secrets out of steps, command lines and reports",
      config: { kernel: { sysctl: { "net.ipv4.tcp_fastopen_key": "5f-1a-2b-3c" } } },
      steps: ["set sysctl net.ipv4.tcp_fastopen_key"],
    },
  ],
});

Deno.test("kernel gives back what was there before the first change of this boot", async () => {
  const { host, fake } = node();
  for (const value of [10, 20]) {
    await settle(host, act, targetOf({ kernel: { sysctl: { "vm.swappiness": value } } }));
  }
  await settle(host, act, targetOf({}));
  assertEquals(fake.files.get(SWAPPINESS), "60");
});

Deno.test("kernel gives back what was there before the start of the system changed it", async () => {
  const { host, fake } = changed((fake, host) => {
    host.put("/run/psyopsos/kernel-before", `${SWAPPINESS} 60\n/etc/passwd x\n${PORTS} 1 2\n`);
    fake.files.set(SWAPPINESS, "10");
    fake.files.set(PORTS, "3\t4");
  });
  const config = { kernel: { sysctl: { "vm.swappiness": 10 } } };
  assertEquals(await settle(host, act, targetOf(config)), [`give ${PORTS} its earlier value`]);
  assertEquals(await settle(host, act, targetOf({})), [`give ${SWAPPINESS} its earlier value`]);
  assertEquals([fake.files.get(SWAPPINESS), fake.files.get(PORTS)], ["60", "1\t2"]);
});

Deno.test("kernel forgets a setting that is gone with its device", async () => {
  const { host, fake } = node();
  await settle(host, act, targetOf({ kernel: { sysctl: { "vm.swappiness": 10 } } }));
  fake.files.delete(SWAPPINESS);
  await settle(host, act, targetOf({}));
});

/** What applying a configuration of the key says, twice. */
async function troublesOf(
  { host }: { host: FakeHost },
  kernel: NodeConfig["kernel"],
): Promise<string[]> {
  const first = await apply(host, act, targetOf({ kernel }));
  const second = await apply(host, act, targetOf({ kernel }));
  assertEquals(second.steps, [], "a second round changes nothing");
  assertEquals(second.troubles, first.troubles.slice(-second.troubles.length));
  return first.troubles.map(({ message }) => message);
}

const PARAMETER = { modules: { nbd: { parameters: { nbds_max: 4 } } } };
const CANNOT = "Cannot set the parameter nbds_max of the module nbd: " +
  "it can't change while the module runs: ";

Deno.test("kernel says what a parameter needs that can't change while its module runs", async () => {
  const running = (change: (fake: KernelFake, host: FakeHost) => void = () => {}) =>
    changed((fake, host) => {
      fake.load("nbd");
      change(fake, host);
    });
  const says = async (made: { host: FakeHost }) => await troublesOf(made, PARAMETER);
  assertEquals(await says(running()), [`${CANNOT}needs a reboot`]);
  const early = running((_, host) => host.put("/run/psyopsos/early-modules", "virtio_blk\nnbd\n"));
  const needsImage = "needs the image, because the module is there before the drive is found";
  assertEquals(await says(early), [CANNOT + needsImage]);
  const builtIn = running((fake, host) => {
    fake.files.delete("/sys/module/nbd/initstate");
    host.put("/lib/modules/6.1.0/modules.builtin", "kernel/drivers/block/nbd.ko\n");
  });
  assertEquals(await says(builtIn), [CANNOT + needsImage]);
  const kept = running((_, host) =>
    host.put("/run/psyopsos/kernel-kept", "psyopsos-kernel 1\noptions nbd nbds_max=4\nend\n")
  );
  assertEquals(await says(kept), [`${CANNOT}this boot has started with it, and it did not help`]);
});

Deno.test("kernel does not give a parameter back that it never changed", async () => {
  const { host } = changed((fake) => fake.load("nbd"));
  await apply(host, act, targetOf({ kernel: PARAMETER }));
  assertEquals(await settle(host, act, targetOf({})), [`remove ${MODPROBE}`]);
});

Deno.test("kernel takes hidden parameters for set where this boot has started with them, and where not, not", async () => {
  const config = { modules: { dummy: { parameters: { numdummies: 0 } } } };
  const made = (kept: string) =>
    changed((fake, host) => {
      fake.load("dummy");
      host.put(MODPROBE, "options dummy numdummies=0\n");
      host.put("/run/psyopsos/kernel-kept", kept);
    });
  assertEquals(await troublesOf(made("options dummy numdummies=0\n"), config), []);
  assertEquals(await troublesOf(made(""), config), [
    "Cannot set the parameter numdummies of the module dummy: it can't change while the module runs: needs a reboot",
  ]);
});

Deno.test("kernel names parameters that a module has not got, loaded or to be loaded", async () => {
  const config = { modules: { nbd: { parameters: { nbd_max: 4 } } } };
  const says = [
    "Cannot set the parameter nbd_max of the module nbd: the module has no such parameter",
  ];
  const { host } = node();
  const messages = async () =>
    (await apply(host, act, targetOf({ kernel: config }))).troubles.map(({ message }) => message);
  assertEquals(await messages(), says);
  assertEquals(await messages(), says);
});

Deno.test("kernel names modules that are not there, and those that bear another name", async () => {
  const made = changed((fake) => {
    fake.modules.set("fs-ext4", {});
    fake.load = ((load) => (name) => name === "fs_ext4" ? {} : load.call(fake, name))(fake.load);
  });
  assertEquals(await troublesOf(made, { modules: { nope: {}, "fs-ext4": {} } }), [
    "Cannot load the module fs_ext4: no module bears this very name",
    "Cannot load the module nope: modprobe: module nope not found in modules.dep",
  ]);
});

Deno.test("kernel says when a driver that is to be left alone is there", async () => {
  const config = { blacklist: { nbd: true as const } };
  const made = () => changed((fake) => fake.load("nbd"));
  const says = "Cannot leave the driver nbd alone: it is in the kernel: ";
  assertEquals(await troublesOf(made(), config), [`${says}needs a reboot`]);
  const kept = made();
  kept.host.put("/run/psyopsos/kernel-kept", "blacklist nbd\n");
  assertEquals(await troublesOf(kept, config), [
    `${says}this boot has started with it, and it did not help`,
  ]);
  const tried = made();
  tried.host.put("/run/psyopsos/identity/state/kernel-tried.conf", "blacklist nbd\n");
  assertEquals(await troublesOf(tried, config), [
    `${says}no site answered in the boot that tried it; change the key, and it is tried again`,
  ]);
  const told = await observe(kept.host, targetOf({ kernel: config }));
  assertEquals(told, [{ what: "driver nbd", is: "loaded" }]);
});

Deno.test("kernel is never silent about a setting that does not come to be", async () => {
  const made = changed((fake) => {
    fake.fixed.add(PORTS);
    fake.refused.add("wrong");
    fake.stubborn.add(SWAPPINESS);
  });
  const sysctl = {
    "kernel.nope": 1,
    "net.ipv4.ip_local_port_range": "1 2",
    "net.ipv4.tcp_fastopen_key": "wrong",
    "vm.swappiness": 10,
  };
  assertEquals(await troublesOf(made, { sysctl }), [
    "Cannot set sysctl kernel.nope: the kernel has no such setting that can be read; it may come with a module that is not loaded",
    "Cannot set sysctl net.ipv4.ip_local_port_range: it can't be set",
    "Cannot set sysctl net.ipv4.tcp_fastopen_key: the kernel does not take this value",
    "Cannot set sysctl vm.swappiness: the kernel has made another value of it",
  ]);
});

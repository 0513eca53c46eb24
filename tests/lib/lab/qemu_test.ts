import { assert, assertEquals } from "@std/assert";
import { type MachineSpec, qemuCommand } from "../../../lib/lab/qemu.ts";

const SPEC: MachineSpec = {
  name: "alpha",
  memoryMiB: 1024,
  cpus: 2,
  accelerator: "tcg",
  boot: { kind: "firmware", code: "/fw/CODE.fd", vars: "w/vars.fd" },
  drives: [
    { id: "disk", file: "a,b/disk.img", bus: "virtio", bootIndex: 1, readonly: true },
    { id: "identity", file: "id.img", bus: "usb", snapshot: true },
  ],
  network: "user",
  forwards: [{ host: 2201, guest: 22 }],
};
const PATHS = { qmp: "/tmp/x/qmp", consoleLog: "w/console.log" };

/** Values of every `name` option. */
function values(command: string[], name: string): string[] {
  return command.flatMap((word, i) => word === name ? [command[i + 1] ?? ""] : []);
}

Deno.test("qemuCommand() gives firmware, drives that can be unplugged, and a private network", () => {
  const command = qemuCommand(SPEC, PATHS);
  assertEquals(values(command, "-drive"), [
    "if=pflash,format=raw,unit=0,readonly=on,file=/fw/CODE.fd",
    "if=pflash,format=raw,unit=1,file=w/vars.fd",
    "if=none,id=disk-file,format=raw,file=a,,b/disk.img,readonly=on",
    "if=none,id=identity-file,format=raw,file=id.img,snapshot=on",
  ]);
  assertEquals(values(command, "-device"), [
    "qemu-xhci,id=usb",
    "pcie-root-port,id=port-disk,chassis=1,slot=1",
    "virtio-blk-pci,id=disk,bus=port-disk,drive=disk-file,bootindex=1",
    "usb-storage,id=identity,bus=usb.0,drive=identity-file",
    "virtio-net-pci,netdev=net,romfile=",
  ]);
  assertEquals(values(command, "-netdev"), ["user,id=net,hostfwd=tcp:127.0.0.1:2201-:22"]);
  assertEquals(values(command, "-m"), ["1024"]);
});

Deno.test("qemuCommand() starts a clock where it is told to", () => {
  const set = qemuCommand({ ...SPEC, clock: new Date("2000-01-01T00:00:00Z") }, PATHS);
  assertEquals(set[set.indexOf("-rtc") + 1], "base=2000-01-01T00:00:00");
  assertEquals(qemuCommand(SPEC, PATHS).includes("-rtc"), false);
});

Deno.test("qemuCommand() boots a kernel directly, on a dead wire or with no card", () => {
  const boot = { kind: "kernel", kernel: "k", initrd: "i", cmdline: "console=ttyS0 a=b" } as const;
  const dead = qemuCommand({ ...SPEC, boot, drives: [], network: "dead" }, PATHS);
  assertEquals(values(dead, "-append"), ["console=ttyS0 a=b"]);
  assertEquals(values(dead, "-netdev"), [
    "hubport,id=net,hubid=0",
    "user,id=uplink,hostfwd=tcp:127.0.0.1:2201-:22",
    "hubport,id=uplink-port,hubid=0,netdev=uplink",
  ]);
  assertEquals(values(dead, "-drive"), []);
  const none = qemuCommand({ ...SPEC, boot, drives: [], network: "none" }, PATHS);
  assert(!none.includes("-netdev"));
});

Deno.test("qemuCommand() has a card for each wire to another machine", () => {
  const wires = [{ id: "w0", mac: "52:54:00:aa:00:01", local: 5001, remote: 5002 }];
  const command = qemuCommand({ ...SPEC, wires }, PATHS);
  assertEquals(
    values(command, "-netdev").at(-1),
    "dgram,id=w0-wire,local.type=inet,local.host=127.0.0.1,local.port=5001," +
      "remote.type=inet,remote.host=127.0.0.1,remote.port=5002",
  );
  assertEquals(
    values(command, "-device").at(-1),
    "virtio-net-pci,netdev=w0-wire,id=w0,mac=52:54:00:aa:00:01,romfile=",
  );
});

Deno.test("qemuCommand() asks KVM for the host's own CPU", () => {
  assertEquals(values(qemuCommand({ ...SPEC, accelerator: "kvm" }, PATHS), "-cpu"), ["host"]);
  assertEquals(values(qemuCommand(SPEC, PATHS), "-cpu"), []);
});

/**
 * QEMU's command line for a lab machine: pure, so that it can be read and tested without QEMU.
 *
 * Supported: x86_64 (q35) with OVMF from a disk image, or a kernel booted directly; drives on virtio or USB; one network
 * card with QEMU's user network (the host's 127.0.0.1 is the guest's 10.0.2.2) or on a wire that leads nowhere, others on wires to
 * other machines. The
 * firmware's variables and every drive are files of this machine alone.
 *
 * @module
 */

/** A drive of a machine. `id` names its device over QMP. */
export interface DriveSpec {
  id: string;
  /** Raw image file. */
  file: string;
  /** virtio drives sit behind a port of their own so that they can be unplugged; USB ones on an xHCI controller. */
  bus: "virtio" | "usb";
  readonly?: boolean;
  /** What a virtio drive says is its serial number, at most 20 characters. */
  serial?: string;
  /** What the machine writes is forgotten at its end, so that machines can share the file. */
  snapshot?: boolean;
  /** Not in its place yet: Machine.plug() puts it there. */
  unplugged?: boolean;
  /** Order in which the firmware tries to boot it; left out for one it must not boot. */
  bootIndex?: number;
}

/** What a machine starts with. */
export type BootSpec =
  | { kind: "firmware"; code: string; vars: string }
  | { kind: "kernel"; kernel: string; initrd: string; cmdline: string };

/**
 * One end of a cable between two machines, by UDP on loopback: they start in any order, and each may end at any time. `id` names
 * the card over QMP (set_link).
 */
export interface WireSpec {
  id: string;
  /** MAC address of the card. */
  mac: string;
  /** UDP ports of this end and of the other one. */
  local: number;
  remote: number;
}

/** A machine. */
export interface MachineSpec {
  name: string;
  memoryMiB: number;
  cpus: number;
  /** "kvm" where the machine has it; "tcg" works everywhere. */
  accelerator: "kvm" | "tcg";
  boot: BootSpec;
  drives: readonly DriveSpec[];
  /**
   * "user": QEMU's DHCP, DNS and NAT; "dead": a card on a hub whose uplink Machine.start() takes down, so that its link is
   * there and nobody answers; "none": no card.
   */
  network: "user" | "dead" | "none";
  /** Cables to other machines, each on a card of its own behind the first. */
  wires?: readonly WireSpec[];
  /** What the machine's clock shows at its start, in UTC; default the host's time. */
  clock?: Date;
  /** TCP ports of 127.0.0.1 that lead into the guest. */
  forwards?: readonly { host: number; guest: number }[];
}

/** Files QEMU makes for a running machine. */
export interface MachinePaths {
  /** Unix socket of the control protocol. */
  qmp: string;
  /** Everything the serial console said. */
  consoleLog: string;
}

/** The address at which guests reach the host's 127.0.0.1. */
export const HOST_FROM_GUEST = "10.0.2.2";

/** Name of the way from the hub of a dead network to QEMU's network. */
export const UPLINK = "uplink";

/** The whole command, program first. */
export function qemuCommand(spec: MachineSpec, paths: MachinePaths): string[] {
  return [
    "qemu-system-x86_64",
    ...["-name", spec.name, "-nodefaults", "-no-user-config", "-display", "none"],
    ...["-machine", "q35", "-accel", accelerator(spec.accelerator)],
    ...(spec.accelerator === "kvm" ? ["-cpu", "host"] : []),
    ...["-smp", String(spec.cpus), "-m", String(spec.memoryMiB)],
    ...["-chardev", `stdio,id=console,signal=off,logfile=${escapeValue(paths.consoleLog)}`],
    ...["-serial", "chardev:console"],
    ...["-qmp", `unix:${escapeValue(paths.qmp)},server=on,wait=off`],
    ...(spec.clock ? ["-rtc", `base=${spec.clock.toISOString().slice(0, 19)}`] : []),
    ...bootOptions(spec.boot),
    ...driveOptions(spec.drives),
    ...networkOptions(spec),
    ...wireOptions(spec.wires ?? []),
  ];
}

/** A comma in a value of QEMU's options is doubled. */
export function escapeValue(value: string): string {
  return value.replaceAll(",", ",,");
}

function accelerator(kind: MachineSpec["accelerator"]): string {
  return kind === "kvm" ? "kvm" : "tcg,thread=multi";
}

function bootOptions(boot: BootSpec): string[] {
  if (boot.kind === "kernel") {
    return ["-kernel", boot.kernel, "-initrd", boot.initrd, "-append", boot.cmdline];
  }
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${escapeValue(boot.code)}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${escapeValue(boot.vars)}`],
  ];
}

function driveOptions(drives: readonly DriveSpec[]): string[] {
  const options: string[] = [];
  if (drives.some((drive) => drive.bus === "usb")) options.push("-device", "qemu-xhci,id=usb");
  for (const [i, drive] of drives.entries()) {
    const file = `if=none,id=${drive.id}-file,format=raw,file=${escapeValue(drive.file)}`;
    const access = (drive.readonly ? ",readonly=on" : "") + (drive.snapshot ? ",snapshot=on" : "");
    options.push("-drive", file + access);
    if (drive.bus === "virtio") {
      // The root complex itself can't be unplugged from: each disk gets a port.
      options.push("-device", `pcie-root-port,id=port-${drive.id},chassis=${i + 1},slot=${i + 1}`);
    }
    if (drive.unplugged) continue;
    const { driver, ...properties } = driveDevice(drive);
    const words = Object.entries(properties).map(([key, value]) => `,${key}=${value}`);
    options.push("-device", driver + words.join(""));
  }
  return options;
}

/** A drive as a device, for the command line and for QMP's device_add. */
export function driveDevice(
  drive: DriveSpec,
): { driver: string } & Record<string, string | number> {
  return {
    driver: drive.bus === "usb" ? "usb-storage" : "virtio-blk-pci",
    id: drive.id,
    bus: drive.bus === "usb" ? "usb.0" : `port-${drive.id}`,
    drive: `${drive.id}-file`,
    ...(drive.serial === undefined ? {} : { serial: drive.serial }),
    ...(drive.bootIndex === undefined ? {} : { bootindex: drive.bootIndex }),
  };
}

function networkOptions(spec: MachineSpec): string[] {
  if (spec.network === "none") return [];
  const forwards = (spec.forwards ?? []).map(({ host, guest }) =>
    `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`
  );
  const user = `user,id=${spec.network === "user" ? "net" : UPLINK}${forwards.join("")}`;
  const backends = spec.network === "user" ? [user] : [
    "hubport,id=net,hubid=0",
    user,
    `hubport,id=${UPLINK}-port,hubid=0,netdev=${UPLINK}`,
  ];
  // Without an option ROM the firmware does not try to boot from the network.
  return [
    ...backends.flatMap((backend) => ["-netdev", backend]),
    "-device",
    "virtio-net-pci,netdev=net,romfile=",
  ];
}

function wireOptions(wires: readonly WireSpec[]): string[] {
  const end = (name: string, port: number) =>
    `${name}.type=inet,${name}.host=127.0.0.1,${name}.port=${port}`;
  return wires.flatMap(({ id, mac, local, remote }) => [
    ...["-netdev", `dgram,id=${id}-wire,${end("local", local)},${end("remote", remote)}`],
    ...["-device", `virtio-net-pci,netdev=${id}-wire,id=${id},mac=${mac},romfile=`],
  ]);
}

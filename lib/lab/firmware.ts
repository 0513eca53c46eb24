/**
 * Where distributions keep the UEFI firmware for QEMU, and whether this machine's KVM can be relied on.
 *
 * @module
 */
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Code and variable store that belong together. */
export interface Firmware {
  code: string;
  /** A template: every machine gets its own copy. */
  vars: string;
}

/** In the order of preference; without Secure Boot's enrolled keys, since the lab's boot loader is not signed. */
const KNOWN: readonly Firmware[] = [
  // Debian, Ubuntu
  { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", vars: "/usr/share/OVMF/OVMF_VARS_4M.fd" },
  { code: "/usr/share/OVMF/OVMF_CODE.fd", vars: "/usr/share/OVMF/OVMF_VARS.fd" },
  // Arch
  { code: "/usr/share/edk2/x64/OVMF_CODE.4m.fd", vars: "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
  // Fedora
  { code: "/usr/share/edk2/ovmf/OVMF_CODE.fd", vars: "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
  // Homebrew
  {
    code: "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
    vars: "/opt/homebrew/share/qemu/edk2-i386-vars.fd",
  },
];

/** @throws {UserError} with `EXIT.missing` when none of the known places has it. */
export async function findFirmware(host: Host): Promise<Firmware> {
  for (const firmware of KNOWN) {
    if (await host.stat(firmware.code) && await host.stat(firmware.vars)) return firmware;
  }
  throw new UserError("boot a machine", "no UEFI firmware for QEMU found", {
    exitCode: EXIT.missing,
    hint: "sudo apt-get install -y ovmf",
  });
}

/** KVM answers this at once where it works; where it can't give even a plain CPU it isn't trusted. */
const PROBE_TIMEOUT_MS = 5_000;

/**
 * "kvm" only when the CPU says it can, /dev/kvm opens, and KVM can give every feature of QEMU's plainest CPU: some
 * nested set-ups open fine and then hang the guest.
 */
export async function findAccelerator(host: Host): Promise<"kvm" | "tcg"> {
  // By a program: Deno itself reads /proc and /dev only when it may do everything.
  const flags = await host.run(["grep", "-qwE", "^flags.*(vmx|svm)", "/proc/cpuinfo"]);
  if (flags.code !== 0) return "tcg";
  const probe = await host.run([
    "qemu-system-x86_64",
    ...["-machine", "q35", "-accel", "kvm", "-cpu", "qemu64,enforce"],
    ...["-nodefaults", "-display", "none", "-S", "-qmp", "stdio"],
  ], {
    stdin: '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n',
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  return probe.code === 0 ? "kvm" : "tcg";
}

/**
 * What a machine is made of: processor, memory, disks, network cards, firmware. A small program of the image reads it, since
 * files below /proc and /sys are closed to the agent.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { MACHINE } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";

/** A disk with a device behind it; sizes in bytes. */
export interface DiskFacts {
  name: string;
  bytes: number;
  model?: string;
  serial?: string;
  wwid?: string;
  removable: boolean;
}

/** A network card. */
export interface CardFacts {
  name: string;
  mac: string;
  driver?: string;
  state: string;
  /** Of a link that is up, in Mbit/s. */
  speedMbit?: number;
}

/** What a machine is made of. */
export interface MachineFacts {
  cpu: { model: string; threads: number };
  memoryKiB: number;
  firmware: Record<string, string>;
  disks: DiskFacts[];
  interfaces: CardFacts[];
}

/** Bytes in the unit of a disk's size in /sys, whatever its own. */
const SECTOR_BYTES = 512;

/** Asks the machine. @throws {UserError} */
export async function readMachine(host: Host): Promise<MachineFacts> {
  return parseMachine(await runOk(host, "ask the machine what it is made of", [MACHINE]));
}

/** Reads the program's lines: a path, a tab, and a line of the file at it. */
export function parseMachine(output: string): MachineFacts {
  const facts = new Map<string, string[]>();
  for (const line of output.split("\n")) {
    const [path, text] = splitOnce(line, "\t");
    if (text === undefined) continue;
    facts.set(path, [...facts.get(path) ?? [], text.trim()]);
  }
  const one = (path: string) => facts.get(path)?.[0] || undefined;
  const names = (folder: string) => [
    ...new Set(
      [...facts.keys()].filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split("/")[0]!),
    ),
  ];
  return {
    cpu: cpuOf(facts.get("/proc/cpuinfo") ?? []),
    memoryKiB: Number(/(\d+) kB/.exec(valueOf(facts.get("/proc/meminfo") ?? [], "MemTotal"))?.[1]),
    firmware: given({
      kind: one("/sys/firmware/efi") ?? "BIOS or none",
      vendor: one("/sys/class/dmi/id/sys_vendor"),
      product: one("/sys/class/dmi/id/product_name") ?? one("/sys/firmware/devicetree/base/model"),
      serial: one("/sys/class/dmi/id/product_serial") ??
        one("/sys/firmware/devicetree/base/serial-number"),
      version: one("/sys/class/dmi/id/bios_version"),
      date: one("/sys/class/dmi/id/bios_date"),
    }),
    disks: names("/sys/block").map((name) => {
      const at = (file: string) => one(`/sys/block/${name}/${file}`);
      return given({
        name,
        bytes: Number(at("size") ?? 0) * SECTOR_BYTES,
        model: at("device/model"),
        serial: at("serial") ?? at("device/serial") ?? at("device/vpd_pg80"),
        wwid: at("wwid") ?? at("device/wwid"),
        removable: at("removable") === "1",
      });
    }),
    interfaces: names("/sys/class/net").map((name) => {
      const at = (file: string) => one(`/sys/class/net/${name}/${file}`);
      const driver = one(`link /sys/class/net/${name}/device/driver`);
      const speed = Number(at("speed") ?? -1);
      return given({
        name,
        mac: at("address") ?? "",
        driver: driver?.slice(driver.lastIndexOf("/") + 1),
        state: at("operstate") ?? "unknown",
        speedMbit: speed > 0 ? speed : undefined,
      });
    }),
  };
}

function cpuOf(lines: readonly string[]): MachineFacts["cpu"] {
  const model = valueOf(lines, "model name") || valueOf(lines, "Hardware") || "unknown";
  return { model, threads: lines.filter((line) => /^processor\s*:/.test(line)).length };
}

/** What follows "<name> :" in the first line that has it, "" for none. */
function valueOf(lines: readonly string[], name: string): string {
  const [, value = ""] = lines.map((line) => splitOnce(line, ":"))
    .find(([key]) => key.trim() === name) ?? [];
  return value.trim();
}

function splitOnce(line: string, by: string): [string, string | undefined] {
  const at = line.indexOf(by);
  return at < 0 ? [line, undefined] : [line.slice(0, at), line.slice(at + 1)];
}

/** `facts` without those that are undefined. */
function given<Facts extends object>(
  facts: Facts,
): { [Name in keyof Facts]: NonNullable<Facts[Name]> } {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as { [Name in keyof Facts]: NonNullable<Facts[Name]> };
}

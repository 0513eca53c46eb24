/**
 * Disks and partitions as the kernel shows them, and what is on them. They are told apart by what stands below /sys, since
 * links in /dev/disk may lead to whatever came last.
 *
 * @module
 */
import * as v from "valibot";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { STORAGE } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";

/** A MiB in sectors of 512 bytes, in which the kernel counts. */
export const MIB_SECTORS = 2048;

/** A disk or a partition. */
export interface Device {
  /** As the kernel calls it, e.g. vdb or nvme0n1p2; it may be another one's at the next boot. */
  name: string;
  /** Of a partition: the disk that it is on, and its number there. */
  disk?: string;
  partition?: number;
  sectors: number;
  isRemovable: boolean;
  isUsb: boolean;
  isReadOnly: boolean;
  serial: string;
  model: string;
  /** Below /sys/devices. */
  path: string;
  /** What is made of it: names of mapped devices, or kernel names of others. */
  holders: readonly string[];
}

/** One thing that wipefs knows. */
export interface Signature {
  /** E.g. ext4, gpt, crypto_LUKS. */
  type: string;
  /** In lower case. */
  uuid?: string;
  label?: string;
}

/** What is on a device. */
export interface Content {
  /** Whether nothing but zeros was found where it was looked. */
  isBlank: boolean;
  /** Label of the volume that was begun to be made here and is not done. */
  mark?: string;
  signatures: readonly Signature[];
  /** Why that is not known: what is left out or empty above says nothing then. */
  unreadable?: string;
}

/** A device with what is on it. */
export interface Found extends Device {
  content: Content;
}

/** All disks and partitions of the node that can hold a volume. @throws {UserError} */
export async function readDevices(host: Host): Promise<Device[]> {
  return parseDevices(await runOk(host, "see what disks there are", [STORAGE, "disks"]));
}

/** What `storage disks` prints. */
export function parseDevices(text: string): Device[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [
      name = "",
      disk = "",
      number = "",
      sectors,
      removable,
      usb,
      readOnly,
      serial,
      model,
      ...rest
    ] = line.split("\t");
    const [path = "", holders = ""] = rest;
    return {
      name,
      ...disk !== "" && { disk, partition: Number(number) },
      sectors: Number(sectors),
      isRemovable: removable === "1",
      isUsb: usb === "1",
      isReadOnly: readOnly === "1",
      serial: serial ?? "",
      model: model ?? "",
      path,
      holders: holders.split(" ").filter((one) => one !== ""),
    };
  });
}

/** What is on all of `devices`; one that can't be read keeps no other from being used. */
export async function readContents(host: Host, devices: readonly Device[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const device of devices) {
    const content = await readContent(host, device.name).catch((error): Content => {
      if (!(error instanceof UserError)) throw error;
      return { isBlank: false, signatures: [], unreadable: error.state };
    });
    found.push({ ...device, content });
  }
  return found;
}

/** What is on the device of this name. @throws {UserError} where it can't be read. */
export async function readContent(host: Host, name: string): Promise<Content> {
  const signatures = await readSignatures(host, `/dev/${name}`);
  const lines = (await runOk(host, `read ${name}`, [STORAGE, "blank", name])).split("\n");
  const mark = lines.find((line) => line.startsWith("mark "))?.slice("mark ".length);
  return {
    isBlank: lines.includes("blank yes"),
    ...mark !== undefined && { mark },
    signatures,
  };
}

const text = v.nullish(v.string());
const wipefsSchema = v.object({
  signatures: v.array(v.object({ type: v.string(), uuid: text, label: text })),
});

/** What wipefs knows of a device, given by its path; each thing once. @throws {UserError} */
export async function readSignatures(host: Host, path: string): Promise<Signature[]> {
  const doing = `see what is on ${path}`;
  const output = await runOk(host, doing, ["wipefs", "--no-act", "--json", path]);
  // It prints nothing where it finds nothing.
  if (output.trim() === "") return [];
  let told: v.InferOutput<typeof wipefsSchema>;
  try {
    told = v.parse(wipefsSchema, JSON.parse(output));
  } catch {
    throw new UserError(doing, "wipefs says it in another form than the agent knows");
  }
  const all = told.signatures.map(({ type, uuid, label }): Signature => ({
    type,
    ...uuid && { uuid: uuid.toLowerCase() },
    ...label && { label },
  }));
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

/** A signature in words. */
export function describeSignature({ type, uuid, label }: Signature): string {
  const told = [
    label === undefined ? [] : `label ${JSON.stringify(label)}`,
    uuid === undefined ? [] : `UUID ${uuid}`,
  ];
  const more = told.flat().join(", ");
  return more === "" ? type : `${type} (${more})`;
}

/**
 * Copies a drive image onto a real device: asks first, refuses what is in use, reads back what was written.
 *
 * @module
 */
import * as v from "valibot";
import { text } from "../bytes.ts";
import { complaintOf } from "../complaint.ts";
import { EXIT, UserError } from "../errors.ts";
import { type Host, NO_PROGRAM } from "../host.ts";

const mountpoints = v.optional(v.array(v.nullable(v.string())), []);
// Loose, so that what lies on a partition (RAID, encryption) is seen.
const partSchema = v.looseObject({ name: v.string(), type: v.string(), mountpoints });
const deviceSchema = v.object({
  blockdevices: v.pipe(
    v.array(v.object({
      name: v.string(),
      type: v.string(),
      size: v.number(),
      ro: v.boolean(),
      rm: v.boolean(),
      hotplug: v.boolean(),
      model: v.optional(v.nullable(v.string())),
      mountpoints,
      children: v.optional(v.array(partSchema), []),
    })),
    v.length(1),
  ),
});

/** The type in a file's mode, as stat(2) has it. */
const TYPE_MASK = 0o170000;
const LINK = 0o120000;
const BLOCK = 0o060000;

/** A device that may be written to. */
export interface Device {
  path: string;
  /** Bytes. */
  size: number;
  /** "Kingston DataTraveler, 15.5 GB, 2 partitions"; for the question. */
  description: string;
}

/** Options of {@linkcode inspectDevice}. */
export interface InspectOptions {
  /** Bytes that must fit. */
  need: number;
  /** Also take a device that is not removable. */
  fixed?: boolean;
}

/**
 * What `path` is, if it may be overwritten.
 *
 * @throws {UserError} when it is no block device, read-only, too small, in use, or (without `fixed`) not removable.
 */
export async function inspectDevice(
  host: Host,
  path: string,
  options: InspectOptions,
): Promise<Device> {
  const fail = (state: string, hint?: string) => new UserError(`write to ${path}`, state, { hint });
  if (!/^\/dev\/[A-Za-z0-9][A-Za-z0-9/_.:-]*$/.test(path) || path.includes("..")) {
    throw fail("it must be a path below /dev");
  }
  // By programs alone: Deno opens nothing below /dev without all permissions.
  const found = await host.run(["stat", "--format=%f", path]);
  if (found.code === NO_PROGRAM) throw missing(path, "stat", "coreutils");
  if (found.code !== 0) throw fail("there is no such device");
  const type = parseInt(text(found.stdout), 16) & TYPE_MASK;
  if (type === LINK) throw fail("it is a link", "name the device itself, e.g. /dev/sdb");
  if (type !== BLOCK) throw fail("it is no block device");
  const columns = "NAME,TYPE,SIZE,RO,RM,HOTPLUG,MODEL,MOUNTPOINTS";
  const result = await host.run(["lsblk", "--json", "--bytes", "--output", columns, path]);
  if (result.code === NO_PROGRAM) throw missing(path, "lsblk", "util-linux");
  const listed = v.safeParse(deviceSchema, result.code === 0 ? json(text(result.stdout)) : null);
  if (!listed.success) throw fail("lsblk does not tell what it is");
  const device = listed.output.blockdevices[0]!;
  if (device.ro) throw fail("it is read-only");
  if (device.size < options.need) {
    throw fail(`it has ${device.size} bytes, ${options.need} are needed`);
  }
  for (const part of [device, ...device.children]) {
    const place = part.mountpoints.find((mounted) => mounted !== null);
    if (place !== undefined) {
      throw fail(`/dev/${part.name} is in use at ${place}`, `umount /dev/${part.name}`);
    }
  }
  const user = device.children.find((part) => part.type !== "part" || "children" in part);
  if (user) throw fail(`/dev/${user.name} is in use by another device`);
  if (!device.rm && !device.hotplug && !options.fixed) {
    throw fail("it is not removable", "--yes writes to it all the same, without a question");
  }
  const parts = device.children.length;
  const description = [
    device.model?.trim() || device.type,
    `${(device.size / 1e9).toFixed(1)} GB`,
    ...(parts > 0 ? [`${parts} partition${parts > 1 ? "s" : ""}`] : []),
  ].join(", ");
  return { path, size: device.size, description };
}

/** Copies `image` onto the device, from its first byte, and compares. All that was on the device is lost. */
export async function writeDevice(host: Host, image: string, device: Device): Promise<void> {
  const info = await host.stat(image);
  const fail = (state: string) => new UserError(`write to ${device.path}`, state);
  const step = async (command: string[], doing: string) => {
    const result = await host.run(command);
    if (result.code !== 0) throw fail(`${doing} failed: ${complaintOf(result)}`);
  };
  // Old signatures would make the device look like something else.
  await step(["wipefs", "--all", "--quiet", device.path], "wiping");
  await step(
    ["dd", `if=${image}`, `of=${device.path}`, "bs=1M", "conv=fsync", "status=none"],
    "writing",
  );
  await step(["blockdev", "--flushbufs", device.path], "flushing");
  await step(["cmp", "--bytes", String(info?.size ?? 0), image, device.path], "reading back");
}

function missing(path: string, program: string, debianPackage: string): UserError {
  return new UserError(`write to ${path}`, `${program} is missing`, {
    exitCode: EXIT.missing,
    hint: `it is in the package ${debianPackage}`,
  });
}

function json(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return null;
  }
}

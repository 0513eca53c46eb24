/**
 * The key `storage`: volumes on disks, other mounts, swap.
 *
 * @module
 */
import * as v from "valibot";
import { anyText, openMapping } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";
import { parentsOf } from "./owners.ts";
import { storageSchema } from "./storage_fields.ts";
import { type FILE_SYSTEMS, MAX_LABEL, NEW } from "./storage_volume.ts";

/** The agent's program for what the kernel shows as files, and for disks. */
const HELPER = "/usr/lib/psyopsos/storage";

/** Which disk is meant; all that is there must hold. */
export interface DiskChoice {
  serial?: string;
  model?: string;
  path?: string;
  minSizeGiB?: number;
  label?: string;
  /** In lower case. */
  uuid?: string;
  empty?: true;
}

/** A volume as it is wanted. */
export interface WantedVolume {
  name: string;
  disk: DiskChoice;
  partition?: number;
  filesystem: typeof FILE_SYSTEMS[number];
  label: string;
  mount: string;
  options: readonly string[];
  luks?: { key: string; oldKeys: readonly string[] };
  /** In lower case. */
  wipe?: string;
  optional: boolean;
}

/** Another mount as it is wanted. */
export type WantedMount =
  & { path: string; options: readonly string[] }
  & ({ bind: string } | { bind?: undefined; type: string; device: string });

/** Swap as it is wanted. */
export interface WantedSwap {
  zram?: { percent: number; algorithm: string };
  files: readonly { path: string; sizeMiB: number }[];
}

/** What is wanted of the key; all lists are in the order of paths, so that what lies below others comes after them. */
export interface WantedStorage {
  volumes: readonly WantedVolume[];
  mounts: readonly WantedMount[];
  swap: WantedSwap;
}

type Value = v.InferOutput<typeof storageSchema>;

function desired({ volumes = {}, mounts = {}, swap = {} }: Value = {}): WantedStorage {
  return {
    volumes: Object.entries(volumes).map(([name, given]) => {
      const { luks, disk, wipe, partition } = given;
      return {
        name,
        disk: disk.uuid === undefined ? disk : { ...disk, uuid: disk.uuid.toLowerCase() },
        ...partition !== undefined && { partition },
        filesystem: given.filesystem ?? "ext4",
        label: given.label ?? name,
        mount: given.mount,
        options: given.options ?? [],
        ...luks && { luks: { key: luks.key, oldKeys: oldKeysOf(luks) } },
        ...wipe !== undefined && { wipe: wipe.toLowerCase() },
        optional: given.optional ?? false,
      };
    }).sort((a, b) => a.mount < b.mount ? -1 : 1),
    mounts: Object.entries(mounts).sort(([a], [b]) => a < b ? -1 : 1).map(([path, given]) => {
      const options = given.options ?? [];
      return given.bind === undefined
        ? { path, options, type: given.type!, device: given.device! }
        : { path, options, bind: given.bind };
    }),
    swap: {
      ...swap.zram && { zram: { algorithm: "zstd", ...swap.zram } },
      files: Object.entries(swap.files ?? {}).sort(([a], [b]) => a < b ? -1 : 1)
        .map(([path, { sizeMiB }]) => ({ path, sizeMiB })),
    },
  };
}

function oldKeysOf(
  { key, oldKeys = {} }: { key: string; oldKeys?: Record<string, string> },
): string[] {
  // The key itself is no old one, whatever the file says: its slot would go.
  return [...new Set(Object.values(oldKeys))].filter((old) => old !== key);
}

/** Where something is to be mounted, as far as `value` says: nothing may be written below while it is not. */
export function mountPoints(value: Value | undefined): string[] {
  const { volumes, mounts } = desired(value);
  return [...volumes.map(({ mount }) => mount), ...mounts.map(({ path }) => path)];
}

/** What is wanted, by the name that a node's report has for it, each with how it is reported when all is well. */
export function storageFacts({ volumes, mounts, swap }: WantedStorage): [string, string][] {
  return [
    ...volumes.map(({ name }): [string, string] => [`volume ${name}`, "mounted"]),
    ...mounts.map(({ path }): [string, string] => [`mount ${path}`, "mounted"]),
    ...swap.zram ? [["swap zram", "in use"] as [string, string]] : [],
    ...swap.files.map(({ path }): [string, string] => [`swap ${path}`, "in use"]),
  ];
}

/** Packages of the tools of each file system, of volumes and over the network; of others nothing is known. */
const TOOLS: Readonly<Record<string, string>> = {
  ext4: "e2fsprogs",
  xfs: "xfsprogs",
  btrfs: "btrfs-progs",
  nfs: "nfs-utils",
  nfs4: "nfs-utils",
  cifs: "cifs-utils",
};

function packagesFor(value: Value): string[] {
  const { volumes, mounts, swap } = desired(value);
  const types = [
    ...volumes.map(({ filesystem }) => filesystem),
    ...mounts.flatMap((mount) => mount.bind === undefined ? [mount.type] : []),
  ];
  return [
    ...new Set([
      ...volumes.length + swap.files.length > 0 ? ["wipefs"] : [],
      ...volumes.some(({ luks }) => luks) ? ["cryptsetup"] : [],
      ...types.flatMap((type) => TOOLS[type] ?? []),
    ]),
  ].sort();
}

function problems(value: Value): string[] {
  const { volumes, mounts, swap } = desired(value);
  const labels = volumes.map(({ label }) => label);
  const network = mounts.filter(({ bind }) => bind === undefined).map(({ path }) => path);
  const inNetwork = (path: string) =>
    [path, ...parentsOf(path)].find((one) => network.includes(one));
  return [
    ...volumes.filter(({ label }, i) => labels.indexOf(label) !== i)
      .map(({ name, label }) => `volumes.${name}: another volume has the label ${label}, too`),
    ...volumes.flatMap(({ name, label, filesystem, disk, partition, wipe }) => {
      const found = disk.label ?? disk.uuid;
      return [
        ...label.length > MAX_LABEL[filesystem]
          ? [
            `volumes.${name}: ${filesystem} takes no label of more than ${
              MAX_LABEL[filesystem]
            } characters`,
          ]
          : [],
        ...found !== undefined && (partition !== undefined || wipe !== undefined || disk.empty)
          ? [
            `volumes.${name}: what is found by label or uuid has no partition, empty or wipe beside`,
          ]
          : [],
        ...disk.empty && (partition !== undefined || wipe !== undefined)
          ? [`volumes.${name}: the disk that is empty has no partition, and nothing to wipe`]
          : [],
        ...wipe !== undefined && disk.serial === undefined && disk.path === undefined
          ? [
            `volumes.${name}: wipe needs a disk with serial or path, so that it is never another one`,
          ]
          : [],
      ];
    }),
    ...volumes.flatMap(({ name, mount }) =>
      parentsOf(mount).filter((one) => mounts.some(({ path }) => path === one))
        .map((one) => `volumes.${name}: a volume can't lie below mounts.${one}`)
    ),
    ...mounts.flatMap(({ path, bind }) =>
      bind !== undefined && inNetwork(bind) !== undefined
        ? [`mounts.${path}: bind can't show what is in the network mount ${inNetwork(bind)}`]
        : []
    ),
    ...swap.files.flatMap(({ path }) => {
      const on = volumes.filter(({ mount }) => parentsOf(path).includes(mount)).at(-1);
      if (!on) return [`swap.files.${path}: it must lie on a volume`];
      return on.filesystem === "btrfs" ? [`swap.files.${path}: it can't lie on btrfs`] : [];
    }),
  ];
}

export const storage = configKey({
  schema: described(
    storageSchema,
    "Disks, mounts and swap. While a disk is missing the node does all the rest and says what is missing; nothing is written " +
      "below a mount that is not there. Disks are told apart by what the kernel shows of them. One that holds anything is " +
      "left alone unless `wipe` names that; one that can't be opened or mounted is never made anew. ext4 is checked before it " +
      "is mounted, for ten minutes at most. LVM, RAID and ZFS are neither made nor opened: a volume is a disk or a partition.",
    { ...NEW, default: "none" },
  ),
  example: `storage:
  volumes:
    data:
      disk: {serial: S3Z8NB0K123456}
      mount: /data
      options: [noatime]
      luks: {key: Zm9ydHktdHdvIGJ5dGVzIG9mIHB1cmUgbm9pc2U=}
  mounts:
    /var/lib/rancher: {bind: /data/rancher}
    /mnt/media: {type: nfs, device: "nas:/media", options: [ro]}
  swap:
    zram: {percent: 50}
    files:
      /data/swap: {sizeMiB: 2048}
`,
  desired,
  problems,
  needs: {
    programs: [
      HELPER,
      ...[
        "mount",
        "umount",
        "wipefs",
        "mkfs.ext4",
        "mkfs.xfs",
        "mkfs.btrfs",
        "e2fsck",
        "cryptsetup",
      ],
      ...["mkswap", "swapon", "swapoff"],
    ],
    packages: [],
  },
  packagesFor,
  claims: (value) => [
    ...Object.entries(value.volumes ?? {}).map(([name, { mount }]) => ({
      claim: ["path", mount] as const,
      at: ["volumes", name],
      holdsOthers: true as const,
    })),
    // Nothing of the node's can lie below a mount over the network, which the agent does not look into.
    ...Object.entries(value.mounts ?? {}).map(([path, { bind }]) => ({
      claim: ["path", path] as const,
      at: ["mounts", path],
      ...bind !== undefined && { holdsOthers: true as const },
    })),
    ...Object.keys(value.swap?.files ?? {}).map((path) => ({
      claim: ["path", path] as const,
      at: ["swap", "files", path],
    })),
  ],
  observed: v.array(openMapping({
    /** E.g. "volume data", "mount /mnt/media", "swap zram". */
    what: anyText,
    /** What {@linkcode storageFacts} says, or what is instead. */
    is: anyText,
  })),
  differences: (wanted, seen) => {
    const optional = new Set(
      wanted.volumes.filter((one) => one.optional).map(({ name }) => `volume ${name}`),
    );
    return storageFacts(wanted).flatMap(([what, want]) => {
      const is = seen.find((one) => one.what === what)?.is;
      return optional.has(what) && is === ABSENT ? [] : compare(what, is, want);
    });
  },
});

/** What is reported of an optional volume without its disk. */
export const ABSENT = "absent";

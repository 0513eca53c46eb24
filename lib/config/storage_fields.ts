/**
 * Fields of the key `storage` beside those of a volume: other mounts, and swap.
 *
 * @module
 */
import * as v from "valibot";
import { dictionary, filePath, mapping, matching, oneOf, wholeNumber } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { mountOptions, mountPoint, NEW, OPEN, volume, volumeName } from "./storage_volume.ts";

/** What is mounted over the network, by its type. */
const NETWORK_TYPES = ["nfs", "nfs4", "cifs", "9p", "ceph"] as const;
/** How zram packs. */
const ALGORITHMS = ["zstd", "lz4", "lzo-rle", "lzo"] as const;

const networkDevice = matching(
  /^[A-Za-z0-9_[/.][\x21-\x7e]{0,1023}$/,
  "what is mounted, e.g. nas:/media, without blanks",
);

const mount = v.pipe(
  mapping({
    bind: v.optional(
      described(
        filePath,
        "The directory that shows here, too; where it is missing on a volume, it is made.",
        {
          ...OPEN,
          replaces: ["type", "device"],
        },
      ),
    ),
    type: v.optional(
      described(
        oneOf(NETWORK_TYPES),
        "Kind of a mount over the network. It may need a package for its program, e.g. nfs-utils.",
        { ...OPEN, replaces: ["bind"] },
      ),
    ),
    device: v.optional(
      described(networkDevice, "What is mounted over the network.", {
        ...OPEN,
        replaces: ["bind"],
      }),
    ),
    options: v.optional(mountOptions),
  }),
  v.check(
    ({ bind, type, device }) =>
      bind === undefined
        ? type !== undefined && device !== undefined
        : type === undefined && device === undefined,
    "must say either bind, or type and device",
  ),
);

const swap = mapping({
  zram: v.optional(
    described(
      mapping({
        percent: described(
          wholeNumber(1, 200, "percent"),
          "How much it can hold before it is packed, of the node's memory.",
          { ...OPEN, unit: "percent" },
        ),
        algorithm: v.optional(
          described(oneOf(ALGORITHMS), "How it is packed.", { ...OPEN, default: "zstd" }),
        ),
      }),
      "Swap in packed memory.",
      { ...OPEN, default: "none" },
    ),
  ),
  files: v.optional(
    described(
      dictionary(
        filePath,
        described(
          mapping({
            sizeMiB: described(wholeNumber(1, 1048576, "MiB"), "Its size.", {
              ...OPEN,
              unit: "MiB",
            }),
          }),
          "One file, by its path: on a volume with ext4 or xfs.",
          OPEN,
        ),
      ),
      "Files to swap to. One that is no longer listed is removed if it was used in this boot.",
      { ...OPEN, default: "none" },
    ),
  ),
});

/** The schema of the key, without its words. */
export const storageSchema = mapping({
  volumes: v.optional(
    described(
      dictionary(volumeName, described(volume, "One volume, by its name.", NEW)),
      "File systems on disks of the node. One is made only on a disk that is empty: without a signature that wipefs knows, " +
        "its first and last MiB zero. One that no longer is listed is unmounted, what is on it stays.",
      { ...NEW, default: "none" },
    ),
  ),
  mounts: v.optional(
    described(
      dictionary(mountPoint, described(mount, "One mount, by where it is.", NEW)),
      "Directories that show in a second place, and file systems of other machines. Those are tried again and again and never " +
        "waited for, and the node does not look into them.",
      { ...NEW, default: "none" },
    ),
  ),
  swap: v.optional(
    described(swap, "Where memory that is not in use can go.", { ...NEW, default: "none" }),
  ),
});

/**
 * Fields of the key `storage` that say what a volume is and on which disk it lies.
 *
 * @module
 */
import * as v from "valibot";
import {
  boolean,
  dictionary,
  filePath,
  listOf,
  mapping,
  matching,
  oneOf,
  wholeNumber,
} from "../schema/fields.ts";
import { described, ruled } from "../schema/words.ts";

/** What mappings of the key say of themselves. */
export const NEW = { since: "0.2.0" } as const;
/** What fields say that are no secret: where things are, and how they are called. */
export const OPEN = { ...NEW, secrecy: "open" } as const;
const SECRET = { ...NEW, secrecy: "secret" } as const;

/** File systems that a volume can have. */
export const FILE_SYSTEMS = ["ext4", "xfs", "btrfs"] as const;
/** Longest label that each of them takes, in bytes. */
export const MAX_LABEL = { ext4: 16, xfs: 12, btrfs: 16 } as const;

/** What no file system of a node's may be called: identity drives and boot media are found by it. */
const RESERVED_LABEL = /^psyops/i;

/** Name of a volume: it is part of a device's name. */
export const volumeName = matching(
  /^[a-z][a-z0-9-]{0,15}$/,
  "a volume's name: up to 16 of a-z, 0-9 and -, starting with a letter",
);

const labelText = ruled(
  v.pipe(
    matching(
      /^[A-Za-z0-9][A-Za-z0-9_.-]{0,15}$/,
      "a label: up to 16 of A-Z, a-z, 0-9, _, . and -, starting with a letter or digit",
    ),
    v.check(
      (label) => !RESERVED_LABEL.test(label),
      "must not begin like those of psyopsOS's own media",
    ),
  ),
  "a label: up to 16 of A-Z, a-z, 0-9, _, . and -, starting with a letter or digit; not psyops…",
);

/** What is compared with a text of the hardware's. */
const hardwareText = ruled(
  v.pipe(
    v.string("must be text"),
    v.regex(
      /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/,
      "must be up to 128 printable ASCII characters",
    ),
  ),
  "up to 128 printable ASCII characters",
);

const foundLabel = ruled(
  v.pipe(
    v.string("must be text"),
    v.regex(/^[\x20-\x7e]{1,255}$/, "must be up to 255 printable ASCII characters"),
  ),
  "up to 255 printable ASCII characters",
);

const uuid = matching(
  /^[0-9A-Fa-f]{4,16}(?:-[0-9A-Fa-f]{2,12}){0,7}$/,
  "a UUID as the disk tells it, e.g. 0b5f0a4e-6c1c-4a8e-9d3b-2f1d9a7c5e10",
);

const disk = described(
  v.pipe(
    mapping({
      serial: v.optional(described(hardwareText, "The disk's serial number.", OPEN)),
      model: v.optional(described(hardwareText, "What its maker calls it.", OPEN)),
      path: v.optional(
        described(
          hardwareText,
          "Where it is plugged in: a part of its path below /sys/devices, between slashes, e.g. 0000:00:1f.2/ata1.",
          OPEN,
        ),
      ),
      minSizeGiB: v.optional(
        described(wholeNumber(1, 1048576, "GiB"), "It is as large as this, or larger.", {
          ...OPEN,
          unit: "GiB",
        }),
      ),
      label: v.optional(
        described(
          foundLabel,
          "It, or one of its partitions, holds something with this label. Nothing is made then.",
          OPEN,
        ),
      ),
      uuid: v.optional(
        described(
          uuid,
          "It, or one of its partitions, holds something with this UUID. Nothing is made then.",
          OPEN,
        ),
      ),
      empty: v.optional(
        described(
          ruled(v.literal(true, "must be true, or null to take it away"), "true"),
          "It is the one that bears the volume's label or, where none does, the one that is empty.",
          OPEN,
        ),
      ),
    }),
    v.check(
      (value) => Object.values(value).some((one) => one !== undefined),
      "must say which disk",
    ),
  ),
  "Which disk it lies on: all that is said here must hold of exactly one. A disk behind USB or one that can be taken out is " +
    "meant only where serial, model, path, label or uuid say so, and the node's identity drive and boot medium never are.",
  OPEN,
);

const keyText = ruled(
  v.pipe(
    v.string("must be text"),
    v.regex(/^[\x20-\x7e]{1,512}$/, "must be one line of up to 512 printable ASCII characters"),
  ),
  "one line of up to 512 printable ASCII characters",
);

/** Shortest key that a node makes a volume with or adds to one: nothing slows down whoever guesses it. */
const MIN_KEY = 32;

const luks = mapping({
  key: described(
    keyText,
    `What opens the volume: 256 random bits, as \`openssl rand -base64 32\` gives them, at least ${MIN_KEY} characters.`,
    {
      ...SECRET,
      desk: (key: string) =>
        key.length < MIN_KEY ? `must have at least ${MIN_KEY} characters` : undefined,
    },
  ),
  oldKeys: v.optional(
    described(
      dictionary(
        matching(
          /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
          "a name: up to 64 of A-Z, a-z, 0-9, _, . and -",
        ),
        described(keyText, "One of them, by any name.", SECRET),
      ),
      "Keys that the volume may have had before. What one of them opens gets `key` in a free slot; when that was tried, the " +
        "slots that they open are removed. Other slots stay as they are.",
      { ...NEW, default: "none" },
    ),
  ),
});

/** Options that would make another thing of mounting, or hold a secret that shows in the list of processes. */
const REFUSED_OPTION =
  /^(?:remount|move|loop|offset|r?bind|make-.*|pass|password|password2|secret)(?:=|$)/;

/** One option of mount(8). */
const option = ruled(
  v.pipe(
    matching(/^[A-Za-z0-9_][A-Za-z0-9_.:=/@%+-]{0,254}$/, "one option of mount, e.g. noatime"),
    v.check(
      (given) => !REFUSED_OPTION.test(given),
      "must not be remount, bind or the like, nor a password, which would show in the list of processes",
    ),
  ),
  "one option of mount, e.g. noatime; no password, which would show in the list of processes",
);

/** Options of a mount. */
export const mountOptions = described(
  listOf(described(option, "One option.", OPEN)),
  "Options of mount, in order.",
  { ...OPEN, default: "none" },
);

/** Parts of the system that nothing can be mounted over. */
const SYSTEM =
  /^\/(?:(?:etc|usr|bin|sbin|lib|lib64|run|boot|proc|sys|dev)(?:\/|$)|var(?:\/(?:run|lock|empty|lib|log)?)?$|var\/empty\/|var\/run\/|var\/lock\/|root$|tmp$)/;

/** Where something can be mounted. */
export const mountPoint = ruled(
  v.pipe(
    filePath,
    v.check(
      (path) => !SYSTEM.test(path),
      "must not be a directory of the system: /etc, /usr, /run, /var, /root and the like",
    ),
  ),
  "an absolute path without . and .. parts, not one of the system's own directories",
);

/** A volume. */
export const volume = mapping({
  disk,
  partition: v.optional(
    described(
      wholeNumber(1, 128),
      "The partition of that disk that it is. There must be one: no disk is ever partitioned.",
      { ...OPEN, unit: "(number)", default: "none, the volume is the whole disk" },
    ),
  ),
  filesystem: v.optional(
    described(
      oneOf(FILE_SYSTEMS),
      "Its file system. xfs needs xfsprogs in the image and btrfs needs btrfs-progs.",
      { ...OPEN, default: "ext4" },
    ),
  ),
  label: v.optional(
    described(
      labelText,
      "By what the node knows it again: the label of the file system and of the LUKS header. A disk that bears it is never " +
        "made anew.",
      { ...OPEN, default: "the volume's name" },
    ),
  ),
  mount: described(mountPoint, "Where it is mounted.", OPEN),
  options: v.optional(mountOptions),
  luks: v.optional(
    described(luks, "It is encrypted (LUKS2).", { ...NEW, default: "not encrypted" }),
  ),
  wipe: v.optional(
    described(
      matching(
        /^[A-Za-z0-9_.:-]{2,64}$/,
        "a signature as wipefs calls it, e.g. ntfs, or a UUID",
      ),
      "What may be destroyed to make the volume: the signature that is seen there (as the status tells it), or its UUID, " +
        "which is the better one, since it can't be another disk's. What bears the volume's label is never destroyed.",
      { ...OPEN, default: "nothing: only an empty disk is used" },
    ),
  ),
  optional: v.optional(
    described(
      boolean,
      "Whether the node counts as configured without the disk. What lies below the mount waits all the same.",
      { ...OPEN, default: "false" },
    ),
  ),
});

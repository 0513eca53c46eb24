import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chooseDevice } from "../../../agent/storage/choose.ts";
import type { Found } from "../../../agent/storage/devices.ts";
import { desired } from "../../../lib/config/mod.ts";

const GIB = 2 * 1024 * 1024;

const disk = (name: string, more: Partial<Found> = {}): Found => ({
  name,
  sectors: 8 * GIB,
  isRemovable: false,
  isUsb: false,
  isReadOnly: false,
  serial: `S-${name}`,
  model: "Maker X",
  path: `pci0000:00/0000:00:1f.2/ata-${name}/host0/block/${name}`,
  holders: [],
  content: { isBlank: true, signatures: [] },
  ...more,
});
const holds = (type: string, label?: string, uuid?: string): Pick<Found, "content"> => ({
  content: { isBlank: false, signatures: [{ type, ...label && { label }, ...uuid && { uuid } }] },
});

const DRIVE = disk("sdz", { isUsb: true, ...holds("ext4", "psyops-secret") });
const MEDIUM = [
  disk("sdy", holds("gpt")),
  disk("sdy1", { disk: "sdy", partition: 1, ...holds("vfat", "PSYOPSOS") }),
];
const ISO = disk("sdx", holds("iso9660", "alpine-ps 1 x86_64"));

type Told = Parameters<typeof desired<"storage">>[1];
type Volume = NonNullable<NonNullable<NonNullable<Told["storage"]>["volumes"]>[string]>;

/** What is chosen for the volume "data": its device and what is done with it, or the refusal. */
function chosen(given: Partial<Volume>, devices: readonly Found[], held: string[] = []): string {
  const told = { mount: "/data", disk: {}, ...given } as Volume;
  const { volumes } = desired("storage", { storage: { volumes: { data: told } } }, { name: "n" });
  const choice = chooseDevice(volumes[0]!, [DRIVE, ...MEDIUM, ISO, ...devices], held);
  return "device" in choice ? `${choice.what} ${choice.device.name}` : choice.state;
}

Deno.test("a disk is found by what the kernel shows of it, and only where it is the only one", () => {
  const devices = [
    disk("sda"),
    disk("sdb", { model: "Maker Y", sectors: 16 * GIB }),
    disk("sdc", { isUsb: true, model: "Stick" }),
    disk("mmcblk0", { isRemovable: true, model: "Card" }),
  ];
  const by = (choice: Volume["disk"]) => chosen({ disk: choice }, devices);
  assertEquals(by({ serial: "S-sda" }), "make sda");
  assertEquals(by({ model: "Maker Y" }), "make sdb");
  assertEquals(by({ path: "0000:00:1f.2/ata-sdb" }), "make sdb");
  assertEquals(by({ path: "ata-sd" }), "there is no such disk");
  assertEquals(by({ serial: "S-sda", model: "Maker Y" }), "there is no such disk");
  assertEquals(by({ minSizeGiB: 16 }), "make sdb");
  assertEquals(by({ minSizeGiB: 17 }), "there is no such disk");
  // What can be taken out is meant by name alone.
  assertEquals(by({ minSizeGiB: 8 }), "2 disks are such: sda, sdb");
  assertEquals(by({ model: "Stick" }), "make sdc");
  assertEquals(by({ serial: "S-mmcblk0" }), "make mmcblk0");
});

Deno.test("identity drives and boot media are no volumes, whatever is said", () => {
  const by = (choice: Volume["disk"], wipe?: string) =>
    chosen({ disk: choice, ...wipe && { wipe } }, []);
  assertEquals(by({ serial: "S-sdz" }, "ext4"), "sdz is an identity drive or a boot medium");
  assertEquals(by({ serial: "S-sdy" }, "gpt"), "sdy is an identity drive or a boot medium");
  assertEquals(by({ serial: "S-sdx" }, "iso9660"), "sdx is an identity drive or a boot medium");
  assertEquals(by({ label: "psyops-secret" }), "sdz is an identity drive or a boot medium");
  assertEquals(by({ empty: true }), "no disk is empty or bears its label");
});

Deno.test("the disk that is empty is the one with the volume's label once there is one", () => {
  const empty = (devices: Found[]) => chosen({ disk: { empty: true } }, devices);
  assertEquals(empty([disk("sda")]), "make sda");
  assertEquals(empty([disk("sda"), disk("sdb")]), "2 disks are such: sda, sdb");
  assertEquals(empty([disk("sda"), disk("sdb", holds("ntfs"))]), "make sda");
  assertEquals(
    empty([disk("sda"), disk("sdb", { content: { isBlank: false, signatures: [] } })]),
    "make sda",
  );
  assertEquals(empty([disk("sda"), disk("sdb", holds("ext4", "data"))]), "use sdb");
  const begun = { content: { isBlank: false, signatures: [], mark: "data" } };
  assertEquals(empty([disk("sda"), disk("sdb", begun)]), "make sdb");
  assertEquals(empty([disk("sda", { isUsb: true })]), "no disk is empty or bears its label");
  assertEquals(
    empty([disk("sda", holds("ext4", "data")), disk("sdb", holds("ext4", "data"))]),
    "2 disks are such: sda, sdb",
  );
});

Deno.test("what is found by label or uuid is used and never made", () => {
  const devices = [
    disk("sda", holds("gpt")),
    disk("sda1", { disk: "sda", partition: 1, ...holds("ext4", "old data", "ab-12") }),
    disk("sdb", holds("crypto_LUKS", "old data", "cd-34")),
  ];
  assertEquals(chosen({ disk: { uuid: "AB-12" } }, devices), "use sda1");
  assertEquals(chosen({ disk: { label: "old data" } }, devices), "2 disks are such: sda1, sdb");
  assertEquals(
    chosen({ disk: { uuid: "cd-34" } }, devices),
    'sdb holds crypto_LUKS (label "old data", UUID cd-34), not ext4 alone',
  );
  const luks = { luks: { key: "k" } };
  assertEquals(chosen({ disk: { label: "old data", uuid: "cd-34" }, ...luks }, devices), "use sdb");
  assertEquals(chosen({ disk: { uuid: "ff-ff" } }, devices), "there is no such disk");
});

Deno.test("a partition is the one with that number, and none is made", () => {
  const devices = [
    disk("nvme0n1", holds("gpt")),
    disk("nvme0n1p2", { disk: "nvme0n1", partition: 2 }),
  ];
  const of = (partition: number) => chosen({ disk: { serial: "S-nvme0n1" }, partition }, devices);
  assertEquals(of(2), "make nvme0n1p2");
  assertEquals(of(1), "nvme0n1 has no partition 1, and none is made");
});

Deno.test("a disk with partitions is destroyed only where wipe names its table, and never one of the volume's", () => {
  const table = [
    disk("sda", { content: { isBlank: false, signatures: [{ type: "gpt" }, { type: "PMBR" }] } }),
    disk("sda1", { disk: "sda", partition: 1, ...holds("ext4", "others") }),
  ];
  const by = (wipe: string, devices: Found[]) =>
    chosen({ disk: { serial: "S-sda" }, wipe }, devices);
  assertEquals(by("gpt", table), "make sda");
  const ours = [table[0]!, disk("sda1", { disk: "sda", partition: 1, ...holds("ext4", "data") })];
  assertEquals(
    by("gpt", ours),
    'sda holds ext4 (label "data"): what bears the volume\'s label is never made anew',
  );
});

Deno.test("what somebody uses, what can't be written and what is too small is left alone", () => {
  const by = (more: Partial<Found>, held: string[] = []) =>
    chosen({ disk: { serial: "S-sda" } }, [disk("sda", more)], held);
  assertEquals(by({ holders: ["md0"] }), "sda is in use by md0");
  assertEquals(by({ holders: ["psyopsos-data"] }, ["psyopsos-data"]), "make sda");
  assertEquals(by({ isReadOnly: true }), "sda can't be written");
  assertEquals(by({ sectors: 2048 }), "sda is smaller than 64 MiB");
  const unreadable = { isBlank: false, signatures: [], unreadable: "Input/output error" };
  assertEquals(by({ content: unreadable }), "sda can't be read: Input/output error");
  assertEquals(by({ isReadOnly: true, ...holds("ext4", "data") }), "use sda");
});

Deno.test("property: nothing is destroyed but what is empty, named, or was never mounted", () => {
  const signature = fc.record({
    type: fc.constantFrom("ext4", "xfs", "ntfs", "gpt", "crypto_LUKS", "LVM2_member", "iso9660"),
    uuid: fc.constantFrom(undefined, "ab-12", "cd-34"),
    label: fc.constantFrom(undefined, "data", "others", "psyops-secret", "PSYOPSOS"),
  });
  const content = fc.record({
    isBlank: fc.boolean(),
    mark: fc.constantFrom(undefined, "data", "others"),
    signatures: fc.array(signature, { maxLength: 2 }),
    unreadable: fc.constantFrom(undefined, undefined, undefined, "Input/output error"),
  });
  const device = fc.record({
    content,
    isUsb: fc.boolean(),
    isRemovable: fc.boolean(),
    isReadOnly: fc.boolean(),
    holders: fc.constantFrom([], [], ["md0"]),
  });
  const choice = fc.record({
    serial: fc.constantFrom(undefined, "S-sda"),
    model: fc.constantFrom(undefined, "Maker X"),
    label: fc.constantFrom(undefined, undefined, "others"),
    empty: fc.constantFrom(undefined, true as const),
  }).filter((one) => Object.values(one).some((value) => value !== undefined));
  const made = new Set<string>();
  fc.assert(
    fc.property(
      fc.record({
        disk: choice,
        wipe: fc.constantFrom(undefined, "ntfs", "gpt", "ext4", "crypto_luks", "ab-12"),
        luks: fc.constantFrom(undefined, { key: "k" }),
        partition: fc.constantFrom(undefined, undefined, 1),
      }),
      fc.tuple(device, device, device),
      ({ disk: by, ...given }, [a, part, b]) => {
        const devices = [
          disk("sda", a),
          disk("sda1", { ...part, disk: "sda", partition: 1 }),
          disk("sdb", b),
        ];
        const told = { mount: "/data", disk: by, ...given };
        const config = { storage: { volumes: { data: told } } } as Parameters<typeof desired>[1];
        const { volumes } = desired("storage", config, { name: "n" });
        const chosen = chooseDevice(volumes[0]!, devices, []);
        if (chosen.what !== "make") return;
        const { name, content, isUsb, isRemovable, isReadOnly, holders, ...rest } = chosen.device;
        const all = devices.filter((one) => one.name.slice(0, 3) === name.slice(0, 3));
        const lost = name.length === 3 ? all : [chosen.device];
        assert(!isReadOnly && holders.length === 0);
        assert(by.label === undefined, "what is found by label is made");
        assert(
          !isUsb && !isRemovable || by.serial || by.model || rest.partition,
          "it was not named",
        );
        assert(lost.every((one) => one.content.unreadable === undefined));
        const everything = all.flatMap((one) => one.content.signatures);
        assert(
          !everything.some(({ type, label }) => type === "iso9660" || /^psyops/i.test(label ?? "")),
        );
        const begun = content.mark === "data";
        for (const { type, uuid, label } of content.signatures) {
          const isNamed = given.wipe === type.toLowerCase() || given.wipe === uuid;
          const isBegun = begun && label === "data" &&
            type === (given.luks ? "crypto_LUKS" : "ext4");
          assert(isNamed || isBegun, "it was neither named nor begun");
        }
        const labels = lost.flatMap((one) => one.content.signatures).map(({ label }) => label);
        assert(begun || !labels.includes("data"), "it bore the label");
        assert(
          content.signatures.length > 0 || content.isBlank || begun,
          "it held something unknown",
        );
        made.add(begun ? "begun" : content.signatures.length > 0 ? "wiped" : "empty");
      },
    ),
    { numRuns: 20_000, seed: 2026 },
  );
  assertEquals([...made].sort(), ["begun", "empty", "wiped"]);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { storage } from "../../../agent/resources/storage.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";
import { EMPTY, type FakeContent, fakeFs, fakeLuks, StorageFake } from "./storage_fake.ts";

const { apply: act, observe } = applier("storage", storage);

const KEY = `${SECRET}-of-32-characters-and-more`;
const OLD = `${SECRET}-the-one-before`;
const OTHER = `${SECRET}-of-nobody-here`;

function node(
  content: FakeContent = structuredClone(EMPTY),
): { host: FakeHost; fake: StorageFake } {
  const host = new FakeHost(ROOT_FILES);
  const fake = new StorageFake(host);
  fake.disks.set("vda", { serial: "DRIVE", content: fakeFs("ext4", "psyops-secret") });
  fake.disks.set("vdb", { serial: "DATA", content });
  fake.servers.add("nas:/media");
  return { host, fake };
}

/** The node on which `change` was done. */
function changed(content: FakeContent, change: (fake: StorageFake) => void = () => {}): FakeHost {
  const { host, fake } = node(content);
  change(fake);
  FAKES.set(host, fake);
  return host;
}
const FAKES = new WeakMap<FakeHost, StorageFake>();

type Volume = NonNullable<NonNullable<NodeConfig["storage"]>["volumes"]>[string];
const DATA: Volume = { disk: { serial: "DATA" }, mount: "/data" };
const volume = (more: Partial<Volume> = {}): NodeConfig => ({
  storage: { volumes: { data: { ...DATA, ...more } } },
});
const LUKS = volume({ luks: { key: KEY } });
const ROTATED = volume({ luks: { key: KEY, oldKeys: { first: OLD } } });

const MAKE = "make the volume data (ext4) on vdb and mount it at /data";
const MAKE_LUKS = "make the volume data (LUKS, ext4) on vdb and mount it at /data";
const MOUNT = "mount the volume data (vdb) at /data";

const inPlain = fakeFs("ext4", "data", "precious");
const inLuks = (...keys: string[]) => fakeLuks("data", keys, fakeFs("ext4", "data", "precious"));

askQuestions("storage", {
  resource: storage,
  host: () => changed(structuredClone(EMPTY)),
  cases: [
    {
      title: "makes a volume on an empty disk",
      config: volume({ options: ["noatime"] }),
      steps: [MAKE],
      check: (host) => {
        const mounted = FAKES.get(host)!.mounts.at(-1);
        assertEquals(mounted, {
          point: "/data",
          source: "/dev/vdb",
          type: "ext4",
          options: "noatime",
        });
      },
    },
    {
      title: "makes an encrypted volume, and shows a directory of it elsewhere",
      config: {
        storage: {
          ...LUKS.storage,
          mounts: { "/var/lib/app": { bind: "/data/app", options: ["ro"] } },
        },
      },
      steps: [MAKE_LUKS, "show /data/app at /var/lib/app"],
      check: (host) => {
        const { mounts } = FAKES.get(host)!;
        assertEquals(mounts.at(-1)!.source, "/dev/mapper/psyopsos-data");
        assertEquals(mounts.at(-1)!.options, "remount,bind,ro");
      },
    },
    {
      title: "mounts over the network, and swaps",
      config: {
        storage: {
          ...volume().storage,
          mounts: { "/mnt/media": { type: "nfs", device: "nas:/media", options: ["ro"] } },
          swap: { zram: { percent: 50 }, files: { "/data/swap": { sizeMiB: 1 } } },
        },
      },
      steps: [MAKE, "mount nas:/media at /mnt/media", "swap to zram", "swap to /data/swap"],
    },
    {
      title: "undoes what is no longer wanted, deepest first, and leaves what is on disks",
      before: {
        storage: {
          ...LUKS.storage,
          mounts: { "/var/lib/app": { bind: "/data/app" }, "/data/media": { bind: "/srv" } },
          swap: { files: { "/data/swap": { sizeMiB: 1 } } },
        },
      },
      config: {},
      steps: [
        "swap to /data/swap no more",
        "unmount /var/lib/app",
        "unmount /data/media",
        "unmount /data",
      ],
      check: (host) => {
        const fake = FAKES.get(host)!;
        assertEquals([...fake.mapped], []);
        assertEquals(fake.mounts.map(({ point }) => point), ["/"]);
        assertEquals(fake.disks.get("vdb")!.content.inner?.signatures[0]?.label, "data");
        assert(!host.nodes.has("/data/swap"));
      },
    },
    {
      title: "mounts anew what is to be mounted otherwise, with all that lies on it",
      before: {
        storage: { ...LUKS.storage, mounts: { "/var/lib/app": { bind: "/data/app" } } },
      },
      config: {
        storage: {
          ...volume({ luks: { key: KEY }, options: ["noatime"] }).storage,
          mounts: { "/var/lib/app": { bind: "/data/app" } },
        },
      },
      steps: ["unmount /var/lib/app", "unmount /data", MOUNT, "show /data/app at /var/lib/app"],
    },
  ],
});

/** What is done with a disk that holds this: the steps and what is complained of. */
async function outcome(
  config: NodeConfig,
  content: FakeContent,
  change?: (fake: StorageFake) => void,
) {
  const host = changed(content, change);
  const { steps, troubles } = await apply(host, act, targetOf(config));
  const fake = FAKES.get(host)!;
  return { steps, troubles: troubles.map(({ message }) => message), fake, host };
}

Deno.test("a volume that is there is mounted, and nothing on it is touched", async () => {
  for (const [config, content] of [[volume(), inPlain], [LUKS, inLuks(KEY)]] as const) {
    const { steps, troubles, fake } = await outcome(config, structuredClone(content));
    assertEquals([steps, troubles], [[MOUNT], []]);
    assertEquals(fake.disks.get("vdb")!.content, content);
  }
});

Deno.test("what holds anything that wipe does not name is refused, and stays as it is", async () => {
  const cases: [NodeConfig, FakeContent, RegExp][] = [
    [
      volume(),
      fakeFs("ntfs", "photos"),
      /holds ntfs \(label "photos", UUID ntfs-0001\): name that in wipe/,
    ],
    [volume(), { signatures: [], isUnknown: true }, /holds something unknown/],
    [volume(), fakeFs("LVM2_member"), /holds LVM2_member/],
    [volume({ wipe: "ext4" }), fakeFs("ntfs"), /name that in wipe/],
    [
      volume({ wipe: "ext4" }),
      { signatures: [{ type: "gpt" }, { type: "ext4" }] },
      /holds gpt: name/,
    ],
    // Its own label, though wipe names it.
    [volume({ wipe: "ext4", luks: { key: KEY } }), inPlain, /never made anew/],
    [volume({ wipe: "crypto_luks" }), inLuks(KEY), /never made anew/],
    [volume({ wipe: "xfs" }), fakeFs("xfs", "data"), /never made anew/],
    [volume({ filesystem: "xfs" }), inPlain, /never made anew/],
    // Keys that open nothing.
    [LUKS, inLuks(OTHER), /none of its 1 keys opens \/dev\/vdb; it is left as it is/],
    [ROTATED, inLuks(OTHER), /none of its 2 keys opens/],
    // A header without a file system in it was not made by an agent.
    [
      LUKS,
      fakeLuks("data", [KEY], { signatures: [] }),
      /there is no ext4 in it; it is left as it is/,
    ],
    [volume(), { ...inPlain, check: 4 }, /vdb is damaged .*it is not made anew/],
  ];
  for (const [config, content, message] of cases) {
    const before = structuredClone(content);
    const { steps, troubles, fake } = await outcome(config, structuredClone(content));
    assertEquals(steps, []);
    assertMatch(troubles.join("\n"), message);
    assertEquals(fake.disks.get("vdb")!.content, before);
    assertEquals(fake.mounts.length, 1);
    assert(!troubles.join().includes(SECRET));
  }
});

Deno.test("what wipe names is destroyed once, and is the volume from then on", async () => {
  const config = volume({ wipe: "NTFS" });
  const { steps, fake, host } = await outcome(config, fakeFs("ntfs", "photos"));
  assertEquals(steps, [MAKE]);
  fake.disks.get("vdb")!.content.data = "precious";
  // The next boot, with the line left standing.
  fake.mounts.splice(1);
  await host.remove("/run/psyopsos");
  assertEquals(await settle(host, act, targetOf(config)), [MOUNT]);
  assertEquals(fake.disks.get("vdb")!.content.data, "precious");
});

Deno.test("a new key gets a slot, is tried, and then slots that an old key opens go: no others", async () => {
  const { fake, host, steps } = await outcome(ROTATED, inLuks(OTHER, OLD, "x", OLD));
  assertEquals(steps, [MOUNT]);
  assertEquals(fake.disks.get("vdb")!.content.slots, [OTHER, undefined, "x", undefined, KEY]);
  assertEquals(host.nodes.has("/run/psyopsos/storage/key"), false);
  // Told while it is mounted.
  const again = volume({ luks: { key: OTHER, oldKeys: { second: KEY } } });
  assertEquals(await settle(host, act, targetOf(again)), ["change the keys of the volume data"]);
  assertEquals(fake.disks.get("vdb")!.content.slots, [OTHER, undefined, "x", undefined, undefined]);
});

Deno.test("a key that can't be added leaves the volume mounted, and all slots as they are", async () => {
  const { fake, troubles } = await outcome(ROTATED, inLuks(OLD), ({ host }) => {
    const real = host.programs.get("cryptsetup")!;
    host.programs.set(
      "cryptsetup",
      (args, options) =>
        args[0] === "luksAddKey"
          ? { code: 1, stderr: new TextEncoder().encode("All key slots full.") }
          : real(args, options),
    );
  });
  assertEquals(troubles, ["Cannot change the keys of the volume data: All key slots full."]);
  assertEquals(fake.disks.get("vdb")!.content.slots, [OLD]);
  assertEquals(fake.mounts.at(-1)!.point, "/data");
});

Deno.test("no secret is in an argument, in what is said, or in a file that others can read", async () => {
  const { fake, host, steps, troubles } = await outcome(ROTATED, inLuks(OLD));
  const told = await observe(host, targetOf(ROTATED));
  const said = JSON.stringify([fake.commands, steps, troubles, told]);
  assert(!said.includes(SECRET));
  const files = [...host.nodes].filter(([, { kind, data }]) =>
    kind === "file" && new TextDecoder().decode(data).includes(SECRET)
  );
  assertEquals(files, []);
});

Deno.test("a node without its disk says so and does the rest", async () => {
  const config: NodeConfig = {
    storage: { ...volume().storage, swap: { zram: { percent: 10 } } },
  };
  const { steps, troubles, host } = await outcome(
    config,
    EMPTY,
    ({ disks }) => disks.delete("vdb"),
  );
  assertEquals(troubles, ["Cannot mount the volume data at /data: there is no such disk"]);
  assertEquals(steps, ["swap to zram"]);
  assertEquals((await observe(host, targetOf(config)))[0], { what: "volume data", is: "missing" });
  const optional = volume({ optional: true });
  const without = await outcome(optional, EMPTY, ({ disks }) => disks.delete("vdb"));
  assertEquals([without.steps, without.troubles], [[], []]);
  const told = await observe(without.host, targetOf(optional));
  assertEquals(told, [{ what: "volume data", is: "absent" }]);
});

Deno.test("a disk that is pulled is let go of, and mounted again when it comes back under another name", async () => {
  const { fake, host } = await outcome(LUKS, inLuks(KEY));
  const disk = fake.disks.get("vdb")!;
  fake.disks.delete("vdb");
  const gone = await apply(host, act, targetOf(LUKS));
  assertEquals(gone.steps, ["let go of /data, whose disk vdb is gone"]);
  fake.disks.set("vdc", disk);
  assertEquals(await settle(host, act, targetOf(LUKS)), ["mount the volume data (vdc) at /data"]);
});

Deno.test("a mount that is in use stays until the next boot, and that is said", async () => {
  const { fake, host } = await outcome(volume(), structuredClone(EMPTY));
  fake.busy.add("/data");
  const { steps, troubles } = await apply(host, act, targetOf({}));
  assertEquals(steps, []);
  assertMatch(
    troubles[0]!.message,
    /Cannot unmount \/data: it stays until the next boot, or until/,
  );
});

Deno.test("a server that does not answer is waited for by nobody, and tried again", async () => {
  const config: NodeConfig = {
    storage: {
      mounts: { "/mnt/x": { type: "nfs", device: "dead:/x" } },
      swap: { zram: { percent: 9 } },
    },
  };
  const { steps, troubles, fake, host } = await outcome(config, EMPTY);
  assertEquals(steps, ["swap to zram"]);
  assertMatch(troubles[0]!, /dead:\/x has not answered yet; it goes on being tried/);
  fake.servers.add("dead:/x");
  assertEquals(await settle(host, act, targetOf(config)), ["mount dead:/x at /mnt/x"]);
});

Deno.test("what is no swap file stays where one is wanted", async () => {
  const config: NodeConfig = {
    storage: { ...volume().storage, swap: { files: { "/data/swap": { sizeMiB: 1 } } } },
  };
  const { troubles, host } = await outcome(config, structuredClone(inPlain), ({ host }) => {
    host.nodes.set("/data", { ...host.nodes.get("/")! });
    host.put("/data/swap", "precious");
    host.programs.set("wipefs", (args) => args.at(-1) === "/data/swap" ? "" : INSIDE);
  });
  assertEquals(troubles, ["Cannot swap to /data/swap: something else is there"]);
  assertEquals(host.textOf("/data/swap"), "precious");
});
const INSIDE = JSON.stringify({ signatures: [{ type: "ext4", label: "data" }] });

/** Has the agent end before the command or write of this number; gives how many there were. */
function killAt(
  host: FakeHost,
  fake: StorageFake,
  at: number,
): { count: () => number; heal: () => void } {
  let count = 0;
  const tick = () => {
    if (count++ === at) throw new Killed();
  };
  const { writeFile } = host;
  fake.onCommand = tick;
  host.writeFile = async (...args) => {
    tick();
    await writeFile.apply(host, args);
  };
  return {
    count: () => count,
    heal: () => {
      fake.onCommand = () => {};
      host.writeFile = writeFile;
    },
  };
}

Deno.test("a volume comes about though agent or power fail before anything that it does, and what is on it is kept", async () => {
  let kills = 0;
  for (const config of [volume(), LUKS, ROTATED, volume({ wipe: "ntfs" })]) {
    for (const content of [EMPTY, fakeFs("ntfs"), inPlain, inLuks(KEY), inLuks(OLD)]) {
      const whole = node(structuredClone(content));
      const { count } = killAt(whole.host, whole.fake, -1);
      await apply(whole.host, act, targetOf(config));
      const end = { isUp: whole.fake.mounts.length > 1, data: dataOf(whole.fake) };
      for (let at = 0; at < count(); at++) {
        for (const isPower of [false, true]) {
          const { host, fake } = node(structuredClone(content));
          const { heal } = killAt(host, fake, at);
          await apply(host, act, targetOf(config));
          heal();
          if (isPower) {
            fake.mounts.splice(1);
            fake.mapped.clear();
            await host.remove("/run/psyopsos");
          }
          await apply(host, act, targetOf(config));
          const told = `${JSON.stringify([config, content])} at ${at}: ${fake.commands[at]}`;
          assertEquals({ isUp: fake.mounts.length > 1, data: dataOf(fake) }, end, told);
          assertEquals((await apply(host, act, targetOf(config))).steps, [], told);
          kills++;
        }
      }
    }
  }
  assert(kills > 200, `${kills}`);
});
class Killed extends Error {}

function dataOf({ disks }: StorageFake): string | undefined {
  const { content } = disks.get("vdb")!;
  return content.data ?? content.inner?.data;
}

Deno.test("what was begun to be made is made anew, unless somebody else has used the disk since", async () => {
  const mark = "data";
  const begun: [NodeConfig, FakeContent][] = [
    // Cut off within luksFormat or mkfs.
    [volume(), { signatures: [], isUnknown: true, mark }],
    [LUKS, { signatures: [], isUnknown: true, mark }],
    [LUKS, { ...inLuks(), mark }],
    // The key was changed before it was done.
    [LUKS, { ...inLuks(OTHER), mark }],
    [volume(), { ...fakeFs("ext4", "data"), mark }],
  ];
  for (const [config, content] of begun) {
    const { steps, troubles } = await outcome(config, content);
    assertEquals([steps, troubles], [[config === LUKS ? MAKE_LUKS : MAKE], []]);
  }
  const used: [NodeConfig, FakeContent][] = [
    [volume(), { ...fakeFs("ntfs"), mark }],
    [volume(), { ...fakeFs("ext4", "others"), mark }],
    [LUKS, { ...fakeLuks("others", [KEY], EMPTY), mark }],
    [volume(), { signatures: [], isUnknown: true, mark: "others" }],
  ];
  for (const [config, content] of used) {
    const { steps, troubles } = await outcome(config, content);
    assertEquals(steps, []);
    assertMatch(troubles[0]!, /is not empty/);
  }
});

Deno.test("nothing is destroyed that came between looking and making", async () => {
  const { fake, troubles } = await outcome(volume(), structuredClone(EMPTY), (fake) => {
    fake.onCommand = () => {
      const looked = fake.commands.filter((line) => line.includes(" blank vdb")).length;
      if (looked === 1) Object.assign(fake.disks.get("vdb")!.content, fakeFs("ntfs", "photos"));
    };
  });
  assertMatch(troubles.join(), /what is on vdb has changed since it was looked at/);
  assertEquals(fake.disks.get("vdb")!.content.signatures[0]?.type, "ntfs");
});

Deno.test("no old key goes while the new one was not seen to open the volume", async () => {
  const { fake, troubles } = await outcome(ROTATED, inLuks(OLD), ({ host }) => {
    const real = host.programs.get("cryptsetup")!;
    host.programs.set(
      "cryptsetup",
      (args, options) => args[0] === "luksAddKey" ? {} : real(args, options),
    );
  });
  assertMatch(troubles.join(), /the new key was added and does not open it/);
  assertEquals(fake.disks.get("vdb")!.content.slots, [OLD]);
});

Deno.test("a disk that can't be read keeps no other from being used", async () => {
  const { steps, troubles } = await outcome(volume(), structuredClone(EMPTY), (fake) => {
    fake.disks.set("vdc", { serial: "DYING", content: structuredClone(EMPTY) });
    const real = fake.host.programs.get("wipefs")!;
    fake.host.programs.set(
      "wipefs",
      (args, options) =>
        args.at(-1) === "/dev/vdc"
          ? { code: 1, stderr: new TextEncoder().encode("wipefs: Input/output error") }
          : real(args, options),
    );
  });
  assertEquals([steps, troubles], [[MAKE], []]);
});

Deno.test("what was told before leaves nothing behind: any two configurations end as a boot with the second would", async () => {
  const storages: NodeConfig["storage"][] = [
    undefined,
    volume().storage,
    LUKS.storage,
    volume({ options: ["noatime"] }).storage,
    volume({ mount: "/srv/data" }).storage,
    { ...volume().storage, mounts: { "/b": { bind: "/data/b" } } },
    { ...LUKS.storage, mounts: { "/b": { bind: "/data/b" }, "/data/c": { bind: "/data/b" } } },
    {
      ...volume().storage,
      swap: { files: { "/data/swap": { sizeMiB: 1 } }, zram: { percent: 9 } },
    },
    { ...volume().storage, swap: { files: { "/data/swap": { sizeMiB: 2 } } } },
    {
      ...volume({ options: ["noatime"] }).storage,
      swap: { files: { "/data/swap": { sizeMiB: 2 } } },
    },
    { mounts: { "/nas": { type: "nfs", device: "nas:/media" } }, swap: { zram: { percent: 5 } } },
  ];
  const sorted = (fake: StorageFake) => ({
    mounts: fake.mounts.map((one) => JSON.stringify(one)).sort(),
    swaps: [...fake.swaps].sort(),
    mapped: [...fake.mapped],
  });
  for (const before of storages) {
    for (const after of storages) {
      const { host, fake } = node();
      await settle(host, act, targetOf(before ? { storage: before } : {}));
      const wanted = targetOf(after ? { storage: after } : {});
      await apply(host, act, wanted);
      const end = sorted(fake);
      assertEquals((await apply(host, act, wanted)).steps, []);
      // The same disks, a fresh boot.
      fake.mounts.splice(1);
      fake.mapped.clear();
      fake.swaps.clear();
      await host.remove("/run/psyopsos");
      await apply(host, act, wanted);
      assertEquals(end, sorted(fake), JSON.stringify([before, after]));
    }
  }
});

Deno.test("nothing is mounted, shown or swapped to where an account could put a link in between", async () => {
  const swap = { files: { "/data/ann/swap": { sizeMiB: 1 } } };
  const cases: [NodeConfig["storage"], string][] = [
    [volume({ mount: "/home/ann/data" }).storage, "/home/ann"],
    [{ mounts: { "/home/ann/x": { bind: "/srv" } } }, "/home/ann"],
    [{ mounts: { "/b": { bind: "/home/ann/x" } } }, "/home/ann"],
    [{ ...volume().storage, swap }, "/data/ann"],
  ];
  for (const [told, loose] of cases) {
    const { troubles } = await outcome({ storage: told }, structuredClone(EMPTY), ({ host }) => {
      host.put(`${loose}/x/y`, "");
      for (const path of [loose, `${loose}/x`]) Object.assign(host.nodes.get(path)!, { uid: 1000 });
    });
    assertMatch(troubles.join(), new RegExp(`others than root can move it, by ${loose}`));
  }
});

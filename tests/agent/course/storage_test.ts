/** What a node does while a disk is missing, or a mount is another machine's: it goes round it and does all the rest. */
import { assert, assertEquals } from "@std/assert";
import { EMPTY, fakeFs, StorageFake } from "../resources/storage_fake.ts";
import { ALPHA, driveOf, makeSite, World } from "../world.ts";

const WITH_DATA = ALPHA.replace(
  "config:\n",
  `config:
  storage:
    volumes: {data: {disk: {serial: DATA}, mount: /data}}
    mounts: {/home/nas: {type: nfs, device: "nas:/home"}}
  directories: {/data/app: {mode: "0750"}}
  links: {/data/link: {target: /etc/motd}}
`,
).replace("  files:\n", '  files:\n    /data/conf/app: {content: "on the volume"}\n')
  .replace(
    "ann: {",
    "bob: {home: /data/bob, uid: 1001}\n    cid: {home: /home/nas/cid, uid: 1002}\n    ann: {",
  );

/** A node with this disk, if any. */
async function node(isThere: boolean): Promise<{ world: World; storage: StorageFake }> {
  const world = new World(driveOf("alpha"), await makeSite({ alpha: WITH_DATA }));
  const storage = new StorageFake(world);
  if (isThere) storage.disks.set("vdb", { serial: "DATA", content: structuredClone(EMPTY) });
  storage.servers.add("nas:/home");
  return { world, storage };
}

/** What is below a path. */
const below = (world: World, path: string) =>
  [...world.nodes.keys()].filter((one) => one.startsWith(`${path}/`)).sort();

const ON_VOLUME = ["/data/app", "/data/bob", "/data/conf", "/data/conf/app", "/data/link"];

Deno.test("a node without its disk writes nothing in its place, and does all the rest", async () => {
  const { world, storage } = await node(false);
  await world.boot();
  assertEquals(below(world, "/data"), []);
  const said = world.printed.join("\n") + JSON.stringify(world.status);
  assert(said.includes("Cannot mount the volume data at /data: there is no such disk"), said);
  assertEquals(world.textOf("/etc/motd"), "hello\n");
  assert(world.textOf("/etc/passwd").includes("bob:x:1001:"));
  assertEquals(world.status.observed?.scripts?.map(({ name }) => name), ["hello"]);

  // The disk comes while the agent runs.
  storage.disks.set("vdb", { serial: "DATA", content: structuredClone(EMPTY) });
  const again = world.restart();
  const next = new StorageFake(again);
  for (const [name, disk] of storage.disks) next.disks.set(name, disk);
  next.mounts.push(...storage.mounts.slice(1));
  await again.boot();
  assertEquals(again.status.problem, undefined);
  assertEquals(below(again, "/data"), ON_VOLUME);
});

Deno.test("a node neither looks nor writes into a mount of another machine's", async () => {
  const { world } = await node(true);
  const looks: string[] = [];
  for (const method of ["stat", "readDir", "readRegular", "placeDirectory", "readLink"] as const) {
    const real = world[method].bind(world) as (path: string, ...rest: never[]) => never;
    Object.assign(world, {
      [method]: (path: string, ...rest: never[]) => {
        const isMounted = world.log.some((line) => line.includes(" later /home/nas"));
        if (isMounted && `${path}/`.startsWith("/home/nas/")) looks.push(`${method} ${path}`);
        return real(path, ...rest);
      },
    });
  }
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.problem, undefined);
  assertEquals(below(world, "/data"), ON_VOLUME);
  assertEquals(looks, []);
  assertEquals(below(world, "/home/nas"), []);
});

Deno.test("what the agent has made on a volume is undone once the volume is there again", async () => {
  const { world, storage } = await node(true);
  await world.boot();
  assertEquals(below(world, "/data"), ON_VOLUME);
  // The disk is pulled, and the file is told no more.
  const disk = storage.disks.get("vdb")!;
  const step = async (
    before: World,
    disks: [string, typeof disk][],
    alpha: string,
    serial: number,
  ) => {
    const next = before.restart();
    next.site = await makeSite({ alpha, serial });
    const fake = new StorageFake(next);
    for (const [name, one] of disks) fake.disks.set(name, one);
    fake.servers.add("nas:/home");
    fake.mounts.push(...mounts);
    await next.boot();
    mounts = fake.mounts.slice(1);
    return next;
  };
  let mounts = storage.mounts.slice(1);
  const without = WITH_DATA.replace(/ {4}\/data\/conf\/app: .*\n/, "");
  const pulled = await step(world, [], WITH_DATA, 43);
  assertEquals(mounts.some(({ point }) => point === "/data"), false);
  const gone = await step(pulled, [], without, 44);
  assert(gone.status.problem);
  const back = await step(gone, [["vdc", disk]], without, 45);
  assertEquals(back.status.problem, undefined);
  assertEquals(below(back, "/data").includes("/data/conf/app"), false);
});

Deno.test("what lies in the place of a volume is neither told as being on it nor touched", async () => {
  const { world } = await node(false);
  world.put("/data/conf/app", "on the volume");
  await world.boot();
  assertEquals(world.status.observed?.files?.some(({ path }) => path.startsWith("/data")), false);
  assertEquals(below(world, "/data"), ["/data/conf", "/data/conf/app"]);
});

Deno.test("a disk with something else on it is left alone by a whole round, too", async () => {
  const { world, storage } = await node(false);
  const content = fakeFs("ntfs", "photos", "precious");
  storage.disks.set("vdb", { serial: "DATA", content: structuredClone(content) });
  await world.boot();
  assertEquals(storage.disks.get("vdb")!.content, content);
  assertEquals(below(world, "/data"), []);
});

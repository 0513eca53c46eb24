import { assertEquals, assertRejects } from "@std/assert";
import { guardedHost } from "../../../agent/system/guarded_host.ts";
import { BarredError, barrierAt, parseMountinfo } from "../../../agent/system/mounts.ts";
import { FakeHost } from "../../support/fake_host.ts";

const line = (point: string, type: string, source = "x") =>
  `30 1 0:25 / ${point} rw,nosuid shared:1 master:2 - ${type} ${source} rw`;
const ROOT = line("/", "overlay");

Deno.test("parseMountinfo() reads points, roots, types and sources, whatever stands between", () => {
  const text = [
    "36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
    "37 36 0:40 / /mnt/nas rw - nfs4 nas:/media rw,vers=4.2",
    "half a line",
    "",
  ].join("\n");
  assertEquals(parseMountinfo(text), [
    { root: "/mnt1", point: "/mnt/a b", type: "ext3", source: "/dev/root" },
    { root: "/", point: "/mnt/nas", type: "nfs4", source: "nas:/media" },
  ]);
});

Deno.test("barrierAt() bars mounts over the network, and what lies below an absent mount", () => {
  const mounts = parseMountinfo(
    [
      ROOT,
      line("/data", "ext4", "/dev/vdb"),
      line("/data/media", "nfs4"),
      line("/data/media/cache", "tmpfs"),
      line("/home", "fuse.sshfs"),
      line("/auto", "autofs"),
    ].join("\n"),
  );
  const at = (path: string, points: string[] = []) => barrierAt(path, mounts, points)?.message;
  assertEquals(at("/data/app"), undefined);
  assertEquals(at("/data/mediathek"), undefined);
  assertEquals(
    at("/data/media"),
    "Cannot reach /data/media: it is in the network mount /data/media",
  );
  assertEquals(at("/home/ann/x"), "Cannot reach /home/ann/x: it is in the network mount /home");
  assertEquals(at("/auto/x"), "Cannot reach /auto/x: it is in the network mount /auto");
  assertEquals(at("/data/media/cache/x"), undefined);
  // The place itself may be looked at: something is to be mounted there.
  assertEquals(at("/srv", ["/srv", "/data"]), undefined);
  assertEquals(
    at("/srv/x", ["/srv"]),
    "Cannot reach /srv/x: it waits for /srv, where nothing is mounted",
  );
  assertEquals(at("/data/x", ["/data"]), undefined);
  assertEquals(barrierAt("/data/x", [], ["/data"])?.remote, false);
});

Deno.test("barrierAt() looks through a network mount that another one covers", () => {
  const mounts = parseMountinfo([ROOT, line("/x", "nfs"), line("/x", "ext4")].join("\n"));
  assertEquals(barrierAt("/x/y", mounts, []), undefined);
});

/** A node on which /data is to be mounted, and /nas is another machine's. */
function node(): { host: FakeHost; guarded: ReturnType<typeof guardedHost>; mounts: string[] } {
  const host = new FakeHost({ "/data/x": "beneath", "/nas/x": "theirs", "/etc/x": "here" });
  const mounts = [ROOT, line("/nas", "nfs")];
  host.programs.set(
    "cat",
    ([path]) => path === "/proc/self/mountinfo" ? mounts.join("\n") : { code: 1 },
  );
  host.programs.set("mount", () => "");
  return { host, guarded: guardedHost(host, ["/data"]), mounts };
}

Deno.test("guardedHost() lets no method look or write where a barrier is", async () => {
  const { host, guarded } = node();
  const owner = { mode: 0o644, uid: 0, gid: 0 };
  for (const path of ["/data/x", "/nas/x"]) {
    const [directory, before] = [path.slice(0, -2) + "/y", structuredClone([...host.nodes])];
    const tries: (() => Promise<unknown>)[] = [
      () => guarded.readFile(path),
      () => guarded.readTextFile(path),
      () => Array.fromAsync(guarded.readChunks(path)),
      () => guarded.writeFile(path, "z"),
      () => guarded.placeFile(directory, "z", "z", owner),
      () => guarded.placeDirectory(path, owner),
      () => guarded.placeLink(path, "z"),
      () => guarded.removeEntry(path),
      () => guarded.removeLeftovers(directory),
      () => guarded.readRegular(path, 9),
      () => guarded.writeExtents(path, 9, []),
      () => guarded.sync(path),
      () => guarded.lock(path, { command: "z" }),
      () => guarded.mkdir(path),
      () => guarded.remove(path),
      () => guarded.rename(path, "/etc/z"),
      () => guarded.rename("/etc/x", path),
      () => guarded.symlink("z", path),
      () => guarded.readLink(path),
      () => guarded.realPath(path),
      () => guarded.chmod(path, 0),
      () => guarded.chown(path, 0, 0),
      () => guarded.stat(path),
      () => guarded.readDir(path),
    ];
    for (const attempt of tries) await assertRejects(attempt, BarredError, path.slice(0, 5));
    assertEquals([...host.nodes], before);
  }
});

Deno.test("guardedHost() leaves the rest as it is, and sees what the agent has mounted", async () => {
  const { guarded, host, mounts } = node();
  assertEquals(await guarded.readTextFile("/etc/x"), "here");
  await guarded.symlink("/data/x", "/etc/link");
  assertEquals(guarded.now(), host.now());
  await assertRejects(() => guarded.stat("/data/x"), BarredError);
  mounts.push(line("/data", "ext4", "/dev/vdb"));
  await guarded.run(["mount", "/dev/vdb", "/data"]);
  assertEquals(await guarded.readTextFile("/data/x"), "beneath");
  const looks = host.log.filter((one) => one.startsWith("run cat")).length;
  assertEquals(looks, 2, "it is read once, and again after a change");
});

Deno.test("guardedHost() takes what is to be mounted for absent where nothing can be read", async () => {
  const { guarded, host } = node();
  host.programs.set("cat", () => ({ code: 1 }));
  await assertRejects(() => guarded.writeFile("/data/x", ""), BarredError, "nothing is mounted");
  assertEquals(await guarded.readTextFile("/etc/x"), "here");
});

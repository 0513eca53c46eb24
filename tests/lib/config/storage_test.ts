import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "yaml";
import { desired, mergedProblems, nodeConfigSchema, packagesFor } from "../../../lib/config/mod.ts";
import { mountPoints } from "../../../lib/config/storage.ts";
import { deskProblems } from "../../../lib/schema/words.ts";
import { readYaml } from "../../../site/fleet/yaml_file.ts";

const KEY = "k".repeat(44);

/** What is told by YAML below `storage`. @throws where it is refused. */
function told(yaml: string) {
  const read = readYaml("x.yaml", `storage: ${yaml}`, nodeConfigSchema);
  if (Array.isArray(read)) throw new Error(read.map(({ message }) => message).join("\n"));
  return read.value as { storage: never };
}

/** Why YAML below `storage` is refused, by its schema, the desk or the whole. */
function refusal(yaml: string): string {
  const read = readYaml("x.yaml", `storage: ${yaml}`, nodeConfigSchema);
  if (Array.isArray(read)) return read.map(({ message }) => message).join("\n");
  const config = read.value as { storage: never };
  const desk = deskProblems(nodeConfigSchema, config).map(({ rule }) => rule);
  return [...desk, ...mergedProblems(config).map(({ message }) => message)].join("\n");
}

const data = (more: string, disk = "{serial: S}") =>
  `{volumes: {data: {disk: ${disk}, mount: /data${more}}}}`;

Deno.test("a volume's defaults are filled in, and its own key is none of the old ones", () => {
  const config = told(
    data(`, luks: {key: ${KEY}, oldKeys: {a: old, b: ${KEY}, c: old}}`, "{uuid: AB12-CD34}"),
  );
  assertEquals(desired("storage", config, { name: "n" }), {
    volumes: [{
      name: "data",
      disk: { uuid: "ab12-cd34" },
      filesystem: "ext4",
      label: "data",
      mount: "/data",
      options: [],
      luks: { key: KEY, oldKeys: ["old"] },
      optional: false,
    }],
    mounts: [],
    swap: { files: [] },
  });
});

Deno.test("what destroys too much, or can't be, is refused at the desk", () => {
  const cases: [string, RegExp][] = [
    [data("", "{}"), /must say which disk/],
    [data("", "{empty: false}"), /must be true/],
    [
      data(", partition: 1", "{uuid: ab12-cd34}"),
      /found by label or uuid has no partition, empty or wipe/,
    ],
    [data(", wipe: ext4", "{label: x}"), /found by label or uuid has no partition, empty or wipe/],
    [
      data(", wipe: ext4", "{empty: true}"),
      /the disk that is empty has no partition, and nothing to wipe/,
    ],
    [data(", wipe: ext4", "{model: X}"), /wipe needs a disk with serial or path/],
    [data(", label: psyops-secret"), /must not begin like those of psyopsOS's own media/],
    [data(", label: PSYOPSOS"), /must not begin like those of psyopsOS's own media/],
    [data(", filesystem: xfs, label: thirteen-long"), /xfs takes no label of more than 12/],
    [data(", options: [remount]"), /must not be remount/],
    [data(", options: ['a,b']"), /one option of mount/],
    [data(", luks: {key: short}"), /at least 32 characters/],
    [
      "{volumes: {a: {disk: {serial: A}, mount: /a, label: x}, b: {disk: {serial: B}, mount: /b, label: x}}}",
      /another volume has the label x/,
    ],
    [
      "{volumes: {a: {disk: {serial: A}, mount: /a}, b: {disk: {serial: B}, mount: /a}}}",
      /the path \/a belongs to storage.volumes.a/,
    ],
    ["{mounts: {/m: {type: nfs, device: 'n:/x', options: [password=x]}}}", /nor a password/],
    ["{mounts: {/m: {type: nfs}}}", /either bind, or type and device/],
    ["{mounts: {/m: {bind: /a, type: nfs, device: 'n:/x'}}}", /either bind, or type and device/],
    [
      "{mounts: {/m: {type: nfs, device: 'n:/x'}, /n: {bind: /m/x}}}",
      /bind can't show what is in the network mount \/m/,
    ],
    [
      "{volumes: {a: {disk: {serial: A}, mount: /m/a}}, mounts: {/m: {bind: /x}}}",
      /can't lie below mounts.\/m/,
    ],
    ["{swap: {files: {/swap: {sizeMiB: 1}}}}", /must lie on a volume/],
  ];
  for (const [yaml, message] of cases) assertMatch(refusal(yaml), message, yaml);
  for (
    const path of ["/etc", "/etc/x", "/usr/local", "/run/x", "/var", "/var/lib", "/root", "/lib"]
  ) {
    assertMatch(
      refusal(`{mounts: {${path}: {bind: /data}}}`),
      /must not be a directory of the system/,
    );
  }
  for (const path of ["/data", "/home", "/var/lib/rancher", "/srv/x", "/root/x", "/var/log/app"]) {
    assertEquals(refusal(`{mounts: {${path}: {bind: /x}}}`), "");
  }
});

Deno.test("files may lie on a volume and not in its place, nor in a mount over the network", () => {
  const file = { content: "" };
  const { storage } = told(
    "{volumes: {data: {disk: {serial: S}, mount: /data}}, mounts: {/nas: {type: nfs, device: 'n:/x'}}}",
  );
  const files = { "/data": file, "/data/x": file, "/nas/x": file };
  assertEquals(
    mergedProblems({ storage, files }).map(({ message }) => message),
    [
      "files./data: the path /data belongs to storage.volumes.data",
      "files./data/x: nothing can lie below /data, which is files./data",
      "files./nas/x: nothing can lie below /nas, which is storage.mounts./nas",
    ],
  );
  assertEquals(mergedProblems({ storage, files: { "/data/x": file } }), []);
});

Deno.test("the image has what encrypted volumes with ext4 need; the rest is needed by who is told it", async () => {
  const luks = told(data(`, luks: {key: ${KEY}}`));
  assertEquals(packagesFor(luks), { storage: ["cryptsetup", "e2fsprogs", "wipefs"] });
  const { packages } = parse(await Deno.readTextFile("overlay/image.yaml"));
  for (const name of packagesFor(luks).storage!) assert(packages.includes(name), name);
  assertEquals(packagesFor(told(data(", filesystem: xfs"))), { storage: ["wipefs", "xfsprogs"] });
  assertEquals(packagesFor(told("{swap: {zram: {percent: 9}}, mounts: {/b: {bind: /a}}}")), {});
  const nas = told("{mounts: {/m: {type: nfs, device: 'n:/x'}}}");
  assertEquals(packagesFor(nas), { storage: ["nfs-utils"] });
});

Deno.test("mountPoints() names all places where something is to be mounted", () => {
  const { storage } = told(
    "{volumes: {data: {disk: {serial: S}, mount: /data}}, mounts: {/b: {bind: /data/b}}}",
  );
  assertEquals(mountPoints(storage), ["/data", "/b"]);
  assertEquals(mountPoints(undefined), []);
});

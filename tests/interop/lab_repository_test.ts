/**
 * The lab repository is made for real (Debian packages over the network), then judged by the apk reader
 * of this project, which knows nothing of the writer, and by GNU tar, gzip, openssl and busybox.
 */
import { assert, assertEquals } from "@std/assert";
import { openPackages, openRepository } from "../../lib/apk/repository.ts";
import { solve } from "../../lib/apk/solver.ts";
import { sha256Hex, text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { gzipMembers } from "../../lib/formats/gzip.ts";
import { readTar } from "../../lib/formats/tar.ts";
import type { RunOptions } from "../../lib/host.ts";
import { type LabRepository, labRepository } from "../../lib/lab_packages/repository.ts";
import { BUSYBOX_TOOLS, staticBusybox } from "../support/static_busybox.ts";
import { needTool } from "../support/tools.ts";

const NEEDED = needTool("apt-get", "dpkg-deb", "tar", "gzip", "openssl");
const WORLD = [
  "alpine-baselayout",
  "busybox",
  "busybox-openrc",
  "ca-certificates-bundle",
  "deno",
  "openrc",
  "openssh-server",
];

/** The real host, counting the programs it runs. */
class CountingHost extends DenoHost {
  runs: string[] = [];
  override run(command: readonly string[], options?: RunOptions) {
    this.runs.push(command.join(" "));
    return super.run(command, options);
  }
}

const host = new CountingHost();
const cacheDir = new URL("../../build/tests/lab-repository", import.meta.url).pathname;
let made: Promise<LabRepository> | undefined;

function repository(): Promise<LabRepository> {
  made ??= labRepository(host, {
    cacheDir,
    runningDeno: { path: Deno.execPath(), version: Deno.version.deno },
  });
  return made;
}

async function opened() {
  const { dir, arch, keyName, publicKeyPem } = await repository();
  return await openRepository(host, dir, { arch, keys: new Map([[keyName, publicKeyPem]]) });
}

async function tool(command: readonly string[], stdin?: Uint8Array): Promise<string> {
  const result = await host.run(command, stdin && { stdin });
  assertEquals([result.code, text(result.stderr)].join(" "), "0 ", command.join(" "));
  return text(result.stdout);
}

Deno.test({
  name: "labRepository() makes packages that resolve, verify and open, libraries included",
  ...NEEDED,
  fn: async () => {
    const one = await opened();
    const records = solve(WORLD, [one], { arch: "x86_64" });
    const names = records.map(({ name }) => name);
    for (const name of ["busybox-binsh", "libc6", "libgcc-s1", "libssl3", "openssh-keygen"]) {
      assert(names.includes(name), `${name} in ${names}`);
    }
    const packages = await openPackages([one], records);
    const owners = new Map<string, string>();
    for (const { info, entries } of packages) {
      for (const { path, kind } of entries) {
        if (kind === "directory") continue;
        assertEquals(owners.get(path), undefined, `${path} also in ${info.name}`);
        owners.set(path, info.name);
      }
    }
    const wanted = ["bin/busybox", "sbin/openrc", "usr/bin/deno", "usr/sbin/sshd", "bin/sh"];
    for (const path of [...wanted, "lib64/ld-linux-x86-64.so.2", "etc/init.d/sshd"]) {
      assert(owners.has(path), path);
    }
    const shadow = packages.flatMap(({ entries }) => entries).find(({ path }) =>
      path === "etc/shadow"
    );
    assert(text(shadow!.data!).startsWith("root:*:"), "root has no password");
    assertEquals([shadow?.mode, shadow?.gname], [0o640, "shadow"]);
  },
});

Deno.test({
  name: "labRepository() gives kernel, modules and boot loader under Alpine's names",
  ...NEEDED,
  fn: async () => {
    const one = await opened();
    const records = one.records.filter(({ name }) =>
      ["linux-virt", "systemd-boot", "busybox-static"].includes(name)
    );
    const files = (await openPackages([one], records)).flatMap(({ entries }) => entries);
    const find = (pattern: RegExp) => files.filter(({ path }) => pattern.test(path)).length;
    assertEquals(find(/^boot\/vmlinuz-virt$/), 1);
    assertEquals(find(/^usr\/share\/kernel\/virt\/kernel\.release$/), 1);
    assertEquals(find(/^lib\/modules\/[^/]+\/kernel\/.*\/(loop|squashfs|overlay)\.ko$/), 3);
    assertEquals(find(/^usr\/lib\/systemd\/boot\/efi\/systemd-bootx64\.efi$/), 1);
    assertEquals(find(/^bin\/busybox\.static$/), 1);
    assertEquals(find(/^lib\/modules\/[^/]+\/modules\.dep/), 0);
  },
});

Deno.test({
  name: "labRepository() says in every record what the package really is",
  ...NEEDED,
  fn: async () => {
    const honest = /from Debian's \S+ \S+\)$|psyopsOS lab|upstream's build/;
    for (const { name, description } of (await opened()).records) {
      assert(honest.test(description ?? ""), `${name}: ${description}`);
    }
  },
});

Deno.test({
  name: "labRepository() is readable by GNU tar and gzip, its signatures by openssl",
  ...NEEDED,
  fn: async () => {
    const { dir, arch, publicKeyPem } = await repository();
    const scratch = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${scratch}/key.pem`, publicKeyPem);
      const openrc = (await host.readDir(`${dir}/${arch}`)).find((n) => n.startsWith("openrc-"))!;
      for (const name of [openrc, "APKINDEX.tar.gz"]) {
        const path = `${dir}/${arch}/${name}`;
        await tool(["gzip", "--test", path]);
        const listed = await tool(["tar", "--warning=no-unknown-keyword", "-tzf", path]);
        assert(listed.includes(name === openrc ? "sbin/openrc\n" : "APKINDEX\n"), listed);
        const bytes = await Deno.readFile(path);
        const [signature, signed] = gzipMembers(bytes);
        await Deno.writeFile(`${scratch}/signature`, readTar(signature!.data)[0]!.data!);
        const verify = ["-verify", `${scratch}/key.pem`, "-signature", `${scratch}/signature`];
        const end = name === openrc ? signed!.offset + signed!.length : bytes.length;
        const body = bytes.subarray(signed!.offset, end);
        assertEquals(await tool(["openssl", "dgst", "-sha256", ...verify], body), "Verified OK\n");
      }
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
  },
});

Deno.test({
  name: "labRepository() ships services that busybox's shell can parse",
  ...needTool(...BUSYBOX_TOOLS),
  fn: async () => {
    const one = await opened();
    const records = one.records.filter(({ name }) =>
      /^(openrc|.*-openrc|openssh-server)$/.test(name)
    );
    let seen = 0;
    for (const { entries } of await openPackages([one], records)) {
      for (const { path, data } of entries.filter(({ path }) => path.startsWith("etc/init.d/"))) {
        await tool([await staticBusybox(), "sh", "-n", "/dev/stdin"], data);
        assert(text(data!).startsWith("#!"), path);
        seen++;
      }
    }
    assert(seen > 10, `${seen} services`);
  },
});

Deno.test({
  name: "labRepository() asks no program when nothing has changed",
  ...NEEDED,
  fn: async () => {
    const before = await repository();
    host.runs = [];
    assertEquals(await labRepository(host, { cacheDir }), before);
    assertEquals(host.runs, []);
  },
});

Deno.test({
  name: "labRepository() makes the same bytes again, and drops what is no longer listed",
  ...NEEDED,
  fn: async () => {
    const { dir, arch } = await repository();
    const folder = `${dir}/${arch}`;
    const hashes = async () => {
      const names = (await host.readDir(folder)).filter((name) => !name.startsWith("deno-"));
      return await Promise.all(
        names.map(async (name) => `${name} ${sha256Hex(await Deno.readFile(`${folder}/${name}`))}`),
      );
    };
    const before = await hashes();
    await Deno.writeTextFile(`${folder}/old-1-r0.apk`, "");
    await Deno.remove(`${cacheDir}/state-${arch}.json`);
    made = undefined;
    await repository();
    assertEquals(await hashes(), before);
  },
});

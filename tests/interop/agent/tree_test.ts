/** Directories, files and links of a configuration, made and undone on a real file system. */
import { TrialsFake } from "../../agent/trial/trials_fake.ts";
import { assertEquals } from "@std/assert";
import { ownerNames, readAccountNames } from "../../../agent/resources/account_names.ts";
import { gone } from "../../../agent/resources/gone.ts";
import { directories } from "../../../agent/resources/directories.ts";
import { files } from "../../../agent/resources/files.ts";
import { links } from "../../../agent/resources/links.ts";
import { type Applied, applier, type Target } from "../../../agent/resources/resource.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { IDENTITY } from "../../agent/resources/identity.ts";
import { RootedHost } from "../../support/rooted_host.ts";

const PARTS = [
  gone,
  applier("directories", directories).apply,
  applier("files", files).apply,
  applier("links", links).apply,
];

/** Paths below `dir`, with what is there. */
async function treeOf(dir: string, path = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(`${dir}${path}`)) {
    const one = `${path}/${name}`;
    const { isDirectory, isSymlink, mode } = await Deno.lstat(`${dir}${one}`);
    const bits = (mode! & 0o7777).toString(8);
    if (isSymlink) found.push(`${one} -> ${await Deno.readLink(`${dir}${one}`)}`);
    else if (isDirectory) found.push(`${one}/ ${bits}`, ...await treeOf(dir, one));
    else found.push(`${one} ${bits} ${await Deno.readTextFile(`${dir}${one}`)}`);
  }
  return found.sort();
}

/** The account that runs the tests, as owner of files: only root can hand things to others. */
async function readOwn(): Promise<{ owner: string; group: string }> {
  const names = await readAccountNames(new RootedHost("/nowhere"));
  return ownerNames(names, { uid: Deno.uid()!, gid: Deno.gid()! });
}

Deno.test("what a configuration has made is undone when it wants none of it any more", async () => {
  const [run, dir] = await Promise.all(
    [1, 2].map(async () => Deno.realPath(await Deno.makeTempDir())),
  );
  try {
    const host = new RootedHost(run!);
    await Deno.writeTextFile(`${dir}/motd`, "of the image", { mode: 0o640 });
    await Deno.symlink("image", `${dir}/link`);
    await Deno.mkdir(`${dir}/srv`, { mode: 0o711 });
    const before = await treeOf(dir!);
    const apply = async (config: NodeConfig): Promise<Applied> => {
      const { signal } = new AbortController();
      const about = {
        identity: IDENTITY,
        tags: [],
        isReached: true,
        bootId: "b",
        signal,
        trials: new TrialsFake(),
      };
      const target: Target = { ...about, config, shown: config };
      const applied: Applied = { steps: [], troubles: [] };
      for (const part of PARTS) await part(host, target, applied);
      return applied;
    };
    const own = await readOwn();
    const config: NodeConfig = {
      directories: {
        [`${dir}/srv`]: { mode: "0700", ...own },
        [`${dir}/data/app`]: { mode: "0750", ...own },
      },
      files: {
        [`${dir}/motd`]: {
          content: "{{name}}\n",
          template: true,
          validate: "grep -q alpha %s",
          ...own,
        },
        [`${dir}/data/app/conf/a`]: { content: "a", mode: "0600", ...own },
        [`${dir}/link`]: { content: "a file now", ...own },
      },
      links: { [`${dir}/data/app/current`]: { target: "conf/a" } },
    };
    assertEquals((await apply(config)).troubles, []);
    assertEquals(await treeOf(dir!), [
      "/data/ 755",
      "/data/app/ 750",
      "/data/app/conf/ 755",
      "/data/app/conf/a 600 a",
      "/data/app/current -> conf/a",
      "/link 644 a file now",
      "/motd 644 alpha\n",
      "/srv/ 700",
    ]);
    assertEquals(await apply(config), { steps: [], troubles: [] });
    assertEquals((await apply({})).troubles, []);
    assertEquals(await treeOf(dir!), before);
    assertEquals(await apply({}), { steps: [], troubles: [] });
  } finally {
    for (const path of [run!, dir!]) await Deno.remove(path, { recursive: true });
  }
});

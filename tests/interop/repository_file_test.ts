import { assertEquals, assertRejects } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import { readRepositoryFile, readRepositoryText } from "../../lib/repository_file.ts";
import { readFleetFiles } from "../../site/fleet/fleet.ts";
import { judgedTest } from "../support/tools.ts";

const host = new DenoHost();
const MAX = 1000;

judgedTest("readRepositoryFile() waits for no pipe, and reads no device and no file without end", [
  "mkfifo",
], async (dir) => {
  const put = (name: string, text: string) => Deno.writeTextFile(`${dir}/${name}`, text);
  await put("file", "text");
  await put("long", "x".repeat(MAX + 1));
  await put("latin", "");
  await Deno.writeFile(`${dir}/latin`, new Uint8Array([0xe4]));
  await host.run(["mkfifo", `${dir}/pipe`]);
  await Deno.mkdir(`${dir}/folder`);
  const links = {
    link: "file",
    zero: "/dev/zero",
    piped: "pipe",
    nowhere: "missing",
    loop: "loop",
  };
  for (const [name, target] of Object.entries(links)) await Deno.symlink(target, `${dir}/${name}`);
  for (const name of ["file", "link"]) {
    assertEquals(await readRepositoryText(host, `${dir}/${name}`, MAX), "text");
  }
  const refused = {
    ...{ pipe: "it is no ordinary file", piped: "it is no ordinary file" },
    ...{ zero: "it is no ordinary file", folder: "it is no ordinary file" },
    ...{ long: "it is longer than 1000 bytes", nowhere: "it is missing", none: "it is missing" },
  };
  for (const [name, state] of Object.entries(refused)) {
    await assertRejects(
      () => readRepositoryFile(host, `${dir}/${name}`, MAX),
      UserError,
      `Cannot read ${dir}/${name}: ${state}`,
    );
  }
  await assertRejects(() => readRepositoryFile(host, `${dir}/loop`, MAX), UserError, `${dir}/loop`);
  await assertRejects(
    () => readRepositoryText(host, `${dir}/latin`, MAX),
    UserError,
    "no text in UTF-8",
  );
});

judgedTest(
  "a fleet with a pipe or a device for a node's file is refused at once",
  ["mkfifo"],
  async (dir) => {
    await host.run(["mkfifo", `${dir}/x.yaml`]);
    await assertRejects(
      () => readFleetFiles(host, dir),
      UserError,
      "x.yaml: it is no ordinary file",
    );
    await Deno.remove(`${dir}/x.yaml`);
    await Deno.symlink("/dev/zero", `${dir}/y.yaml`);
    await assertRejects(
      () => readFleetFiles(host, dir),
      UserError,
      "y.yaml: it is no ordinary file",
    );
  },
);

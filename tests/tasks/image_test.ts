import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sha256Hex } from "../../lib/bytes.ts";
import { EXIT } from "../../lib/errors.ts";
import { main } from "../../tasks/image.ts";
import { programByHand } from "../../tasks/image_mkimage.ts";
import { FakeHost } from "../support/fake_host.ts";
import { needTool } from "../support/tools.ts";

async function run(...args: string[]) {
  const said = { out: [] as string[], err: [] as string[] };
  const code = await main(args, new FakeHost(), {
    out: (line) => said.out.push(line),
    err: (line) => said.err.push(line),
  });
  return { code, out: said.out.join("\n"), err: said.err.join("\n") };
}

Deno.test("deno task image --help names engines, sources and network", async () => {
  const { code, out } = await run("--help");
  assertEquals(code, EXIT.ok);
  for (const word of ["embedded", "--repository URL|DIR", "--lab", "Network:"]) {
    assertStringIncludes(out, word);
  }
});

Deno.test("deno task image refuses command lines it does not understand", async () => {
  const cases: [string[], string][] = [
    [["--engine", "embeded"], "embedded"],
    [["now"], "now"],
    [["--lab", "--repository", "/r"], "--lab and --repository /r cannot be used together"],
    [["--versoin", "1"], "unknown option --versoin, did you mean --version?"],
    [["--sign", "--update-lock"], "--sign and --update-lock exclude each other"],
    [["--sign", "--engine", "mkimage", "--print"], "--sign and --print exclude each other"],
    [["--update-lock", "--lab"], "--lab and --update-lock exclude each other"],
    [["--update-lock", "--no-lock"], "--update-lock and --no-lock exclude each other"],
    [
      ["--update-lock", "--engine", "mkimage"],
      "--update-lock and --engine mkimage exclude each other",
    ],
    [["--engine", "constructor"], "--engine: it must be embedded, mkimage"],
  ];
  for (const [args, expected] of cases) {
    const { code, err } = await run(...args);
    assertEquals([code, err.includes(expected)], [EXIT.usage, true], err);
  }
});

Deno.test("deno task image --print is for the engine that a run would use", async () => {
  const host = new FakeHost();
  assertEquals(await programByHand(host), "docker");
  host.programs.set("podman", () => "linux/amd64 5.4.2");
  assertEquals(await programByHand(host), "podman");
  assertEquals(await programByHand(host, "docker"), "docker");
  host.programs.set("docker", () => "linux/amd64 28.1");
  assertEquals(await programByHand(host), "docker");
});

Deno.test("deno task image names the programs that are missing before it starts", async () => {
  const { code, out, err } = await run("--engine", "embedded");
  assertEquals([code, out], [EXIT.missing, ""]);
  assertStringIncludes(err, "Cannot go on: mksquashfs is missing; mke2fs is missing");
});

/** One build of the real image by another process; hashes of what it gives. */
async function build(folder: string, env: Record<string, string>, umask: string) {
  const cacheDir = `${folder}/cache`;
  await Deno.mkdir(cacheDir, { recursive: true });
  await Deno.mkdir("build/lab/packages", { recursive: true });
  // Packages may come from before, file systems may not: they are what is compared.
  await Deno.symlink(await Deno.realPath("build/lab/packages"), `${cacheDir}/packages`);
  const script = `
    import { DenoHost } from "./lib/deno_host.ts";
    import { makeImage } from "./lib/image/make.ts";
    import { openLabPackages } from "./lib/lab_packages/open.ts";
    const deno = { path: Deno.execPath(), version: Deno.version.deno };
    const { dir } = await makeImage(new DenoHost(), {
      root: ".", outDir: Deno.args[0], cacheDir: Deno.args[1], packages: "lab",
      version: "1.0", epoch: 1790000000, deno, lab: openLabPackages, agentForm: "bundle",
    });
    console.log(dir);`;
  const file = `build/${crypto.randomUUID()}.ts`;
  await Deno.writeTextFile(file, script.replaceAll('"./lib', '"../lib'));
  try {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: [
        "-c",
        `umask ${umask}; exec "$0" run -q -A --config deno.json "$@"`,
        Deno.execPath(),
        file,
        `${folder}/out`,
        cacheDir,
      ],
      env: { NO_COLOR: "1", ...env },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const dir = new TextDecoder().decode(stdout).trim();
    const hashes: Record<string, string> = {};
    for (const path of ["", "slot/"]) {
      for await (const { name, isFile } of Deno.readDir(`${dir}/${path}`)) {
        if (isFile) hashes[path + name] = sha256Hex(await Deno.readFile(`${dir}/${path}${name}`));
      }
    }
    return hashes;
  } finally {
    await Deno.remove(file);
  }
}

Deno.test({
  name: "makeImage() gives the same image in another zone, language, umask and folder",
  ...needTool("mksquashfs", "apt-get", "dpkg-deb"),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "psyopsos-same-" });
    try {
      const one = await build(`${folder}/a`, { TZ: "UTC", LC_ALL: "C" }, "022");
      const other = { TZ: "Asia/Kathmandu", LC_ALL: "C.UTF-8", HOME: folder };
      const two = await build(`${folder}/b/deeper`, other, "077");
      assertEquals(one, two);
      assert("disk.img" in one && "manifest.json" in one && "slot/vmlinuz" in one);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

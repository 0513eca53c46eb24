/** Debian's depmod and modprobe judge our module indexes, on modules made up for the test. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { zstdCompressSync } from "node:zlib";
import { type Bytes, text, utf8 } from "../../lib/bytes.ts";
import { moduleClosure } from "../../lib/kmod/closure.ts";
import { moduleIndex } from "../../lib/kmod/index.ts";
import { makeModule } from "../support/kernel_module.ts";
import { needTool, toolPath } from "../support/tools.ts";

const VERSION = "6.1.0-test";

/** Writes `files` as a kernel's module folder and lets depmod index it. */
async function withDepmod(
  files: ReadonlyMap<string, Bytes>,
  check: (folder: string, base: string) => Promise<void>,
) {
  const base = await Deno.makeTempDir({ prefix: "psyopsos-depmod-" });
  try {
    const folder = `${base}/lib/modules/${VERSION}`;
    for (const [path, bytes] of files) {
      const target = `${folder}/${path}`;
      await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
      await Deno.writeFile(target, bytes);
    }
    await run("depmod", "-b", base, VERSION);
    await check(folder, base);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

async function run(name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(toolPath(name)!, { args }).output();
  if (code !== 0) throw new Error(`${name} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

/** One made-up module of a random kernel: it may need only those before it. */
const moduleArbitrary = fc.record({
  needs: fc.array(fc.nat(30), { maxLength: 4 }),
  aliases: fc.array(
    fc.constantFrom("fs-a", "pci:v*sv-x", "usb:v[0-9]-p*", "char-major-10-7", "devname:dev/x"),
    { maxLength: 4 },
  ),
  soft: fc.option(fc.constantFrom("pre: fs-a", "post: m-0 none", "pre: m_1 post: m-2")),
  ending: fc.constantFrom(".ko", ".ko.zst"),
  folder: fc.constantFrom("kernel/fs/", "kernel/net/core/", "extra/"),
});

const kernelArbitrary = fc.tuple(
  fc.boolean().chain((withSoft) =>
    fc.array(
      moduleArbitrary.map((module) => withSoft ? module : { ...module, soft: null }),
      { minLength: 1, maxLength: 25 },
    )
  ),
  fc.infiniteStream(fc.nat(1000)),
).map(([modules, places]) => {
  const files = new Map<string, Bytes>();
  const paths: [place: number, path: string][] = [];
  modules.forEach((module, index) => {
    const needs = [...new Set(module.needs.filter((other) => other < index))];
    const elf = makeModule({
      info: [
        `depends=${needs.map((other) => `m_${other}`).join(",")}`,
        ...module.aliases.map((alias) => `alias=${alias}`),
        ...(module.soft ? [`softdep=${module.soft}`] : []),
      ],
      exports: [`symbol_${index}`, `other_${index}`],
      imports: ["printk", ...needs.map((other) => `symbol_${other}`)],
    });
    const path = `${module.folder}m-${index}`;
    const zst = module.ending === ".ko.zst";
    files.set(path + module.ending, zst ? new Uint8Array(zstdCompressSync(elf)) : elf);
    paths.push([places.next().value, `${path}.ko`]);
  });
  paths.sort(([a], [b]) => a - b);
  files.set("modules.order", utf8(paths.map(([, path]) => path + "\n").join("")));
  files.set("modules.builtin", utf8("kernel/fs/tmp-fs.ko\nkernel/net/unix.ko\n"));
  files.set(
    "modules.builtin.modinfo",
    utf8("unix.alias=net-pf-1\0unix.license=GPL\0tmpfs.alias=fs-tmpfs\0other.alias=net-pf-1\0"),
  );
  return { files, count: modules.length };
});

Deno.test({
  name: "depmod writes the same index files as moduleIndex()",
  ...needTool("depmod"),
  fn: async () => {
    const property = fc.asyncProperty(kernelArbitrary, async ({ files }) => {
      const ours = moduleIndex(files);
      await withDepmod(files, async (folder) => {
        for (const [name, bytes] of ours) {
          const theirs = await Deno.readFile(`${folder}/${name}`);
          if (name === "modules.symbols") {
            assertEquals(text(bytes).split("\n").sort(), text(theirs).split("\n").sort());
          } else assertEquals(bytes, theirs, name);
        }
      });
    });
    await fc.assert(property, { numRuns: 25 });
  },
});

/** Whether every module of `paths` comes after all that modules.dep says it needs. */
function assertLoadable(paths: readonly string[], dep: string) {
  const needs = new Map(dep.split("\n").map((line) => line.split(":", 2) as [string, string]));
  paths.forEach((path, place) => {
    for (const need of needs.get(path)!.split(" ").filter(Boolean)) {
      assert(paths.slice(0, place).includes(need), `${path} comes before ${need}`);
    }
  });
}

Deno.test({
  name: "modprobe loads the same modules as moduleClosure(), in the same order where it matters",
  ...needTool("depmod", "modprobe"),
  fn: async () => {
    const property = fc.asyncProperty(kernelArbitrary, async ({ files, count }) => {
      const index = new Map([...files, ...moduleIndex(files)]);
      const dep = text(index.get("modules.dep")!);
      const soft = text(index.get("modules.softdep")!).includes("\nsoftdep ");
      await withDepmod(files, async (folder, base) => {
        for (let i = 0; i < count; i++) {
          const shown = await run(
            "modprobe",
            "-d",
            base,
            "-S",
            VERSION,
            "--show-depends",
            `m-${i}`,
          );
          const paths = shown.split("\n").filter((line) => line.startsWith("insmod "))
            .map((line) => line.split(" ")[1]!.slice(folder.length + 1));
          // modprobe may name a module again that a soft dependency brought before.
          const theirs = [...new Set(paths)];
          const ours = moduleClosure([`m-${i}`], index);
          assertLoadable(ours, dep);
          // Soft dependencies in a circle have no one order.
          if (soft) assertEquals(ours.toSorted(), theirs.toSorted());
          else assertEquals(ours, theirs);
        }
      });
    });
    await fc.assert(property, { numRuns: 10 });
  },
});

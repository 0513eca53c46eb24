/**
 * `deno task image`: builds the OS image.
 *
 * @module
 */
import { EXIT, UserError } from "../lib/errors.ts";
import { type CommandSpec, type Console, processConsole, runCommand } from "../lib/cli/command.ts";
import { DenoHost, type Host } from "../lib/host.ts";
import { closest } from "../lib/cli/closest.ts";
import { type MadeImage, makeImage, type MakeImageOptions } from "../lib/image/make.ts";
import { BUILD_NEEDS, ensurePackages } from "../lib/system_packages.ts";

/** Everything that makes an image out of overlay/image.yaml. */
const ENGINES: Record<string, (host: Host, options: MakeImageOptions) => Promise<MadeImage>> = {
  embedded: makeImage,
};

const spec: CommandSpec = {
  name: "deno task image",
  summary: "Builds the OS image that overlay/image.yaml defines: boot slot and disk image.",
  usage: ["[--engine embedded] [--version V] [--out DIR] [--lab | --repository URL|DIR …]"],
  options: {
    engine: { value: "NAME", help: `what builds it: ${Object.keys(ENGINES).join(", ")}` },
    version: { value: "V", help: "names the image; default the commit's time, YYYY.MM.DD.HHMM" },
    out: { value: "DIR", help: "where <version>/ is written, default dist" },
    repository: {
      value: "URL|DIR",
      many: true,
      help: "take packages from here, signed by a key in overlay/root/etc/apk/keys",
    },
    lab: { help: "take packages from the lab repository, made from this machine's Debian" },
    json: { help: "print facts of the result as JSON" },
  },
  notes: [
    "Without --lab and --repository: from the Alpine mirror in overlay/image.yaml when it answers, else from the lab\n" +
    "repository. The same sources, version and SOURCE_DATE_EPOCH (default: the commit's time) give the same bytes.",
    "Network: the mirror or the given URLs; for the lab repository Debian's package servers and the npm registry.",
  ],
};

/** Runs the command; returns its exit code. */
export async function main(
  args: readonly string[],
  host: Host = new DenoHost(),
  console: Console = processConsole,
): Promise<number> {
  return await runCommand(spec, args, async (line) => {
    const usage = (message: string) => new UserError(message, { exitCode: EXIT.usage });
    if (line.words.length > 0) {
      throw usage(`Cannot read the command line: unexpected word ${line.words[0]}`);
    }
    const name = line.value("engine") ?? "embedded";
    const engine = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
    if (!engine) {
      const near = closest(name, Object.keys(ENGINES));
      throw usage(`Cannot use the engine ${name}: there is ${near ?? Object.keys(ENGINES)}`);
    }
    const given = line.values("repository");
    if (line.on("lab") && given.length > 0) {
      throw usage("Cannot read the command line: --lab and --repository exclude each other");
    }
    const json = line.on("json");
    const stage = (text: string) => json ? console.err(text) : console.out(text);
    await ensurePackages(host, BUILD_NEEDS, { aptLists: line.on("lab"), onStage: stage });
    const version = line.value("version");
    const started = host.now().getTime();
    const image = await engine(host, {
      root: ".",
      outDir: line.value("out") ?? "dist",
      // Shared with the lab, so that packages are made once.
      cacheDir: "build/lab",
      packages: line.on("lab") ? "lab" : given.length > 0 ? given : "auto",
      ...(version === undefined ? {} : { version }),
      deno: { path: Deno.execPath(), version: Deno.version.deno },
      onStage: stage,
    });
    const seconds = (host.now().getTime() - started) / 1000;
    if (json) console.out(JSON.stringify(facts(image, seconds), null, 2));
    else for (const text of summary(image, seconds)) console.out(text);
  }, console);
}

function facts(image: MadeImage, seconds: number) {
  const { version, arch, dir, slotDir, slotTar, diskImage, packages, sizes } = image;
  const { kernel } = image.manifest;
  return { version, arch, kernel, dir, slotDir, slotTar, diskImage, packages, sizes, seconds };
}

const MIB = 2 ** 20;

function summary({ manifest, sizes, dir, ...image }: MadeImage, seconds: number): string[] {
  const mib = (size: number) => `${(size / MIB).toFixed(1)} MiB`;
  const counted = manifest.packages.filter(({ role }) => role === "installed").length;
  return [
    `psyopsOS ${image.version} for ${image.arch}: ${counted} packages (${image.packages}), ` +
    `Linux ${manifest.kernel}, ${seconds.toFixed(1)} s`,
    `  kernel ${mib(sizes.kernel)}, initrd ${mib(sizes.initrd)}, root ${mib(sizes.squashfs)}, ` +
    `disk ${mib(sizes.disk)}`,
    ...manifest.deferredScripts.map((script) =>
      `  runs on the node: ${script.phase} of ${script.package}`
    ),
    `  ${dir}`,
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * `deno task image`: builds the OS image.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { FORM_CHOICES } from "../lib/agent_build/forms.ts";
import { readAgent } from "../lib/agent_build/store.ts";
import { closest } from "../lib/cli/closest.ts";
import { type CommandSpec, type Console, processConsole, runCommand } from "../lib/cli/command.ts";
import { BUILD_NEEDS, ensurePackages } from "../lib/cli/system_packages.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, reasonOf, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { type MadeImage, makeImage, type MakeImageOptions, updateLock } from "../lib/image/make.ts";
import { openEngine } from "../lib/image/mkimage/engine.ts";
import { LOCK_FILE } from "../lib/image/packages/image_lock.ts";
import { signRelease } from "../lib/image/release/sign_release.ts";
import { openLabPackages } from "../lib/lab_packages/open.ts";
import { ARCHITECTURES } from "../lib/schema/fields.ts";
import { loadSigner } from "../lib/trust/keyring.ts";
import { keyIdHex } from "../lib/trust/minisign.ts";
import { findPassphrase } from "../lib/trust/passphrase.ts";
import { containerProgram, mkimageTask } from "./image_mkimage.ts";

/** Everything that makes an image out of overlay/image.yaml. */
const ENGINES = ["embedded", "mkimage"] as const;

const spec: CommandSpec = {
  name: "deno task image",
  summary: "Build the OS image that overlay/image.yaml defines.",
  usage: [
    "[--engine embedded|mkimage] [--version V] [--out DIR] [--lab | --repository URL|DIR …] [--sign]",
    "--engine mkimage [--container docker|podman] [--print | --shell | --clean]",
    "--update-lock [--arch ARCH] [--repository URL|DIR …]",
  ],
  options: {
    engine: {
      value: "NAME",
      help:
        "embedded: boot slot and disk image, made here; mkimage: an ISO by Alpine's mkimage.sh in a container",
    },
    version: { value: "V", help: "names the image; default the commit's time, YYYY.MM.DD.HHMM" },
    arch: { value: "ARCH", help: `${ARCHITECTURES.join(" or ")}, default ${ARCHITECTURES[0]}` },
    out: { value: "DIR", help: "where <version>/ is written, default dist" },
    repository: {
      value: "URL|DIR",
      many: true,
      help:
        "take packages from here, signed by a key in overlay/root/etc/apk/keys or one that image.yaml pins",
    },
    lab: {
      help: "take packages from the lab repository, made from this machine's Debian (embedded)",
    },
    "update-lock": {
      help: `write ${LOCK_FILE}: the exact packages that images are made of from now on`,
    },
    "agent-form": {
      value: "FORM",
      help: `of the agent: ${
        FORM_CHOICES.join(", ")
      }; default image.yaml's (deno task agent --help)`,
    },
    "agent-dir": { value: "DIR", help: "take the agent that deno task agent wrote there" },
    "no-lock": { help: `take what the repositories have now, whatever ${LOCK_FILE} says` },
    sign: { help: "sign the release's files with the release role's key: a .minisig beside each" },
    keys: {
      value: "DIR",
      help:
        "the keys folder, default keys; its abuild/ has the key that signs the ISO's packages (mkimage)",
    },
    container: {
      value: "PROGRAM",
      help: "docker or podman, default the first that answers (mkimage)",
    },
    "container-network": {
      value: "NAME",
      help: "network of the builder, default the engine's (mkimage)",
    },
    print: {
      help: "write all that would be run to build/mkimage/ and show it, run nothing (mkimage)",
    },
    shell: { help: "open a shell in the builder with everything in place (mkimage)" },
    clean: { help: "remove builder images and volumes with downloads and cached parts (mkimage)" },
    json: { help: "print facts of the result as JSON" },
  },
  notes: [
    "Without --engine: mkimage where Docker or Podman answers, else embedded; --lab is embedded. Which one is said.",
    "Packages, without --lab and --repository: from the Alpine mirror in overlay/image.yaml; the embedded engine takes\n" +
    "the lab repository when the mirror is silent. The same sources, version and SOURCE_DATE_EPOCH (default: the\n" +
    "commit's time) give the same bytes with the embedded engine.",
    "The agent is compiled or bundled; auto takes the best form that can be had here and says why, so name the form where\n" +
    "images of different machines have to be the same. DENORT_BIN is taken as deno task agent takes it.",
    `${LOCK_FILE}, where it stands, names every package with its SHA-256. Packages from the mirror or --repository must\n` +
    "be those, and a package that is gone or another now is an error; the lab repository has packages of its own and no\n" +
    "lock. A public key that image.yaml pins is fetched once from alpinelinux.org and kept in build/lab/keys.",
    "A release: <version>/ with slot/ and its .slot.tar for updates, disk.img, a bill of materials (CycloneDX 1.6),\n" +
    "manifest.json, and from mkimage the ISO. --sign takes keys/release, else keys/minisign; the passphrase comes from\n" +
    ".minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "The container engine may be on another machine (DOCKER_HOST, CONTAINER_HOST): files are copied, nothing is mounted.\n" +
    "The builder runs as an ordinary user without --privileged. The key goes into its container, and goes with it.",
    "Network: the mirror or the given URLs, and alpinelinux.org for a key that is not there; for the lab repository Debian's\n" +
    "package servers and the npm registry; for a compiled agent dl.deno.land and Debian's mirror;\n" +
    "for the builder the container registry, gitlab.alpinelinux.org and the Alpine mirror.",
  ],
};

/** Runs the command; returns its exit code. */
export async function main(
  args: readonly string[],
  host: Host = new DenoHost(),
  console: Console = processConsole,
): Promise<number> {
  return await runCommand(spec, args, async (line) => {
    const usage = (state: string, doing = "read the command line") =>
      new UserError(doing, state, {
        exitCode: EXIT.usage,
        hint: `${spec.name} --help shows what it takes`,
      });
    if (line.words.length > 0) {
      throw usage(`unexpected word ${line.words[0]}`);
    }
    const oneOf = <T extends string>(option: string, what: string, known: readonly T[]) => {
      const name = line.value(option);
      const found = known.find((one) => one === name);
      if (name === undefined || found) return found;
      const near = closest(name, known);
      throw usage(`there is ${near ?? known.join(", ")}`, `use the ${what} ${name}`);
    };
    const wanted = oneOf("engine", "engine", ENGINES);
    const arch = oneOf("arch", "architecture", ARCHITECTURES);
    const agentForm = oneOf("agent-form", "form", FORM_CHOICES);
    const agentDir = line.value("agent-dir");
    if (agentForm && agentDir) {
      throw usage("--agent-form and --agent-dir exclude each other");
    }
    const given = line.values("repository");
    if (line.on("lab") && given.length > 0) {
      throw usage("--lab and --repository exclude each other");
    }
    const special = MKIMAGE_ONLY.filter((name) => line.on(name));
    if (special.length > 1) {
      throw usage(`--${special.join(" and --")} exclude each other`);
    }
    const embeddedOnly = wanted === "embedded"
      ? "--engine embedded"
      : line.on("lab")
      ? "--lab"
      : undefined;
    const mkimageOnly = special[0] ?? (wanted === "mkimage" ? "engine mkimage" : undefined);
    if (embeddedOnly && mkimageOnly) {
      throw usage(
        `${embeddedOnly} and --${mkimageOnly} exclude each other`,
      );
    }
    const json = line.on("json");
    const stage = (text: string) => json ? console.err(text) : console.out(text);
    const version = line.value("version");
    const keysDir = line.value("keys") ?? "keys";
    const notBuilding = ["update-lock", ...MKIMAGE_ONLY].find((name) => line.on(name));
    if (line.on("sign") && notBuilding) {
      throw usage(`--sign and --${notBuilding} exclude each other`);
    }
    // Its passphrase is asked for before minutes are spent.
    const signer = line.on("sign")
      ? await loadSigner(host, keysDir, "release", {
        passphrase: () => findPassphrase(host, { prompt: promptSecret }),
      })
      : undefined;
    const sign = async ({ dir, version }: { dir: string; version: string }) => {
      if (!signer) return;
      const names = await signRelease(host, dir, version, signer);
      stage(`signed with key ${keyIdHex(signer.publicKey)}: ${names.join(", ")}`);
    };
    const options = {
      root: ".",
      outDir: line.value("out") ?? "dist",
      // Shared with the lab, so that packages are made once.
      cacheDir: "build/lab",
      ...(version === undefined ? {} : { version }),
      ...(arch === undefined ? {} : { arch }),
      deno: { path: Deno.execPath(), version: Deno.version.deno },
      ...(agentForm === undefined ? {} : { agentForm }),
      ...(agentDir === undefined ? {} : { agent: await readAgent(host, agentDir) }),
      noLock: line.on("no-lock"),
      onStage: stage,
    };
    if (line.on("update-lock")) {
      const other = ["engine", "lab", "no-lock", ...MKIMAGE_ONLY].find((name) =>
        line.on(name) || line.value(name) !== undefined
      );
      if (other) {
        throw usage(
          `--update-lock and --${other} exclude each other`,
        );
      }
      const changes = await updateLock(host, {
        ...options,
        packages: given.length > 0 ? given : "mirror",
      });
      if (json) console.out(JSON.stringify({ lock: LOCK_FILE, changes }, null, 2));
      else {for (const text of [...changes, `${LOCK_FILE}: ${changes.length} changes`]) {
          console.out(text);
        }}
      return;
    }
    const program = containerProgram(line);
    const choice = mkimageOnly
      ? { name: "mkimage" as const }
      : embeddedOnly
      ? { name: "embedded" as const }
      : await chooseEngine(host, program);
    if ("why" in choice) stage(`engine ${choice.name}: ${choice.why}`);
    if (choice.name === "mkimage") {
      const engine = "engine" in choice ? { engine: choice.engine } : {};
      const repositories = given.length > 0 ? { repositories: given } : {};
      return await mkimageTask(host, {
        line,
        console,
        stage,
        sign,
        ...engine,
        options: { ...options, keysDir, ...repositories },
      });
    }
    await ensurePackages(host, BUILD_NEEDS, { aptLists: line.on("lab"), onStage: stage });
    const started = host.now().getTime();
    const packages: MakeImageOptions["packages"] = line.on("lab")
      ? "lab"
      : given.length > 0
      ? given
      : "auto";
    const image = await makeImage(host, { ...options, packages, lab: openLabPackages });
    await sign(image);
    const seconds = (host.now().getTime() - started) / 1000;
    if (json) console.out(JSON.stringify(facts(image, seconds), null, 2));
    else for (const text of summary(image, seconds)) console.out(text);
  }, console);
}

/** Switches that only the engine mkimage knows. */
const MKIMAGE_ONLY = ["print", "shell", "clean"] as const;

/** The engine where nobody says which, and why. */
async function chooseEngine(host: Host, program: ReturnType<typeof containerProgram>) {
  try {
    const engine = await openEngine(host, program);
    return { name: "mkimage", engine, why: `${engine.program} ${engine.version} answers` } as const;
  } catch (error) {
    // A program that was asked for by name has to answer.
    if (program || !(error instanceof UserError)) throw error;
    return { name: "embedded", why: reasonOf(error) } as const;
  }
}

function facts(image: MadeImage, seconds: number) {
  const { version, arch, dir, slotDir, slotTar, diskImage, sbom, packages, sizes } = image;
  const { kernel } = image.manifest;
  const { agent } = image;
  return {
    version,
    arch,
    kernel,
    agent,
    dir,
    slotDir,
    slotTar,
    diskImage,
    sbom,
    packages,
    sizes,
    seconds,
  };
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
    `  agent ${image.agent.form}: ${image.agent.why}`,
    ...manifest.deferredScripts.map((script) =>
      `  runs on the node: ${script.phase} of ${script.package}`
    ),
    `  ${dir}`,
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));

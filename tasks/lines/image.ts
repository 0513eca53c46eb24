/**
 * The command line of `deno task image`.
 *
 * @module
 */
import { object, or } from "@optique/core/constructs";
import { map, optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { FORM_CHOICES } from "../../lib/agent_build/forms.ts";
import { UsageError } from "../../lib/cli/failures.ts";
import { needed, on, oneOf, value, values } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { versionProblem } from "../../lib/documents/boot_entry.ts";
import { CONTAINER_PROGRAMS } from "../../lib/image/mkimage/engine.ts";
import { LOCK_FILE } from "../../lib/image/packages/image_lock.ts";
import { ARCHITECTURES } from "../../lib/schema/fields.ts";

/** Everything that makes an image out of overlay/image.yaml. */
const ENGINES = ["embedded", "mkimage"] as const;

const parser = object({
  engine: oneOf(
    "engine",
    ENGINES,
    "embedded: boot slot and disk image, made here; mkimage: an ISO by Alpine's mkimage.sh in a container",
  ),
  version: value(
    "version",
    "V",
    "names the image; default the commit's time, YYYY.MM.DD.HHMM",
    { check: versionProblem },
  ),
  arch: oneOf("arch", ARCHITECTURES, "architecture of the nodes", { default: "x86_64" }),
  outDir: value("out", "DIR", "where <version>/ is written", { default: "dist" }),
  packages: withDefault(
    or(
      map(
        needed(
          "lab",
          "take packages from the lab repository, made from this machine's Debian (embedded)",
        ),
        () => "lab" as const,
      ),
      values(
        "repository",
        "URL|DIR",
        "take packages from here, signed by a key in overlay/root/etc/apk/keys or one that image.yaml pins",
        { min: 1 },
      ),
    ),
    "auto" as const,
    { message: [] },
  ),
  agentForm: oneOf(
    "agent-form",
    FORM_CHOICES,
    "of the agent, default image.yaml's (deno task agent --help)",
  ),
  agentDir: value("agent-dir", "DIR", "take the agent that deno task agent wrote there"),
  noLock: on("no-lock", `take what the repositories have now, whatever ${LOCK_FILE} says`),
  sign: on("sign", "sign the release's files with the release role's key: a .minisig beside each"),
  keysDir: value(
    "keys",
    "DIR",
    "the keys folder; its abuild/ has the key that signs the ISO's packages (mkimage)",
    { default: "keys" },
  ),
  container: oneOf(
    "container",
    CONTAINER_PROGRAMS,
    "default the first that answers (mkimage)",
  ),
  network: value(
    "container-network",
    "NAME",
    "network of the builder, default the engine's (mkimage)",
  ),
  instead: optional(or(
    map(
      needed(
        "update-lock",
        `write ${LOCK_FILE}: the exact packages that images are made of from now on`,
      ),
      () => "update-lock" as const,
    ),
    map(
      needed(
        "print",
        "write all that would be run to build/mkimage/ and show it, run nothing (mkimage)",
      ),
      () => "print" as const,
    ),
    map(
      needed("shell", "open a shell in the builder with everything in place (mkimage)"),
      () => "shell" as const,
    ),
    map(
      needed(
        "clean",
        "remove builder images and volumes with downloads and cached parts (mkimage)",
      ),
      () => "clean" as const,
    ),
  )),
  json: on("json", "print facts of the result as JSON"),
});

/** What the command line says; `instead` of a build something else may be wanted. */
export type ImageLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<ImageLine> = {
  name: "deno task image",
  summary: "Build the OS image that overlay/image.yaml defines.",
  parser,
  ownVersion: true,
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

/** Refuses options that are right by themselves but not together. @throws {UsageError} */
export function checkTogether(line: ImageLine): void {
  const { engine, packages, agentForm, agentDir, noLock, sign, instead } = line;
  const exclude = (one: string | false | undefined, other: string | false | undefined) => {
    if (one && other) throw new UsageError(`${one} and ${other} exclude each other`);
  };
  const special = instead && `--${instead}`;
  const mkimage = engine === "mkimage" ? "--engine mkimage" : special;
  exclude(agentForm && "--agent-form", agentDir && "--agent-dir");
  exclude(sign && "--sign", special);
  exclude(packages === "lab" && "--lab", mkimage);
  if (instead === "update-lock") {
    exclude(special, engine && `--engine ${engine}`);
    exclude(special, noLock && "--no-lock");
  } else exclude(engine === "embedded" && "--engine embedded", special);
}

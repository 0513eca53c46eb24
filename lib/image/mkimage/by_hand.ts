/**
 * A build with mkimage.sh as files and one shell script, for whoever wants to read or run it without this
 * program. The private key is not among the files: the script takes it from where it lies.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../bytes.ts";
import { placeOf, type PreparedBuild } from "./prepare.ts";
import { buildArguments, createArguments, inputArchive, OUT } from "./plan.ts";
import { quote } from "./profile.ts";

/** One file to write. */
export interface HandFile {
  data: Bytes;
  mode: number;
}

/** Files by name; `commands.sh` is the one to run, in their folder. `keyFile` is the private key's absolute path. */
export function filesByHand(
  prepared: PreparedBuild,
  options: { program: string; keyFile: string; network?: string },
): Map<string, HandFile> {
  const { program, keyFile, network } = options;
  const { plan, epoch, templates } = prepared;
  // The image's tag in place of its id, which is not known: a volume of its own.
  const place = placeOf(prepared, plan.image, undefined, network);
  const line = (args: readonly string[]) => [program, ...args].map(quote).join(" ");
  const at = keyFile.lastIndexOf("/");
  const [folder, name] = [keyFile.slice(0, at) || "/", keyFile.slice(at + 1)];
  const home = plan.env.PACKAGER_PRIVKEY!.slice(0, plan.env.PACKAGER_PRIVKEY!.lastIndexOf("/"));
  const script = [
    "#!/bin/sh",
    "# What deno task image --engine mkimage runs, less the checks of its result. The ISO appears in out/.",
    `# input.tar holds the other files beside this one, at the places where the builder wants them.`,
    "set -eu",
    'cd "$(dirname "$0")"',
    "",
    "# 1. The builder: Alpine, its mkimage.sh and an ordinary user.",
    `${line(buildArguments(plan, place))} <Dockerfile`,
    "",
    "# 2. A container of it. Nothing of this machine is mounted; the volumes keep downloads and cached parts.",
    line(createArguments(plan, place)),
    `trap ${quote(line(["rm", "--force", place.name]))} EXIT`,
    "",
    "# 3. Profile, overlay and keys go in; the private key belongs to the builder's user, 0600.",
    `${line(["cp", "-", `${place.name}:/`])} <input.tar`,
    "owner='--owner=1000 --group=1000'",
    "tar --version | grep -q GNU || owner='--uid 1000 --gid 1000'",
    "# shellcheck disable=SC2086 # two words",
    `tar $owner -C ${quote(folder)} -cf - ${quote(name)} | ${
      line(["cp", "-", `${place.name}:${home}`])
    }`,
    ...plan.copies.map(({ from, to }) => line(["cp", `${from}/.`, `${place.name}:${to}`])),
    "",
    "# 4. mkimage.sh. Its exit code says little: look at the ISO.",
    line(["start", "--attach", place.name]),
    "mkdir -p out",
    line(["cp", `${place.name}:${OUT}/.`, "out/"]),
    "",
  ].join("\n");
  const file = (data: string | Bytes, mode = 0o644): HandFile => ({
    data: typeof data === "string" ? utf8(data) : data,
    mode,
  });
  const overlay = plan.files.find(({ path }) => path.endsWith(".apkovl.tar.gz"))!;
  return new Map([
    ["commands.sh", file(script, 0o755)],
    ["Dockerfile", file(plan.dockerfile)],
    ["mkimg.psyopsos.sh", file(plan.profile)],
    ["genapkovl-psyopsos.sh", file(plan.genapkovl, 0o755)],
    ["build.sh", file(templates.driver, 0o755)],
    ["psyopsos.apkovl.tar.gz", file(overlay.data)],
    ["input.tar", file(inputArchive(plan, epoch, false))],
  ]);
}

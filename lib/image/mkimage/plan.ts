/**
 * What a build runs, as data: the files that go into the builder container and the commands. Pure, so that
 * `--print` shows exactly what a build does.
 *
 * @module
 */
import { type Bytes, sha256Hex, utf8 } from "../../bytes.ts";
import { type TarEntry, writeTar } from "../../formats/tar.ts";
import type { Architecture } from "../../schema/fields.ts";
import type { ImageDefinition } from "../definition.ts";
import type { AbuildKey } from "./abuild_key.ts";
import { PLATFORMS } from "./engine.ts";
import { type ImageNames, imageNames, PROFILE, renderGenapkovl, renderProfile } from "./profile.ts";

/** The files of `overlay/mkimage`. */
export interface Templates {
  dockerfile: string;
  profile: string;
  genapkovl: string;
  driver: string;
}

/** What a plan is made from. */
export interface PlanInput {
  definition: ImageDefinition;
  templates: Templates;
  version: string;
  epoch: number;
  arch: Architecture;
  /** Whole kernel command line. */
  cmdline: string;
  apkovl: Bytes;
  key: AbuildKey;
  /** In order of precedence; a folder of this machine is copied in. */
  repositories: readonly { location: string; local: boolean }[];
  /** Public keys of the repositories, PEM by file name. */
  repositoryKeys: ReadonlyMap<string, string>;
}

/** A file in the builder. */
export interface BuilderFile {
  /** Without leading slash. */
  path: string;
  data: Bytes;
  mode: number;
  owner: "root" | "build";
  /** Not to be written anywhere else. */
  secret?: boolean;
}

/** All that a build needs to know. */
export interface Plan {
  names: ImageNames;
  /** Tag of the builder's image. */
  image: string;
  platform: string;
  dockerfile: string;
  files: BuilderFile[];
  /** Folders that are copied into the builder. */
  copies: { from: string; to: string }[];
  /** Repositories as mkimage.sh gets them. */
  repositories: string[];
  /** mkimage.sh with all arguments. */
  command: string[];
  env: Record<string, string>;
  profile: string;
  genapkovl: string;
}

const HOME = "/home/build";
const SCRIPTS = `${HOME}/aports/scripts`;
const WORK = `${HOME}/work`;
const CACHE = `${HOME}/cache`;
/** Where results lie in the builder. */
export const OUT = `${HOME}/out`;
const KEYS = `${HOME}/.abuild`;
const DRIVER = `${HOME}/psyopsos/build.sh`;
/** The builder's user, as the Dockerfile makes it. */
const BUILD_ID = 1000;

/** Marks containers of ours. */
export const LABEL = "org.psyopsos.mkimage";
/** All volumes, images and containers of ours begin with it. */
export const PREFIX = "psyopsos-mkimage";
/** Downloaded packages. */
export const CACHE_VOLUME = `${PREFIX}-apk-cache`;

/** Name of the volume with mkimage.sh's work folder; the container that uses it bears it too. */
export function workVolume(key: string): string {
  return `${PREFIX}-work-${key}`;
}

/** The plan of a build. @throws {UserError} for what mkimage.sh can't be given. */
export function makePlan(input: PlanInput): Plan {
  const { definition, templates, version, arch, key, epoch } = input;
  const names = imageNames(version, arch);
  const platform = PLATFORMS[arch];
  const profile = renderProfile(templates.profile, { definition, arch, cmdline: input.cmdline });
  const genapkovl = renderGenapkovl(templates.genapkovl, sha256Hex(input.apkovl));
  const copies: Plan["copies"] = [];
  const repositories = input.repositories.map(({ location, local }) => {
    if (!local) return location;
    const to = `${HOME}/repositories/${copies.length}`;
    copies.push({ from: location, to });
    return to;
  });
  const script = (name: string, data: Bytes, mode: number): BuilderFile => ({
    path: `${SCRIPTS}/${name}`.slice(1),
    data,
    mode,
    owner: "build",
  });
  const trusted = [...input.repositoryKeys, [`${key.name}.pub`, key.publicKey] as const];
  const files: BuilderFile[] = [
    script(`mkimg.${PROFILE}.sh`, utf8(profile), 0o644),
    script(`genapkovl-${PROFILE}.sh`, utf8(genapkovl), 0o755),
    script(`${PROFILE}.apkovl.tar.gz`, input.apkovl, 0o644),
    { path: DRIVER.slice(1), data: utf8(templates.driver), mode: 0o755, owner: "build" },
    {
      path: `${KEYS}/${key.name}`.slice(1),
      data: utf8(key.privateKey),
      mode: 0o600,
      owner: "build",
      secret: true,
    },
    {
      path: `${KEYS}/${key.name}.pub`.slice(1),
      data: utf8(key.publicKey),
      mode: 0o644,
      owner: "build",
    },
    // Older versions of mkimage.sh read the first folder, newer ones the second.
    ...["etc/apk/keys", `usr/share/apk/keys/${arch}`].flatMap((folder) =>
      trusted.map(([name, pem]): BuilderFile => ({
        path: `${folder}/${name}`,
        data: utf8(pem),
        mode: 0o644,
        owner: "root",
      }))
    ),
  ];
  return {
    names,
    image: `${PREFIX}:${sha256Hex(utf8(`${templates.dockerfile}\n${platform}`)).slice(0, 12)}`,
    platform,
    dockerfile: templates.dockerfile,
    files,
    copies,
    repositories,
    profile,
    genapkovl,
    env: {
      HOME,
      WORK,
      OUT,
      PSYOPSOS_APK_CACHE: CACHE,
      APORTS: `${HOME}/aports`,
      // In the environment: mkimage.sh and update-kernel look for it in different configuration files.
      PACKAGER_PRIVKEY: `${KEYS}/${key.name}`,
      PACKAGER_PUBKEY: `${KEYS}/${key.name}.pub`,
      SOURCE_DATE_EPOCH: `${epoch}`,
      TMPDIR: "/tmp",
    },
    command: [
      "sh",
      DRIVER,
      "sh",
      "./mkimage.sh",
      "--tag",
      names.tag,
      "--arch",
      arch,
      "--profile",
      PROFILE,
      "--outdir",
      OUT,
      "--workdir",
      WORK,
      "--checksum",
      ...repositories.flatMap((one) => ["--repository", one]),
    ],
  };
}

/** Where a container runs and what it is called. */
export interface Place {
  /** Container's and work volume's name. */
  name: string;
  /** Network of the container; default the engine's. */
  network?: string;
}

/** Arguments that create the container; with `shell` it runs a shell instead of the build. */
export function createArguments(plan: Plan, place: Place, shell = false): string[] {
  return [
    "create",
    "--name",
    shell ? `${place.name}-shell` : place.name,
    "--label",
    `${LABEL}=${shell ? "shell" : "build"}`,
    "--platform",
    plan.platform,
    // Nobody owns this name in a registry, so anybody could publish an image under it.
    "--pull",
    "never",
    ...(place.network === undefined ? [] : ["--network", place.network]),
    // The build needs no more rights than an ordinary user has.
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--user",
    "build",
    "--workdir",
    SCRIPTS,
    "--volume",
    `${place.name}:${WORK}`,
    "--volume",
    `${CACHE_VOLUME}:${CACHE}`,
    ...Object.entries(plan.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...(shell ? ["--interactive", "--tty"] : []),
    plan.image,
    ...(shell ? ["sh"] : plan.command),
  ];
}

/** Arguments that build the image from a Dockerfile on standard input. */
export function buildArguments(plan: Plan, place: Pick<Place, "network">): string[] {
  const network = place.network === undefined ? [] : ["--network", place.network];
  return ["build", "--platform", plan.platform, ...network, "--tag", plan.image, "-"];
}

/** The archive that is unpacked at the root of the builder. `secrets` false leaves the private key out. */
export function inputArchive(plan: Plan, epoch: number, secrets = true): Bytes {
  const folder = (path: string, mode: number): TarEntry => ({
    path,
    kind: "directory",
    mode,
    uid: BUILD_ID,
    gid: BUILD_ID,
    mtime: epoch,
  });
  const files = plan.files.filter(({ secret }) => secrets || !secret);
  return writeTar([
    folder(KEYS.slice(1), 0o700),
    folder(DRIVER.slice(1, DRIVER.lastIndexOf("/")), 0o755),
    ...(plan.copies.length > 0 ? [folder(`${HOME}/repositories`.slice(1), 0o755)] : []),
    ...files.map(({ path, data, mode, owner }): TarEntry => {
      const id = owner === "build" ? BUILD_ID : 0;
      return { path, kind: "file", mode, uid: id, gid: id, mtime: epoch, data };
    }),
  ]);
}

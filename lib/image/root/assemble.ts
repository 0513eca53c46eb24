/**
 * A root file system out of verified packages and the overlay, without running anything of theirs:
 * files in the order of installation, accounts with fixed numbers, owners by name, applet links,
 * services, apk's database. What can't be done here is left in `usr/lib/psyopsos/scripts` for the node.
 * Refused: one file of two packages without `replaces`, unknown owners, privileged files not listed.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { lineFile } from "../../formats/lines.ts";
import { type AccountIds, Accounts, type HomeDirectory } from "./accounts.ts";
import {
  installedDatabase,
  type InstalledPackage,
  scriptsArchive,
  triggersFile,
} from "./apk_db.ts";
import { deferredFiles, type OwnedPath } from "./deferred.ts";
import type { Runlevel } from "../definition.ts";
import { linkApplets, linkServices } from "./links.ts";
import type { OverlayFile } from "./overlay.ts";
import { placePackages } from "./place_packages.ts";
import { type DeferredScript, planScripts } from "./scripts.ts";
import { directory, file, RootTree, symlink } from "./tree.ts";

/** What {@linkcode assemble} puts together. */
export interface AssembleInput {
  /** In the order of installation. */
  packages: readonly InstalledPackage[];
  /** Names asked for, for apk's world file. */
  world: readonly string[];
  arch: string;
  /** Lines of etc/apk/repositories. */
  repositories: readonly string[];
  accounts: AccountIds;
  services: Readonly<Record<Runlevel, readonly string[]>>;
  /** Every file that may be setuid or setgid. */
  privileged: readonly string[];
  /** Placed over the packages, in this order. */
  overlay: readonly OverlayFile[];
  /** Made by the engine, path without leading slash: kernel modules, image.json. */
  extra: ReadonlyMap<string, Bytes>;
  /** Seconds since 1970; no time in the tree is later. */
  epoch: number;
}

/** The result: the tree, and what is left to the node. */
export interface AssembledRoot {
  tree: RootTree;
  deferred: readonly DeferredScript[];
}

const ENGINE = "engine";
/** The service that runs deferred scripts; linked only when there are any. */
const SCRIPTS_SERVICE = "psyopsos-scripts";

/** Puts the root together. @throws {UserError} */
export function assemble(input: AssembleInput): AssembledRoot {
  const { epoch, packages } = input;
  const tree = new RootTree(directory(ENGINE, epoch));
  placePackages(tree, packages);

  const accounts = readAccounts(tree, input.accounts, epoch);
  const directories = [...tree.nodes].filter(([, { kind }]) => kind === "directory")
    .map(([path]) => `/${path}`).sort();
  const deferred: DeferredScript[] = [];
  for (const { opened } of packages) {
    const plan = planScripts(opened, directories);
    for (const step of plan.accounts) {
      const home = accounts.apply(step, opened.info.name);
      if (home) placeHome(tree, home, epoch);
    }
    deferred.push(...plan.deferred);
  }
  for (const overlayFile of input.overlay) placeOverlay(tree, overlayFile, epoch);
  for (const [path, data] of input.extra) tree.place(path, file(data, ENGINE, epoch));
  linkApplets(tree, epoch);
  accounts.lock();
  writeAccounts(tree, accounts);

  const { numberOf, later } = resolveOwners(tree, accounts, deferred);
  const services = { ...input.services };
  if (deferred.length > 0) {
    for (const [path, { data, mode }] of deferredFiles(deferred, later)) {
      tree.place(path, file(data, ENGINE, epoch, mode));
    }
    services.sysinit = [SCRIPTS_SERVICE, ...services.sysinit];
  }
  linkServices(tree, services, epoch);
  const database: [string, Bytes, number?][] = [
    [
      "lib/apk/db/installed",
      installedDatabase(packages, (entry, from) => ({
        uid: entry.uname ? numberOf("user", entry.uname, entry.path, from) : entry.uid,
        gid: entry.gname ? numberOf("group", entry.gname, entry.path, from) : entry.gid,
      })),
    ],
    ["lib/apk/db/scripts.tar", scriptsArchive(packages, epoch)],
    ["lib/apk/db/triggers", triggersFile(packages)],
    ["lib/apk/db/lock", new Uint8Array(), 0o600],
    ...Object.entries({
      "etc/apk/arch": [input.arch],
      "etc/apk/world": [...input.world].sort(),
      "etc/apk/repositories": input.repositories,
    }).map(([name, lines]): [string, Bytes] => [name, lineFile(name, lines)]),
  ];
  for (const [path, data, mode] of database) tree.place(path, file(data, ENGINE, epoch, mode));

  checkPrivileged(tree, input.privileged);
  if (tree.follow("sbin/init")?.kind !== "file") {
    throw new UserError("assemble the image", "no package gives /sbin/init");
  }
  return { tree, deferred };
}

function readAccounts(tree: RootTree, ids: AccountIds, epoch: number): Accounts {
  const files = {
    passwd: tree.text("etc/passwd"),
    group: tree.text("etc/group"),
    shadow: tree.text("etc/shadow"),
  };
  return new Accounts(files, ids, epoch);
}

function writeAccounts(tree: RootTree, accounts: Accounts): void {
  for (const [name, content] of Object.entries(accounts.files())) {
    // Owner and mode stay as the package has them (shadow: root:shadow 0640).
    tree.follow(`etc/${name}`)!.data = utf8(content);
  }
}

/** adduser's home beats the directory of a package: it is the account's, with the group inherited. */
function placeHome(tree: RootTree, { path, user, group }: HomeDirectory, epoch: number): void {
  if (path === "" || path.startsWith("dev/")) return;
  const facts = { owner: user, group, mode: 0o2755 };
  const there = tree.follow(path);
  if (there?.kind === "directory") Object.assign(there, facts);
  else if (!there) tree.place(path, { ...directory(ENGINE, epoch), ...facts });
}

function placeOverlay(tree: RootTree, overlay: OverlayFile, epoch: number): void {
  const { kind, mode, owner, group, path } = overlay;
  const facts = { mode, owner, group };
  const from = "overlay";
  if (kind === "symlink") {
    tree.place(path, { ...symlink(overlay.target!, from, epoch), ...facts });
  } else if (kind === "file") {
    tree.place(path, { ...file(overlay.data!, from, epoch), ...facts });
  } else {
    // A folder of the overlay only leads to its files: the package's mode stays.
    tree.place(path, { ...directory(from, epoch), ...facts });
  }
}

type NumberOf = (kind: "user" | "group", name: string, path: string, from: string) => number;

/**
 * Turns names into numbers everywhere. Only files of packages whose pre-install script is left to the
 * node may have names that nobody knows yet: those are root's until then.
 */
function resolveOwners(
  tree: RootTree,
  accounts: Accounts,
  deferred: readonly DeferredScript[],
): { numberOf: NumberOf; later: OwnedPath[] } {
  const late = new Set(
    deferred.filter(({ phase }) => phase === "pre-install").map((item) => item.package),
  );
  const known = (kind: "user" | "group", name: string) =>
    name === "root" ? 0 : kind === "user" ? accounts.uid(name) : accounts.gid(name);
  const numberOf: NumberOf = (kind, name, path, from) => {
    const id = known(kind, name) ?? (late.has(from) ? 0 : undefined);
    if (id !== undefined) return id;
    throw new UserError(`own /${path} of ${from}`, `there is no ${kind} ${name}`);
  };
  const later: OwnedPath[] = [];
  for (const [path, { owner = "root", group = "root", mode, from }] of tree.nodes) {
    const missing = known("user", owner) === undefined || known("group", group) === undefined;
    if (missing && late.has(from)) later.push({ path, owner, group, mode });
  }
  tree.setOwners((kind, name, path) => numberOf(kind, name, path, tree.nodes.get(path)!.from));
  return { numberOf, later };
}

/** A setuid or setgid file that nobody listed is a hole that came with an update. */
function checkPrivileged(tree: RootTree, allowed: readonly string[]): void {
  for (const [path, node] of tree.nodes) {
    if (node.kind !== "file" || !(node.mode & 0o6000) || allowed.includes(path)) continue;
    throw new UserError(
      "assemble the image",
      `/${path} of ${node.from} is privileged (mode ${node.mode.toString(8)})`,
      { hint: "list it under privileged in overlay/image.yaml, or leave the package out" },
    );
  }
}

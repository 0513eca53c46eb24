/**
 * The overlay ("apkovl") that mkimage.sh puts on its medium: everything that is not a package. Alpine's
 * initramfs unpacks it into the empty root and then installs the packages of `etc/apk/world` around it;
 * a package's file does not replace one of the overlay.
 *
 * The same inputs give the same bytes: sorted, all times the epoch, gzip without a date.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../bytes.ts";
import type { ImageFacts } from "../../documents/image_facts.ts";
import { formatImageFacts, IMAGE_FACTS_PATH } from "../../documents/image_facts.ts";
import { UserError } from "../../errors.ts";
import { gzip } from "../../formats/gzip.ts";
import { lineFile } from "../../formats/lines.ts";
import { safePath, type TarEntry, writeTar } from "../../formats/tar.ts";
import { type ImageDefinition, type Runlevel, RUNLEVELS } from "../definition.ts";
import type { OverlayFile } from "../root/overlay.ts";

/** What the overlay is made of. */
export interface ApkovlInput {
  definition: ImageDefinition;
  /** `overlay/root`, with modes and owners. */
  overlay: readonly OverlayFile[];
  /** Files of the agent by path, with or without leading slash. */
  agent: ReadonlyMap<string, { data: Bytes; mode: number }>;
  /** Public keys by file name: those of the repositories and the one that signs the medium. */
  keys: ReadonlyMap<string, string>;
  /** Of the image's /etc/apk/repositories. */
  repositories: readonly string[];
  facts: ImageFacts;
  /** Whole kernel command line: its consoles matter. */
  cmdline: string;
}

/** Groups that alpine-baselayout always makes with these numbers; the overlay is unpacked before it. */
const BASE_GROUPS: Readonly<Record<string, number>> = { root: 0, shadow: 42 };

/** The overlay's entries, sorted, directories included. @throws {UserError} */
export function apkovlEntries(input: ApkovlInput): TarEntry[] {
  const { definition, facts } = input;
  const { epoch } = facts;
  const entries = new Map<string, TarEntry>();
  const put = (entry: Partial<TarEntry> & Pick<TarEntry, "path" | "kind" | "mode">) => {
    if (!safePath(entry.path)) {
      throw new UserError(`put ${JSON.stringify(entry.path)} into the overlay`, "no path");
    }
    const names = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: epoch };
    entries.set(entry.path, { ...names, ...entry });
  };
  const file = (path: string, data: Bytes, mode = 0o644, more: Partial<TarEntry> = {}) =>
    put({ path, kind: "file", mode, data, ...more });

  for (const { path, kind, mode, owner, group, data, target } of input.overlay) {
    const owners = {
      uid: idOf("user", owner, path, definition),
      gid: idOf("group", group, path, definition),
      uname: owner,
      gname: group,
    };
    put({ path, kind, mode, data, linkTarget: target, ...owners });
  }
  for (const [path, { data, mode }] of input.agent) file(path.replace(/^\/+/, ""), data, mode);
  for (const [name, pem] of input.keys) file(`etc/apk/keys/${name}`, utf8(pem));
  const lists = {
    "etc/apk/world": [...definition.packages].sort(),
    "etc/apk/repositories": input.repositories,
  };
  for (const [name, lines] of Object.entries(lists)) file(name, lineFile(name, lines));
  file(IMAGE_FACTS_PATH, formatImageFacts(facts));
  // Alpine's own has an empty password for root. Accounts without a line can't log in either.
  const shadow = { gid: BASE_GROUPS.shadow, gname: "shadow" };
  if (!entries.has("etc/shadow")) file("etc/shadow", utf8("root:*::0:::::\n"), 0o640, shadow);
  const inittab = entries.get("etc/inittab");
  if (inittab?.data) inittab.data = withConsoles(inittab.data, input.cmdline);
  for (const [runlevel, service] of services(definition)) {
    const path = `etc/runlevels/${runlevel}/${service}`;
    put({ path, kind: "symlink", mode: 0o777, linkTarget: `/etc/init.d/${service}` });
  }
  for (const path of [...entries.keys()]) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      const there = entries.get(parent);
      if (there && there.kind !== "directory") {
        throw new UserError(`put /${path} into the overlay`, `/${parent} is no directory`);
      }
      if (!there) put({ path: parent, kind: "directory", mode: 0o755 });
    }
  }
  return [...entries.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

/** The overlay's archive. @throws {UserError} */
export function makeApkovl(input: ApkovlInput): Bytes {
  return gzip(writeTar(apkovlEntries(input)));
}

function services(definition: ImageDefinition): [Runlevel, string][] {
  return RUNLEVELS.flatMap((runlevel) => {
    const more = runlevel === "sysinit" ? definition.mkimage.services : [];
    return [...new Set([...more, ...definition.services[runlevel]])].map((
      service,
    ): [Runlevel, string] => [runlevel, service]);
  });
}

/**
 * Alpine's initramfs adds a login for each console= that inittab does not name. Ours starts its logins
 * by itself, so each console gets a line that does nothing.
 */
function withConsoles(inittab: Bytes, cmdline: string): Bytes {
  const lines = new TextDecoder().decode(inittab);
  const names = [...cmdline.matchAll(/(?:^| )console=(tty\w+)/g)].map(([, name]) => name!);
  const missing = [...new Set(names)].filter((name) => !new RegExp(`^${name}:`, "m").test(lines));
  if (missing.length === 0) return inittab;
  return utf8(
    `${lines}# So that Alpine's initramfs adds no second login there.\n` +
      missing.map((name) => `${name}::once:/bin/true\n`).join(""),
  );
}

/** The number of an owner: files are unpacked before packages make their accounts. */
function idOf(
  kind: "user" | "group",
  name: string,
  path: string,
  { accounts }: ImageDefinition,
): number {
  const known = kind === "user" ? { root: 0, ...accounts.users } : BASE_GROUPS;
  const id = (known as Record<string, number>)[name] ??
    (kind === "group" ? accounts.groups[name] : undefined);
  if (id !== undefined) return id;
  throw new UserError(`own /${path} of the overlay`, `there is no ${kind} ${name}`, {
    hint: `give it a number under accounts in overlay/image.yaml`,
  });
}

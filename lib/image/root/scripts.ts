/**
 * What becomes of packages' scripts, none of which runs at build time: some do what the engine does
 * itself, some only make accounts, the rest is left to the node's first moments (the service
 * psyopsos-scripts, before all others). Upgrade and deinstall scripts have no part in a new root.
 *
 * @module
 */
import { type Bytes, text } from "../../bytes.ts";
import { globMatches } from "../../glob.ts";
import type { OpenPackage, ScriptName } from "../../apk/package.ts";
import { type AccountStep, accountSteps } from "./account_steps.ts";

/** Scripts whose whole effect the engine has itself, with how. */
const DONE_BY_ENGINE: Readonly<Record<string, Partial<Record<ScriptName, string>>>> = {
  "alpine-baselayout": {
    "pre-install": "group shadow is in the package's own etc/group",
    "post-install": "owner and mode of etc/shadow are set, the rest is about upgrades",
  },
  busybox: {
    "post-install": "applet links are made from etc/busybox-paths.d",
    trigger: "applet links are made from etc/busybox-paths.d, module indexes by the engine",
  },
  openrc: { "post-install": "it moves the services of old releases" },
  kmod: { trigger: "module indexes are made by the engine" },
  mkinitfs: { trigger: "the initramfs is the engine's own" },
  eudev: { trigger: "it tells a running daemon" },
  grub: { trigger: "the boot loader is the engine's own" },
};

/** A script that is left to the node. */
export interface DeferredScript {
  package: string;
  version: string;
  phase: "pre-install" | "post-install" | "trigger";
  script: Bytes;
  /** What apk would give it: the version, or for a trigger the directories. */
  args: string[];
}

/** What a package's scripts come to. */
export interface ScriptPlan {
  /** Accounts to make, in order. */
  accounts: AccountStep[];
  deferred: DeferredScript[];
}

/** Judges the scripts of one package. `directories` are all of the root's, as "/usr/bin". */
export function planScripts(
  { info, scripts }: Pick<OpenPackage, "info" | "scripts">,
  directories: readonly string[],
): ScriptPlan {
  const plan: ScriptPlan = { accounts: [], deferred: [] };
  for (const phase of ["pre-install", "post-install", "trigger"] as const) {
    const script = scripts.get(phase);
    if (!script) continue;
    if (DONE_BY_ENGINE[info.name]?.[phase]) {
      // Account lines among what the engine does itself still count.
      for (const line of lines(script)) plan.accounts.push(...accountSteps(line) ?? []);
      continue;
    }
    const steps = phase === "trigger" ? undefined : accountSteps(lines(script).join("\n"));
    if (steps) {
      plan.accounts.push(...steps);
      continue;
    }
    const args = phase === "trigger"
      ? directories.filter((path) => info.triggers.some((glob) => matchesTrigger(glob, path)))
      : [info.version];
    if (phase === "trigger" && args.length === 0) continue;
    plan.deferred.push({ package: info.name, version: info.version, phase, script, args });
  }
  return plan;
}

/** Whether a directory matches a trigger's glob, as fnmatch(3) with FNM_PATHNAME. */
export function matchesTrigger(glob: string, path: string): boolean {
  // apk 3: a leading plus means "only when modified", which on a new root all are.
  const parts = glob.replace(/^\+/, "").split("/");
  const names = path.split("/");
  if (parts.length !== names.length) return false;
  return parts.every((part, i) => globMatches(part, names[i]!));
}

/** Lines without the interpreter's. A script that is no text has none that are understood. */
function lines(script: Bytes): string[] {
  try {
    return text(script).split("\n");
  } catch {
    return ["\0"];
  }
}

/**
 * Judges what the agent's entry point pulls in, directly or not, from the module graph that `deno info --json` prints:
 * no signer, no key maker, no solver, no builder, and no package beyond the listed ones.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Parts of local paths that must not be in the agent. */
const NEVER = [
  "_sign.ts",
  "_keygen.ts",
  "passphrase.ts",
  "keyring.ts",
  "lib/apk/",
  "lib/dev/",
  "lib/identity/",
  "lib/image/",
  "lib/lab/",
  "lib/publish/",
  "lib/agent_build/",
  "lib/agent_bundle.ts",
  "lib/system_packages.ts",
  "tasks/",
  "tests/",
];

/** Of `site/` the agent holds the document types only. */
const SITE_ALLOWED = ["site/document.ts"];

/** Files in forbidden folders that hold nothing but facts: what a node may be called. */
const HARMLESS = ["lib/identity/names.ts"];

/** npm packages that local files of the agent may import (deno-std is where the @std names lead). */
const PACKAGES = ["age-encryption", "deno-std", "valibot"];

/**
 * One line for each thing in the graph that the agent must not hold.
 *
 * @param info What `deno info --json agent/main.ts` printed.
 * @param root Absolute path of the project, with a slash at its end.
 */
export function closureProblems(info: string, root: string): string[] {
  const graph = JSON.parse(info) as {
    modules?: { specifier?: string; error?: string; dependencies?: Dependency[] }[];
  };
  if (!graph.modules?.length) throw new UserError("Cannot read the agent's imports: no modules");
  const problems: string[] = [];
  for (const module of graph.modules) {
    const path = localPath(module.specifier, root);
    if (module.error) problems.push(`${path ?? module.specifier}: ${module.error.split("\n")[0]}`);
    if (path === undefined) continue;
    if (isForbidden(path)) problems.push(`${path} must not be in the agent`);
    for (const dependency of module.dependencies ?? []) {
      const name = packageName(dependency.code?.specifier);
      if (name !== undefined && !PACKAGES.includes(name)) {
        problems.push(`${path} brings the package ${name} into the agent`);
      }
    }
  }
  return problems.sort();
}

interface Dependency {
  specifier?: string;
  code?: { specifier?: string };
}

function isForbidden(path: string): boolean {
  if (HARMLESS.includes(path)) return false;
  if (path.startsWith("site/")) return !SITE_ALLOWED.includes(path);
  return NEVER.some((part) => part.endsWith("/") ? path.startsWith(part) : path.endsWith(part));
}

function localPath(specifier: string | undefined, root: string): string | undefined {
  const prefix = `file://${root}`;
  return specifier?.startsWith(prefix) ? specifier.slice(prefix.length) : undefined;
}

function packageName(specifier: string | undefined): string | undefined {
  return specifier?.match(/^npm:\/?((?:@[^/]+\/)?[^@/]+)/)?.[1];
}

/**
 * Judges what the agent's entry point pulls in, directly or not, from the module graph that `deno info --json` prints:
 * no signer, no key maker, no solver, no builder, and no package beyond the listed ones.
 *
 * @module
 */
import { UserError } from "../../../lib/errors.ts";
import { agentProblem } from "./layers.ts";

/**
 * npm packages that local files of the agent may import: deno-std is where the @std names lead, `@noble/curves` is one that
 * age-encryption brings along anyway.
 */
const PACKAGES = ["@noble/curves", "age-encryption", "deno-std", "valibot"];

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
  if (!graph.modules?.length) throw new UserError("read the agent's imports", "no modules");
  const problems: string[] = [];
  for (const module of graph.modules) {
    const path = localPath(module.specifier, root);
    if (module.error) problems.push(`${path ?? module.specifier}: ${module.error.split("\n")[0]}`);
    if (path === undefined) continue;
    const problem = agentProblem(path);
    if (problem) problems.push(problem);
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

function localPath(specifier: string | undefined, root: string): string | undefined {
  const prefix = `file://${root}`;
  return specifier?.startsWith(prefix) ? specifier.slice(prefix.length) : undefined;
}

function packageName(specifier: string | undefined): string | undefined {
  return specifier?.match(/^npm:\/?((?:@[^/]+\/)?[^@/]+)/)?.[1];
}

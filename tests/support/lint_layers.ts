/**
 * The import rules of the README's layout table as a lint rule, and "no `Deno.` outside the seam".
 * A folder may import from the listed prefixes only; bare names (packages) are always allowed.
 */
const ALLOWED: Record<string, readonly string[]> = {
  "lib/": ["lib/"],
  "site/": ["site/", "lib/"],
  "agent/": ["agent/", "lib/", "site/document.ts"],
  "tasks/": ["tasks/", "lib/", "site/"],
  "mod.ts": ["lib/", "site/"],
  "tests/": ["tests/", "lib/", "site/", "agent/", "tasks/", "mod.ts"],
};

/** What the agent must never reach, directly. The closure test catches the indirect ways. */
const AGENT_NEVER = ["_sign.ts", "lib/publish/", "lib/apk/solver", "lib/image/", "lib/lab/"];

/** Files that may say `Deno.`: the seam, entry points, tests. */
const SEAM = ["lib/host.ts", "lib/std/", "tasks/", "agent/main.ts", "tests/"];

const ROOTS = Object.keys(ALLOWED);

/** Path of `file` relative to the project, undefined outside. */
function inProject(file: string): string | undefined {
  const here = new URL("../../", import.meta.url).pathname;
  return file.startsWith(here) ? file.slice(here.length) : undefined;
}

/** Why `file` may not import `target` (both relative to the project); undefined when it may. */
export function importProblem(file: string, target: string): string | undefined {
  const root = ROOTS.find((prefix) => file.startsWith(prefix));
  if (!root) return undefined;
  if (!ALLOWED[root]!.some((prefix) => target.startsWith(prefix))) {
    return `${file} may not import ${target}: ${root} imports ${ALLOWED[root]!.join(", ")} only`;
  }
  if (root === "agent/" && AGENT_NEVER.some((part) => target.includes(part))) {
    return `${file} may not import ${target}: the agent holds no signer, solver or builder`;
  }
  return undefined;
}

function resolve(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${file}`).pathname.slice(1);
}

const plugin: Deno.lint.Plugin = {
  name: "psyopsos",
  rules: {
    layers: {
      create(context) {
        const file = inProject(context.filename);
        if (!file) return {};
        const check = (node: { source: { value: string } | null } & Deno.lint.Node) => {
          const target = node.source && resolve(file, node.source.value);
          const problem = target && importProblem(file, target);
          if (problem) context.report({ node, message: problem });
        };
        return {
          ImportDeclaration: (node) => check(node),
          ExportNamedDeclaration: (node) => check(node),
          ExportAllDeclaration: (node) => check(node),
        };
      },
    },
    seam: {
      create(context) {
        const file = inProject(context.filename);
        if (!file || SEAM.some((prefix) => file.startsWith(prefix))) return {};
        return {
          "MemberExpression[object.name='Deno']"(node: Deno.lint.MemberExpression) {
            // Error classes of a Host are part of its contract.
            if (node.property.type === "Identifier" && node.property.name === "errors") return;
            context.report({ node, message: "Only lib/host.ts may use Deno: take a Host instead" });
          },
          "MemberExpression[object.name='Date'][property.name='now']"(
            node: Deno.lint.MemberExpression,
          ) {
            context.report({ node, message: "Time is an input: use host.now()" });
          },
        };
      },
    },
  },
};

export default plugin;

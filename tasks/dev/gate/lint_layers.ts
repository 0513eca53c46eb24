/**
 * The table of layers as a lint rule, and "no `Deno.` outside the seam".
 */
import { importProblem, SEAM } from "./layers.ts";

/** Path of `file` relative to the project, undefined outside. */
function inProject(file: string): string | undefined {
  const here = new URL("../../../", import.meta.url).pathname;
  return file.startsWith(here) ? file.slice(here.length) : undefined;
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
            context.report({
              node,
              message: "Only lib/deno_host.ts may use Deno: take a Host instead",
            });
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

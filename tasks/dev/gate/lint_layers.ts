/**
 * Rules of the project's own for the linter: the table of layers, and the seam to the world. Outside of the seam nothing says
 * `Deno`, asks the clock, or takes a module of Node that reaches the system.
 *
 * @module
 */
import { importProblem, moduleProblem, SEAM } from "./layers.ts";

/** Path of `file` relative to the project, undefined outside. */
function inProject(file: string): string | undefined {
  const here = new URL("../../../", import.meta.url).pathname;
  return file.startsWith(here) ? file.slice(here.length) : undefined;
}

/** Why `file` may not import `specifier`; undefined when it may. */
function problemOf(file: string, specifier: string): string | undefined {
  if (/^(?:file|https?):/.test(specifier)) return "Imports are relative or by a name of deno.json";
  if (!specifier.startsWith(".")) return moduleProblem(file, specifier);
  return importProblem(file, new URL(specifier, `file:///${file}`).pathname.slice(1));
}

const isInSeam = (file: string) => SEAM.some((prefix) => file.startsWith(prefix));

const plugin: Deno.lint.Plugin = {
  name: "psyopsos",
  rules: {
    layers: {
      create(context) {
        const file = inProject(context.filename);
        if (!file) return {};
        const check = (node: { source: { value: string } | null } & Deno.lint.Node) => {
          const problem = node.source && problemOf(file, node.source.value);
          if (problem) context.report({ node, message: problem });
        };
        return {
          ImportDeclaration: (node) => check(node),
          ExportNamedDeclaration: (node) => check(node),
          ExportAllDeclaration: (node) => check(node),
          ImportExpression(node) {
            const { source } = node;
            // What is computed can't be judged, and tests load fixtures.
            if (file.startsWith("tests/")) return;
            const message = source.type === "Literal" && typeof source.value === "string"
              ? problemOf(file, source.value)
              : "import() takes a text as it stands: what is computed can't be judged";
            if (message) context.report({ node, message });
          },
        };
      },
    },
    seam: {
      create(context) {
        const file = inProject(context.filename);
        if (!file || isInSeam(file)) return {};
        return {
          "Identifier[name='Deno']"(node: Deno.lint.Identifier) {
            const { parent } = node;
            // Types, and error classes of a Host, are part of its contract.
            if (parent.type === "TSQualifiedName") return;
            const isError = parent.type === "MemberExpression" && parent.object === node &&
              parent.property.type === "Identifier" && parent.property.name === "errors";
            if (isError) return;
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
          "NewExpression[callee.name='Date']"(node: Deno.lint.NewExpression) {
            // A page in a browser has no host.
            if (node.arguments.length > 0 || file.startsWith("site/page/")) return;
            context.report({ node, message: "Time is an input: use host.now()" });
          },
        };
      },
    },
  },
};

export default plugin;

/**
 * Makes the script of the page for people: the verifying client, the document readers and site/page/main.ts in one
 * classic script. It is kept in the repository, so that building a site needs no bundler and its page is the same
 * everywhere; `deno task generate` makes it anew, and the gate compares.
 *
 * @module
 */
import { text } from "../../lib/bytes.ts";
import { complaintOf, firstLine } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";

/** Where the script is kept, and what it is made from. */
export const PAGE_SCRIPT = "site/page/script.js";
const ENTRY = "site/page/main.ts";
/** What stands in for Node's modules in a browser. */
const STAND_IN = "site/page/node_crypto.ts";
/** Replaced modules of the client. */
const REPLACED = ["node:crypto", "node:buffer"];

/** Options of {@linkcode makePageScript}. */
export interface PageScriptOptions {
  /** Absolute path of the project. */
  root: string;
  /** Deno's program. */
  deno: string;
}

/** The script. The same sources and the same Deno give the same text. @throws {UserError} with what the bundler said. */
export async function makePageScript(host: Host, options: PageScriptOptions): Promise<string> {
  const { root, deno } = options;
  // A configuration of its own, since the page has other modules than the project.
  const work = `${root}/build/page-script`;
  await host.mkdir(work);
  const { imports, links, compilerOptions } = JSON.parse(
    await host.readTextFile(`${root}/deno.json`),
  ) as { imports: Record<string, string>; links: string[]; compilerOptions: unknown };
  const config = {
    nodeModulesDir: "none",
    compilerOptions,
    links: links.map((link) => `${root}/${link.replace(/^\.\//, "")}`),
    imports: {
      ...imports,
      ...Object.fromEntries(REPLACED.map((name) => [name, `${root}/${STAND_IN}`])),
    },
  };
  await host.writeFile(`${work}/deno.json`, JSON.stringify(config));
  // A copy: the same versions, and the bundler may write down that this configuration is another.
  await host.writeFile(`${work}/deno.lock`, await host.readFile(`${root}/deno.lock`));
  const result = await host.run([
    deno,
    "bundle",
    "--quiet",
    "--minify",
    "--platform=browser",
    "--format=iife",
    `--lock=${work}/deno.lock`,
    `--config=${work}/deno.json`,
    `${root}/${ENTRY}`,
  ], { env: { NO_COLOR: "1", RUST_BACKTRACE: "0" } });
  const script = text(result.stdout);
  if (result.code !== 0 || script === "") {
    throw new UserError("bundle the page's script", complaintOf(result, firstLine));
  }
  // It stands within a page, where these would end or change it.
  if (/<\/script|<!--/i.test(script) || /["']node:/.test(script)) {
    throw new UserError("bundle the page's script", "it holds what a page can't");
  }
  return script;
}

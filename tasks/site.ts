/**
 * `deno task site`: builds the signed site from `nodes/`, keeps it current, and serves it for a look.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { alone, lockBeside, lockIn } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { errorText, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { DEFINITION_FILE, readDefinition } from "../lib/image/read_definition.ts";
import { directorySite, SiteServer } from "../lib/lab/site_server.ts";
import { loadIdentities } from "../lib/trust/age_identity.ts";
import { loadKeyring, loadSigner } from "../lib/trust/keyring.ts";
import { findPassphrase, type Prompt } from "../lib/trust/passphrase.ts";
import { makeSite } from "../site/build/make_site.ts";
import type { ImagePackages } from "../site/build/lacking.ts";
import type { RecipientNews } from "../site/build/recipients.ts";
import { refreshSite } from "../site/build/refresh.ts";
import { shortRecipient } from "../site/nodes/node_text.ts";
import { migrateFleet } from "../site/fleet/migrate.ts";
import { program, type SiteLine } from "./lines/site.ts";

/** The task; `prompt` asks for a passphrase, `stop` ends `serve`, else Ctrl-C does. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
  stop?: AbortSignal,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    if (line.verb === "build") await build(line, host, console, prompt);
    else if (line.verb === "refresh") await refresh(line, host, console, prompt);
    else await serve(line, host, console, stop);
  }, console);
}

/** What a verb is given. */
type LineOf<V extends SiteLine["verb"]> = Extract<SiteLine, { verb: V }>;

async function build(
  line: LineOf<"build">,
  host: Host,
  console: Console,
  prompt: Prompt,
): Promise<void> {
  const { verb: _, keys, json, identity, migrate, ...options } = line;
  const rewritten = migrate ? await rewrite(line.nodes, host) : [];
  const passphrase = () => findPassphrase(host, { prompt });
  const { out } = line;
  // The lock is the site's alone. Two builds of different sites may use one cache at once: its files are replaced whole, each
  // entry holds only for the very content, keys and program that it was made of, and what the other build has removed or
  // written over is made anew.
  const turn = { doing: `build ${out}`, command: "task site", make: 0o755 };
  const made = await alone(
    host,
    await lockBeside(host, out),
    turn,
    async () =>
      await makeSite(host, {
        ...options,
        keyring: await loadKeyring(host, keys, { passphrase }),
        image: await definedImage(host),
        identities: () => loadIdentities(host, { file: identity, keys, prompt }),
      }),
  );
  if (json) return console.out(JSON.stringify({ out, rewritten, ...made }, null, 2));
  for (const file of rewritten) console.out(`rewritten: ${file}`);
  const { nodes, tags, releases, changed, removed, encrypted, serial, expires, files } = made;
  console.out(`${out}: serial ${serial}, valid until ${expires}`);
  console.out(`  nodes    ${count(nodes)}`);
  console.out(`  tags     ${count(tags)}`);
  console.out(`  releases ${count(releases)}`);
  console.out(`  files    ${files}, ${changed.length} changed, ${removed.length} removed`);
  console.out(`  encrypted anew for ${count(encrypted)}`);
  for (const text of newsLines(out, made)) console.out(`  ${text}`);
  for (const { node, paths } of made.tightened) {
    console.out(
      `  ${node}: mode 0600, as private files have where none is given: ${paths.join(", ")}`,
    );
  }
  for (const { node, keys } of made.useless) {
    for (const key of keys) console.out(`  ${node}: ${key}`);
  }
  for (const warning of made.warnings) console.err(`warning: ${warning}`);
  for (const { node, needs, offered } of made.heldBack) {
    console.out(
      `  ${node} needs agent ${needs}, the newest release brings ${offered}: it keeps what it has until then`,
    );
  }
}

/** The image of this checkout, as far as its definition tells; undefined for a fleet that has no image of its own. */
async function definedImage(host: Host): Promise<ImagePackages | undefined> {
  if (await host.stat(DEFINITION_FILE) === undefined) return undefined;
  const { packages } = await readDefinition(host, ".");
  // Of "name>=1.2" or "name@tag" the name.
  const names = packages.map((one) => /^[\w.+:-]+/.exec(one)![0]);
  return { name: DEFINITION_FILE, packages: new Set(names) };
}

/** Rewrites what earlier versions wrote into the fleet's files; gives the files. */
function rewrite(nodes: string, host: Host): Promise<string[]> {
  const turn = { doing: `rewrite the files of ${nodes}`, command: "task site --migrate" };
  return alone(host, lockIn(nodes), turn, () => migrateFleet(host, nodes));
}

async function refresh(
  { out, keys, json, expiresHours }: LineOf<"refresh">,
  host: Host,
  console: Console,
  prompt: Prompt,
): Promise<void> {
  const passphrase = () => findPassphrase(host, { prompt });
  const turn = { doing: `refresh ${out}`, command: "task site refresh" };
  const refreshed = await alone(host, await lockBeside(host, out), turn, async () => {
    const signer = await loadSigner(host, keys, "timestamp", { passphrase });
    return await refreshSite(host, { out, signer, expiresHours });
  });
  if (json) return console.out(JSON.stringify({ out, ...refreshed }, null, 2));
  console.out(`${out}: serial ${refreshed.serial}, valid until ${refreshed.expires}`);
}

async function serve(
  { out, port }: LineOf<"serve">,
  host: Host,
  console: Console,
  stop?: AbortSignal,
): Promise<void> {
  if ((await host.stat(out))?.kind !== "directory") {
    throw new UserError(`serve ${out}`, "there is no such directory", {
      hint: "deno task site builds it",
    });
  }
  let server: SiteServer;
  try {
    server = await SiteServer.start({
      read: directorySite(host, out),
      port,
      errorPage: "error.html",
    });
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw new UserError(
      `serve ${out} on port ${port}`,
      taken ? "it is in use" : errorText(error),
      {
        cause: error,
        hint: taken ? "--port N takes another" : undefined,
      },
    );
  }
  const end = stop ?? onInterrupt();
  console.out(`${out} is at ${server.hostUrl} (Ctrl-C ends it)`);
  if (!end.aborted) {
    await new Promise<void>((ended) =>
      end.addEventListener("abort", () => ended(), { once: true })
    );
  }
  await server.close();
}

/** Aborts at the first Ctrl-C or request to end: the way `serve` ends when all is well. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => controller.abort());
  }
  return controller.signal;
}

/** What an administrator is to recognise: whoever put it into the fleet's files can read what is encrypted to it. */
function newsLines(out: string, { compared, newNodes, otherRecipients }: RecipientNews): string[] {
  if (!compared) {
    if (newNodes.length === 0) return [];
    return [`every node is new: ${out} held no site whose recipients could be compared`];
  }
  return [
    ...newNodes.map((node) => `${node} is new`),
    ...otherRecipients.map(({ node, before, now }) =>
      `${node} has another recipient than at the last build: ${shortRecipient(now)}, ${
        before === "" ? "its document there can't be read" : `not ${shortRecipient(before)}`
      }`
    ),
  ];
}

/** "2: alpha, beta". */
function count(names: readonly string[]): string {
  return names.length === 0 ? "none" : `${names.length}: ${names.join(", ")}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

/**
 * `deno task site`: builds the signed site from `nodes/`, keeps it current, and serves it for a look.
 */
import { promptSecret } from "@std/cli/prompt-secret";
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { errorText, EXIT, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { directorySite, SiteServer } from "../lib/lab/site_server.ts";
import { loadIdentities } from "../lib/trust/age_identity.ts";
import { loadKeyring, loadSigner } from "../lib/trust/keyring.ts";
import { findPassphrase, type Prompt } from "../lib/trust/passphrase.ts";
import { DEFAULT_CACHE, DEFAULT_EXPIRES_HOURS, makeSite } from "../site/build/make_site.ts";
import { refreshSite } from "../site/build/refresh.ts";

const DEFAULT_PORT = 8000;
const MAX_PORT = 65535;
const VERBS = ["build", "refresh", "serve"];

const SPEC: CommandSpec = {
  name: "deno task site",
  summary: "Build the signed site, with each node's instructions encrypted to that node.",
  usage: ["[build]", "refresh", "serve [--port N]"],
  options: {
    nodes: { value: "DIR", help: "the fleet's YAML files, default nodes" },
    out: { value: "DIR", help: "the site, default public" },
    keys: { value: "DIR", help: "the keys that sign, default keys" },
    identity: {
      value: "FILE",
      help:
        "age identity that decrypts the secrets in the YAML files, default DIR/admin.age of --keys",
    },
    cache: { value: "DIR", help: `ciphertext of earlier builds, default ${DEFAULT_CACHE}` },
    releases: {
      value: "DIR",
      help:
        "images to release, as deno task image leaves them, e.g. dist; default only what the site has",
    },
    serial: {
      value: "N",
      help: "serial of this publication, default seconds since 1970 or previous + 1",
    },
    "expires-hours": {
      value: "N",
      help: `hours until nodes refuse it as outdated, default ${DEFAULT_EXPIRES_HOURS}`,
    },
    port: { value: "N", help: `serve: port on 127.0.0.1, default ${DEFAULT_PORT}` },
    json: { help: "print what was done as JSON" },
  },
  notes: [
    `Order: global.yaml < tags/<tag>.yaml in the order the node lists them < <node>.yaml; mappings merge, lists replace.
Only config goes to the public documents; private is merged over it and leaves this machine encrypted. !age values are
decrypted in memory with --identity, else PSYOPSOS_AGE_IDENTITY (a path), else DIR/admin.age of --keys.`,
    "os-update.yaml in the nodes' folder says which channel gets which release, when; without it there is the channel\n" +
    "stable with the newest one. Files of a release are signed once and stay; to withdraw one remove its folder.",
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    `refresh signs only timestamp.json anew, so that the site does not expire: same serial, nothing to apply for nodes. It needs
no YAML and no key but keys/timestamp.seckey (keys init --own timestamp), so a machine that can do no more can run it daily. A
publication can be kept current for 366 days, then it must be built anew.`,
    "Network: none for build and refresh; serve listens on 127.0.0.1 only.",
  ],
};

/** The task; `prompt` asks for a passphrase, `stop` ends `serve`, else Ctrl-C does. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  prompt: Prompt = promptSecret,
  stop?: AbortSignal,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [verb = "build", ...rest] = line.words;
    if (rest.length > 0 || !VERBS.includes(verb)) {
      throw usage(`expected ${VERBS.join(", ")}`);
    }
    if (verb === "build") await build(line, host, console, prompt);
    else if (verb === "refresh") await refresh(line, host, console, prompt);
    else await serve(line, host, console, stop);
  }, console);
}

async function build(
  line: CommandLine,
  host: Host,
  console: Console,
  prompt: Prompt,
): Promise<void> {
  const out = line.value("out") ?? "public";
  const keys = line.value("keys") ?? "keys";
  const passphrase = () => findPassphrase(host, { prompt });
  const made = await makeSite(host, {
    nodes: line.value("nodes") ?? "nodes",
    out,
    keyring: await loadKeyring(host, keys, { passphrase }),
    identities: () => loadIdentities(host, { file: line.value("identity"), keys, prompt }),
    cache: line.value("cache"),
    releases: line.value("releases"),
    serial: number(line, "serial"),
    expiresHours: number(line, "expires-hours"),
  });
  if (line.on("json")) return console.out(JSON.stringify({ out, ...made }, null, 2));
  const { nodes, tags, releases, changed, removed, encrypted, serial, expires, files } = made;
  console.out(`${out}: serial ${serial}, valid until ${expires}`);
  console.out(`  nodes    ${count(nodes)}`);
  console.out(`  tags     ${count(tags)}`);
  console.out(`  releases ${count(releases)}`);
  console.out(`  files    ${files}, ${changed.length} changed, ${removed.length} removed`);
  console.out(`  encrypted anew for ${count(encrypted)}`);
  for (const { node, needs, offered } of made.heldBack) {
    console.out(
      `  ${node} needs agent ${needs}, the newest release brings ${offered}: it keeps what it has until then`,
    );
  }
}

async function refresh(
  line: CommandLine,
  host: Host,
  console: Console,
  prompt: Prompt,
): Promise<void> {
  const out = line.value("out") ?? "public";
  const passphrase = () => findPassphrase(host, { prompt });
  const signer = await loadSigner(host, line.value("keys") ?? "keys", "timestamp", { passphrase });
  const refreshed = await refreshSite(host, {
    out,
    signer,
    expiresHours: number(line, "expires-hours"),
  });
  if (line.on("json")) return console.out(JSON.stringify({ out, ...refreshed }, null, 2));
  console.out(`${out}: serial ${refreshed.serial}, valid until ${refreshed.expires}`);
}

async function serve(
  line: CommandLine,
  host: Host,
  console: Console,
  stop?: AbortSignal,
): Promise<void> {
  const out = line.value("out") ?? "public";
  const port = number(line, "port") ?? DEFAULT_PORT;
  if (port > MAX_PORT) throw usage(`--port must be 0 to ${MAX_PORT}`);
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
    const taken = errorText(error).includes("EADDRINUSE");
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

/** "2: alpha, beta". */
function count(names: readonly string[]): string {
  return names.length === 0 ? "none" : `${names.length}: ${names.join(", ")}`;
}

function number(line: CommandLine, name: string): number | undefined {
  const value = line.value(name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw usage(`--${name} must be a whole number`);
  return Number(value);
}

function usage(state: string): UserError {
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));

import { assertEquals } from "@std/assert";
import { type Bytes, utf8 } from "../../lib/bytes.ts";
import { OS_UPDATE_PATH } from "../../lib/documents/os_update.ts";
import { parseEnvelope, parseInstructions } from "../../lib/documents/site.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import { decryptWith } from "../../lib/trust/age.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { openSite } from "../../lib/trust/client.ts";
import { loadKeyring } from "../../lib/trust/keyring.ts";
import type { PublicKey } from "../../lib/trust/minisign.ts";
import { initKeys, loadRoots } from "../../lib/trust/root_sign.ts";
import { NO_STATE, type TrustState } from "../../lib/trust/roots.ts";
import { makeSite } from "../../site/build/make_site.ts";
import { refreshSite } from "../../site/build/refresh.ts";
import { main } from "../../tasks/publish.ts";
import { FakeHost } from "./fake_host.ts";
import { imageManifest } from "./image_manifest.ts";
import { KEYS, REGION, S3Server } from "./s3_server.ts";

/**
 * A fleet with a site that is built in memory, to be published; and a client that reads all of a published site and believes
 * nothing.
 */

export const ISSUED = "2026-11-22T20:00:00Z";
const NODES = ["alpha", "beta", "gamma"] as const;

/** What a whole reading of a site gave. */
export interface Reading {
  serial: number;
  state: TrustState;
  /** Number of listed documents, every one of which was read. */
  documents: number;
  /** What nodes are told, by name. */
  hostnames: Record<string, string | undefined>;
}

/** What `deno task publish` gave. */
export interface Published {
  code: number;
  /** All lines, those on standard error too. */
  output: string;
  stdout: string;
}

/** The fleet: three nodes, a tag, keys. The site is in "public". */
export class PublishWorld {
  readonly host = new FakeHost();
  readonly identities = new Map<string, string>();

  /** Makes keys and fleet; no site yet. */
  static async make(): Promise<PublishWorld> {
    const world = new PublishWorld();
    const { host } = world;
    host.clock = new Date(ISSUED);
    // Test servers on loopback.
    host.fetch = (url, init) => fetch(url, init);
    host.programs.set("cp", ([from = "", to = ""]) => {
      host.put(to, host.nodes.get(from)!.data);
      return "";
    });
    await initKeys(host, "keys", { issued: ISSUED });
    host.put("nodes/global.yaml", "config: {check: {everySeconds: 300}}\n");
    host.put("nodes/tags/lab.yaml", "notes: Those in the lab.\n");
    for (const name of NODES) {
      const { identity, recipient } = await generateIdentity();
      world.identities.set(name, identity);
      host.put(
        `nodes/${name}.yaml`,
        `recipient: ${recipient}\ntags: [lab]\nconfig: {}\nprivate: {hostname: ${name}-first}\n`,
      );
    }
    return world;
  }

  /** Builds the site in "public". */
  async build(serial: number, more: { releases?: string } = {}): Promise<void> {
    const keyring = await loadKeyring(this.host, "keys");
    const options = { nodes: "nodes", out: "public", cache: "cache", keyring, serial, ...more };
    await makeSite(this.host, options);
  }

  /** Extends the site in "public" by the timestamp key alone. */
  async refresh(): Promise<void> {
    const keyring = await loadKeyring(this.host, "keys");
    await refreshSite(this.host, { out: "public", signer: await keyring.signer("timestamp") });
  }

  /** Puts a built image below "images". */
  putImage(version: string): void {
    const slot = utf8(`slot ${version}`);
    const path = `psyopsos-${version}-x86_64.slot.tar`;
    const facts = { version, epoch: Date.parse(ISSUED) / 1000 };
    this.host.put(`images/${version}/${path}`, slot);
    this.host.put(`images/${version}/manifest.json`, imageManifest({ [path]: slot }, facts));
  }

  /** Replaces text in a node's file. */
  edit(name: string, from: string, to: string): void {
    const path = `nodes/${name}.yaml`;
    this.host.put(path, this.host.textOf(path).replace(from, to));
  }

  /** The key on the nodes' drives. */
  async pinned(): Promise<PublicKey> {
    return (await loadRoots(this.host, "keys"))!.pinned;
  }

  /** The built site. */
  files(): Map<string, Bytes> {
    return new Map(
      [...this.host.nodes].filter(([path, { kind }]) =>
        path.startsWith("public/") && kind === "file"
      ).map(([path, { data }]) => [path.slice("public/".length), data]),
    );
  }

  /** Sets the variables that S3's tools read. */
  useKeys({ accessKey, secretKey, sessionToken } = KEYS): void {
    const { variables } = this.host;
    variables.set("AWS_ACCESS_KEY_ID", accessKey);
    variables.set("AWS_SECRET_ACCESS_KEY", secretKey);
    variables.set("AWS_REGION", REGION);
    if (sessionToken === undefined) variables.delete("AWS_SESSION_TOKEN");
    else variables.set("AWS_SESSION_TOKEN", sessionToken);
  }

  /** Runs `deno task publish`. */
  async publish(...words: string[]): Promise<Published> {
    const lines: string[] = [];
    const printed: string[] = [];
    const err = (line: string) => void lines.push(line);
    const out = (line: string) => void [lines, printed].forEach((all) => all.push(line));
    const code = await main(words, this.host, { out, err });
    return { code, output: lines.join("\n"), stdout: printed.join("\n") };
  }

  /** A server in the world's time. */
  async serve(): Promise<S3Server> {
    const server = await S3Server.start();
    server.clock = () => this.host.now();
    return server;
  }

  /** Lets time go by. */
  wait(hours: number): void {
    this.host.clock = new Date(this.host.clock.getTime() + hours * 3_600_000);
  }

  /** Runs it with the test server's bucket. */
  publishTo(server: S3Server, ...words: string[]): Promise<Published> {
    return this.publish(`s3://${server.bucket}`, "--endpoint", server.url, ...words);
  }

  /** Reads all of a site as nodes and people's programs do. @throws when anything in it does not hold. */
  async read(
    files: ReadonlyMap<string, Bytes>,
    state: TrustState = NO_STATE,
  ): Promise<Reading> {
    const view = await openSite({
      pinned: await this.pinned(),
      state,
      now: this.host.now(),
      fetch: (path) => {
        const bytes = files.get(path);
        if (bytes) return Promise.resolve(bytes);
        return Promise.reject(new UserError(`fetch ${path}`, "404"));
      },
    });
    const hostnames: Reading["hostnames"] = {};
    const paths = await view.paths();
    for (const path of paths) {
      const name = /^psyopsOS\/postboot\/(.+)\.age$/.exec(path)?.[1];
      if (name === undefined) {
        await view.get(path, typeOf(path));
        continue;
      }
      const ciphertext = await view.getHashed(path);
      const identity = this.identities.get(name)!;
      const { payload, minisig } = parseEnvelope(await decryptWith([identity], ciphertext), name);
      view.verifyInner(utf8(payload), minisig, "postboot", path);
      hostnames[name] = parseInstructions(utf8(payload), name).config.hostname;
    }
    const { timestamp: { serial } } = view;
    return { serial, state: view.state, documents: paths.length, hostnames };
  }
}

function typeOf(path: string) {
  if (path === OS_UPDATE_PATH) return "os-update";
  if (path.startsWith("psyopsOS/nodes/")) return "node";
  return path.startsWith("psyopsOS/tags/") ? "tag" : "global";
}

/** A world with a site of serial 1 that is published, and the server it is on. */
export async function published(): Promise<{ world: PublishWorld; server: S3Server }> {
  const world = await PublishWorld.make();
  const server = await world.serve();
  world.useKeys();
  await world.build(1);
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  return { world, server };
}

/** Every file of the built site is there with its content. */
export function assertSame(world: PublishWorld, server: S3Server): void {
  const there = server.contents();
  for (const [path, bytes] of world.files()) assertEquals(there.get(path), bytes, path);
}

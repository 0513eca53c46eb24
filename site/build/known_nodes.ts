/**
 * What earlier builds made of the nodes and verified. With it, a build after a change of one node among thousands
 * reads, merges, signs, encrypts and checks only that node.
 *
 * A node is known when two things hold to the byte: everything that its documents are made of is the same (its file,
 * its tags' files, `global.yaml`, the keys, this program), and the four files that were made for it are on the site
 * with the content that was verified then. These files are read and hashed each time. All other nodes are built anew.
 * Nothing secret is kept here, only public facts and hashes.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import type { Host } from "../../lib/host.ts";
import { projectFolder, sourceDigest } from "../../lib/sources.ts";
import { rootDigest } from "../../lib/trust/freshness.ts";
import type { RootChain } from "../../lib/trust/root_sign.ts";
import type { Fleet, KnownNode, PublicFacts } from "../fleet/assemble.ts";
import { filesOf, type NodeOutputs } from "./node_outputs.ts";

/** Where it is kept, in the build cache; no node can have that name. */
const FILE = "_known.json";
/** What of the program makes everything unknown when it changes. */
const SOURCES = ["site", "lib", "deno.json", "deno.lock"];

interface Entry {
  /** Digest of all that the node's documents are made of. */
  inputs: string;
  facts: Omit<PublicFacts, "name">;
  outputs: NodeOutputs;
}

interface Stored {
  context: string;
  nodes: Record<string, Entry>;
  /** Hashes of the bins that were verified. */
  bins: string[];
}

/** Where and for what known nodes are looked up. */
export interface KnownOptions {
  /** The build cache. */
  cache: string;
  /** The site's directory. */
  out: string;
  roots: RootChain;
  /** Serial of the build; what bears a higher one is of no use. */
  serial: number;
}

/** The nodes that a build need not make anew. */
export class KnownNodes {
  #texts: ReadonlyMap<string, string> = new Map();

  private constructor(
    readonly host: Host,
    readonly options: KnownOptions,
    readonly context: string,
    readonly entries: Readonly<Record<string, Entry>>,
    /** Hashes of bins that were verified before. */
    readonly bins: ReadonlySet<string>,
  ) {}

  /** Reads what is known; what can't be read, or is of another program or other keys, is forgotten. */
  static async load(host: Host, options: KnownOptions): Promise<KnownNodes> {
    const newest = options.roots.files.at(-1)?.root;
    const keys = newest === undefined ? "" : rootDigest(newest);
    const context = sha256Hex(utf8(`${await programDigest(host)} ${keys}`));
    const path = `${options.cache}/${FILE}`;
    let stored: Stored = { context, nodes: {}, bins: [] };
    try {
      if (await host.stat(path)) {
        const read = JSON.parse(await host.readTextFile(path)) as Stored | null;
        // Of another program it may be of any form.
        if (read?.context === context) stored = read;
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    return new KnownNodes(host, options, context, stored.nodes, new Set(stored.bins));
  }

  /** Those nodes of a fleet's files that are known, by their paths; the rest has to be read. */
  async find(texts: ReadonlyMap<string, string>): Promise<Map<string, KnownNode<NodeOutputs>>> {
    this.#texts = texts;
    const found = new Map<string, KnownNode<NodeOutputs>>();
    const digest = inputDigests(texts, this.context);
    for (const [name, { inputs, facts, outputs }] of Object.entries(this.entries)) {
      const path = `${name}.yaml`;
      if (!texts.has(path) || outputs.serial > this.options.serial) continue;
      if (digest(path, facts.tags) !== inputs || !await this.#standing(name, outputs)) continue;
      found.set(path, { name, ...facts, known: outputs });
    }
    return found;
  }

  /** Remembers a build that was verified. */
  async store(
    nodes: Fleet<NodeOutputs>["nodes"],
    outputs: ReadonlyMap<string, NodeOutputs>,
    bins: Iterable<string>,
  ): Promise<void> {
    const digest = inputDigests(this.#texts, this.context);
    const entries: Record<string, Entry> = {};
    for (const node of nodes) {
      const { name, recipient, sshHostKey, created, tags, notes } = node;
      if ("known" in node) {
        entries[name] = this.entries[name]!;
        continue;
      }
      const facts = { recipient, sshHostKey, created, tags, notes };
      const inputs = digest(`${name}.yaml`, tags);
      entries[name] = { inputs, facts, outputs: outputs.get(name)! };
    }
    const stored: Stored = { context: this.context, nodes: entries, bins: [...bins] };
    const { cache } = this.options;
    await this.host.mkdir(cache, { mode: 0o700 });
    const path = `${cache}/${FILE}`;
    await this.host.writeFile(path, JSON.stringify(stored), { mode: 0o600, sync: false });
  }

  /** Whether all that came of a node is on the site as it was verified. */
  async #standing(name: string, outputs: NodeOutputs): Promise<boolean> {
    for (const [path, { sha256, size }] of filesOf(name, outputs)) {
      let bytes: Uint8Array;
      try {
        bytes = await this.host.readFile(`${this.options.out}/${path}`);
      } catch {
        return false;
      }
      if (bytes.length !== size || sha256Hex(bytes) !== sha256) return false;
    }
    return true;
  }
}

/** Digests of all that a node's documents are made of, by its file's path and its tags. */
function inputDigests(
  texts: ReadonlyMap<string, string>,
  context: string,
): (path: string, tags: readonly string[]) => string {
  const digests = new Map<string, string>();
  const digestOf = (path: string): string => {
    const source = texts.get(path);
    if (source === undefined) return "none";
    let digest = digests.get(path);
    if (!digest) digests.set(path, digest = sha256Hex(utf8(source)));
    return digest;
  };
  return (path, tags) => {
    const words = [context, digestOf("global.yaml"), path];
    for (const tag of tags) words.push(tag, digestOf(`tags/${tag}.yaml`));
    // The text comes last: nothing that it holds can pass for what stands before.
    words.push("", texts.get(path) ?? "");
    return sha256Hex(utf8(words.join("\n")));
  };
}

/** Digest of this program's own sources and settings, any of which may affect what a node's documents are. */
async function programDigest(host: Host): Promise<string> {
  const folder = await projectFolder(host);
  // A program that was not loaded from a folder has its version in its URL.
  return folder ? await sourceDigest(host, folder, SOURCES, ".ts") : import.meta.url;
}

/**
 * The built site as publishing reads it: opened as a node would, then file by file, each checked against the hash in its
 * name before it leaves.
 *
 * @module
 */
import { type Bytes, text } from "../../lib/bytes.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { type Content, digestOf, inMemory } from "../../lib/publish/target.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import {
  keysOf,
  NAME_DIGITS,
  parseRoot,
  rootPath,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import { keyIdHex, parseSignature, type PublicKey } from "../../lib/trust/minisign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { isHashed } from "./upload_plan.ts";

/** Files up to this size are read as a whole. */
const WHOLE_BYTES = 16 * 1024 * 1024;

/** A directory with a built site. */
export class LocalSite {
  constructor(readonly host: Host, readonly dir: string) {}

  /** The key that its nodes pin: `given`, else the one that its own first root document is signed with. */
  async pinned(given?: PublicKey): Promise<PublicKey> {
    if (!await this.has(TIMESTAMP_PATH)) {
      throw new UserError(`publish ${this.dir}`, "there is no site in it", {
        hint: "deno task site builds it",
      });
    }
    if (given) return given;
    const path = rootPath(1);
    const keys = keysOf(parseRoot(await this.read(path), path), "root");
    const signature = parseSignature(text(await this.read(`${path}.minisig`)), path);
    const key = keys.find((one) => keyIdHex(one) === keyIdHex(signature));
    if (key) return key;
    throw new RefusedError("key", `accept ${path}`, "none of its keys has signed it");
  }

  /** Opens it as a node does that pins `pinned`. */
  async open(pinned: PublicKey): Promise<SiteView> {
    try {
      return await openSite({
        pinned,
        state: NO_STATE,
        now: this.host.now(),
        fetch: (path) => this.read(path),
      });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const { check, document, state } = error;
      throw new RefusedError(
        check,
        `publish ${this.dir}`,
        `nodes would refuse ${document ?? "it"}, ${state}`,
        { document, cause: error, hint: "deno task site builds it anew" },
      );
    }
  }

  async read(path: string): Promise<Bytes> {
    if (await this.has(path)) return await this.host.readFile(`${this.dir}/${path}`);
    throw new UserError(`publish ${this.dir}`, `${path} is missing`, {
      hint: "deno task site builds it anew",
    });
  }

  async has(path: string): Promise<boolean> {
    return (await this.host.stat(`${this.dir}/${path}`))?.kind === "file";
  }

  async size(path: string): Promise<number> {
    const info = await this.host.stat(`${this.dir}/${path}`);
    if (info?.kind === "file") return info.size;
    await this.read(path);
    return 0;
  }

  async content(path: string): Promise<Content> {
    const size = await this.size(path);
    if (size <= WHOLE_BYTES) return inMemory(await this.read(path));
    const file = `${this.dir}/${path}`;
    return {
      size,
      read: () => this.host.readFile(file),
      chunks: () => this.host.readChunks(file),
    };
  }

  /** SHA-256 of a file, hex. */
  async hash(path: string): Promise<string> {
    return (await digestOf((await this.content(path)).chunks())).toString("hex");
  }

  /** SHA-256 of content that is about to be uploaded. @throws {UserError} when its name holds another. */
  async checkedHash(path: string, content: Content): Promise<string> {
    const sha256 = (await digestOf(content.chunks())).toString("hex");
    if (!isHashed(path) || path.includes(`.${sha256.slice(0, NAME_DIGITS)}.`)) return sha256;
    throw new UserError(`publish ${this.dir}`, `${path} is damaged`, {
      hint: "deno task site builds it anew",
    });
  }

  /**
   * All files, sorted; without those below `except`, and without locks at the top: tasks that were run in a folder above or
   * in this one may have left theirs, and they are no part of a site.
   */
  async files(except: readonly string[], below = ""): Promise<string[]> {
    const found: string[] = [];
    for (const name of await this.host.readDir(`${this.dir}/${below}`.replace(/\/$/, ""))) {
      const path = below === "" ? name : `${below}/${name}`;
      if (except.includes(path) || (below === "" && name.endsWith(".lock"))) continue;
      const kind = (await this.host.stat(`${this.dir}/${path}`))?.kind;
      if (kind === "directory") found.push(...await this.files(except, path));
      else if (kind === "file") found.push(path);
    }
    return found;
  }
}

/** The real world, but for one folder, which lies elsewhere: the agent's own folder, on a machine that is no node. */
import { RUN_DIR } from "../../agent/system/paths.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import type { RunOptions, WriteOptions } from "../../lib/host.ts";

/** A host on which {@linkcode RUN_DIR} is `dir`. */
export class RootedHost extends DenoHost {
  constructor(readonly dir: string) {
    super();
  }

  #place(path: string): string {
    return path.startsWith(RUN_DIR) ? this.dir + path.slice(RUN_DIR.length) : path;
  }

  override readFile(path: string) {
    return super.readFile(this.#place(path));
  }

  override readTextFile(path: string) {
    return super.readTextFile(this.#place(path));
  }

  override writeFile(path: string, data: Uint8Array | string, options?: WriteOptions) {
    return super.writeFile(this.#place(path), data, options);
  }

  override mkdir(path: string, options?: { mode?: number }) {
    return super.mkdir(this.#place(path), options);
  }

  override chmod(path: string, mode: number) {
    return super.chmod(this.#place(path), mode);
  }

  override chown(path: string, uid: number, gid: number) {
    return super.chown(this.#place(path), uid, gid);
  }

  override remove(path: string) {
    return super.remove(this.#place(path));
  }

  override stat(path: string) {
    return super.stat(this.#place(path));
  }

  override readDir(path: string) {
    return super.readDir(this.#place(path));
  }

  override readRegular(path: string, maxBytes: number) {
    return super.readRegular(this.#place(path), maxBytes);
  }

  override rename(from: string, to: string) {
    return super.rename(this.#place(from), this.#place(to));
  }

  override run(command: readonly string[], options?: RunOptions) {
    return super.run(command.map((word) => word.replaceAll(RUN_DIR, this.dir)), options);
  }
}

/** The identity drive of a node in memory: it can be pulled, write-protected, and keeps what was written to it. */
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import type { RunResult } from "../../../lib/host.ts";
import type { FakeHost } from "../../support/fake_host.ts";

export const MOUNT = "/run/psyopsos/identity";

/** Files of a drive by name; text or bytes. */
export type Drive = Map<string, string | Bytes>;

/** Answers `findfs`, `mount` and `umount`. */
export class DriveFake {
  mounted = false;
  readOnly = false;

  /** @param files Undefined: no drive is there. */
  constructor(readonly host: FakeHost, public files: Drive | undefined) {
    host.programs.set(
      "findfs",
      () => this.files ? "/dev/vdb\n" : failed("findfs: unable to resolve"),
    );
    host.programs.set("mount", (args) => this.#mount(args));
    host.programs.set("umount", () => {
      this.unmount();
      return "";
    });
  }

  /** What is written from now on is on the drive and nowhere else. */
  unmount(): void {
    const { host } = this;
    if (this.mounted) {
      const kept = [...host.nodes].filter(([path]) => path.startsWith(`${MOUNT}/`));
      this.files = new Map(
        kept.filter(([, node]) => node.kind === "file")
          .map(([path, node]) => [path.slice(MOUNT.length + 1), node.data]),
      );
      for (const [path] of kept) host.nodes.delete(path);
    }
    host.broken.delete(MOUNT);
    this.mounted = false;
  }

  #mount(args: readonly string[]): Partial<RunResult> {
    const { host } = this;
    const options = args[args.indexOf("-o") + 1]!.split(",");
    const rw = options.includes("rw");
    if (!this.files || (options[0] === "remount" && !this.mounted)) {
      return failed("mount: no such device");
    }
    if (rw && this.readOnly) {
      return failed("mount: cannot remount /dev/vdb read-write, is write-protected");
    }
    if (!this.mounted) {
      for (const [name, data] of this.files) host.put(`${MOUNT}/${name}`, data);
    }
    this.mounted = true;
    if (rw) host.broken.delete(MOUNT);
    else host.broken.set(MOUNT, new Error("Read-only file system (os error 30)"));
    return {};
  }
}

function failed(stderr: string): Partial<RunResult> {
  return { code: 1, stderr: utf8(stderr) };
}

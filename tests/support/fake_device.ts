/** A block device that the programs which write identity drives find on a FakeHost. */
import { utf8 } from "../../lib/bytes.ts";
import type { FakeHost } from "./fake_host.ts";

const TYPE_BITS = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  block: 0o060000,
  char: 0o020000,
  other: 0o140000,
};

/** Puts `path` there; `lsblk` describes it so, `stat` tells the kind of every path. */
export function putDevice(host: FakeHost, path: string, facts: Record<string, unknown>): void {
  host.put(path, "");
  host.nodes.get(path)!.kind = "block";
  host.programs.set("lsblk", () => JSON.stringify({ blockdevices: [facts] }));
  host.programs.set("stat", (args) => {
    const node = host.nodes.get(args.at(-1)!);
    return node
      ? `${TYPE_BITS[node.kind].toString(16)}\n`
      : { code: 1, stderr: utf8("stat: cannot statx: No such file or directory\n") };
  });
}

/**
 * The ids by which programs tell this machine from others of the same image: machine-id, hostid and, where the image can do
 * iSCSI, the initiator's name. They follow the identity drive and no key of the configuration.
 *
 * @module
 */
import { type Bytes, equal, utf8 } from "../../lib/bytes.ts";
import { deriveIds } from "../identity/derived.ts";
import type { Identity } from "../identity/read.ts";
import { installFile } from "../system/install_file.ts";
import { readIfFile } from "../system/read_file.ts";
import type { Resource, Step } from "./resource.ts";

const ISCSI = "/etc/iscsi";

interface Actual {
  /** Content of each of the files, by path; undefined where it is missing. */
  files: ReadonlyMap<string, Bytes | undefined>;
  /** Whether the image has the folder of iSCSI's configuration. */
  iscsi: boolean;
}

interface Change extends Step {
  readonly path: string;
  readonly data: Bytes;
  readonly mode: number;
}

export const ownIds: Resource<Identity, Actual, Change> = {
  async read(host, identity) {
    const files = new Map<string, Bytes | undefined>();
    for (const { path } of wantedFiles(identity, true)) {
      files.set(path, await readIfFile(host, path));
    }
    return { files, iscsi: (await host.stat(ISCSI))?.kind === "directory" };
  },

  plan: (identity, { files, iscsi }) =>
    wantedFiles(identity, iscsi).filter(({ path, data }) => {
      const have = files.get(path);
      return have === undefined || !equal(have, data);
    }),

  apply: ({ path, data, mode }, host) => installFile(host, path, data, { mode, uid: 0, gid: 0 }),
};

function wantedFiles(identity: Identity, iscsi: boolean): Change[] {
  const { machineId, hostId, iscsiName } = deriveIds(identity);
  const file = (path: string, data: Bytes, mode: number): Change => ({
    ...{ path, data, mode },
    text: `write ${path}`,
  });
  return [
    file("/etc/machine-id", utf8(`${machineId}\n`), 0o444),
    file("/etc/hostid", hostId, 0o644),
    // Who knows the name may ask for the machine's disks where the target checks nothing else.
    ...iscsi
      ? [file(`${ISCSI}/initiatorname.iscsi`, utf8(`InitiatorName=${iscsiName}\n`), 0o600)]
      : [],
  ];
}

/**
 * What a node is called by programs that know nothing of psyopsOS: each derived from the node's seed by HKDF (RFC 5869) with a
 * label of its own, so that nodes of one image differ, a node is the same at every boot, and none of them tells another one or
 * the seed.
 *
 * @module
 */
import { hkdfSync } from "node:crypto";
import { encodeHex } from "@std/encoding/hex";
import { type Bytes, utf8 } from "../../lib/bytes.ts";
import type { DriveIdentity } from "../../lib/documents/drive.ts";

/** Labels by what is derived; one that changed would change the identity of every node. */
const LABELS = {
  machineId: ["psyopsOS machine-id 1", 16],
  hostId: ["psyopsOS hostid 1", 4],
  iscsi: ["psyopsOS iscsi 1", 6],
  duid: ["psyopsOS duid 1", 16],
  k3sPassword: ["psyopsOS k3s node password 1", 16],
  digestKey: ["psyopsOS digests of files 1", 32],
} as const;

/** What {@linkcode deriveIds} gives. */
export interface DerivedIds {
  /** `/etc/machine-id` (machine-id(5)): 32 hexadecimal digits. */
  machineId: string;
  /** `/etc/hostid` (gethostid(3), and ZFS): 4 bytes, little endian, never 0, which stands for none. */
  hostId: Bytes;
  /** Name of the iSCSI initiator (RFC 3720 section 3.2.6.3.1). */
  iscsiName: string;
  /** DHCP unique identifier of the type UUID (RFC 6355): 18 bytes. */
  duid: Bytes;
  /** By which a k3s server knows the node again: 32 hexadecimal digits. Secret. */
  k3sPassword: string;
  /** Key of digests by which the agent knows its own files again, so that nobody else can guess a short content by them. Secret. */
  digestKey: Bytes;
}

/** The ids of a node, from its seed; from its age key where its drive has none. */
export function deriveIds({ seed, ageKeys }: Pick<DriveIdentity, "seed" | "ageKeys">): DerivedIds {
  const source = seed ?? utf8(ageKeys[0]!);
  const derive = (what: keyof typeof LABELS): Bytes => {
    const [label, length] = LABELS[what];
    return new Uint8Array(hkdfSync("sha256", source, new Uint8Array(), label, length));
  };
  const hostId = derive("hostId");
  if (hostId.every((byte) => byte === 0)) hostId[0] = 1;
  return {
    machineId: encodeHex(derive("machineId")),
    hostId,
    iscsiName: `iqn.2016-04.com.open-iscsi:${encodeHex(derive("iscsi"))}`,
    duid: new Uint8Array([0, 4, ...derive("duid")]),
    k3sPassword: encodeHex(derive("k3sPassword")),
    digestKey: derive("digestKey"),
  };
}

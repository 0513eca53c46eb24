/**
 * Target: our own documents, which come over the network, from drives and from caches: each one's reader must refuse all that
 * its schema does not say.
 *
 * @module
 */
import { parseLock } from "../../../../lib/apk/lock.ts";
import type { Bytes } from "../../../../lib/bytes.ts";
import { parseImageFacts } from "../../../../lib/documents/image_facts.ts";
import { parseManifest } from "../../../../lib/documents/manifest.ts";
import { parseOsUpdate } from "../../../../lib/documents/os_update.ts";
import {
  parseEnvelope,
  parseGlobalDocument,
  parseInstructions,
  parseNodeDocument,
  parsePostbootIndex,
  parseTagNodes,
} from "../../../../lib/documents/site.ts";
import { parseSlotDocument } from "../../../../lib/documents/slot.ts";
import { parseStatus } from "../../../../lib/documents/status.ts";
import { parseTrialRecord } from "../../../../lib/documents/trial_record.ts";
import { canonicalJson } from "../../../../lib/json.ts";
import { UnreadableError } from "../../../../lib/schema/read.ts";
import {
  keysOf,
  parseBin,
  parseRoot,
  parseSignedDocument,
  parseTimestamp,
  rootDigest,
} from "../../../../lib/trust/freshness.ts";
import { mutateBytes } from "../mutate_bytes.ts";
import { mutateJson } from "../mutate_json.ts";
import { type Input, partOf, type Subject } from "../target.ts";

const HASH = "1f".repeat(32);
const ISSUED = "2026-11-22T20:00:00Z";
const RECIPIENT = "age1c3zjjnuykdj37cckzw8a29k23fphdqwgr9w8h9furtwnacf473ystm8sut";
const KEY_LINE = "RWQRIjNEVWZ3iGd2V1p0eHl4ZWdmaGppa2xtbm9wcXJzdHV2d3h5emFi";
const SSH_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZwZZ8I2M5JjnPrcPQeV2k+1+4DNckZf6qc+GpwOxon a@b";
const CONFIG = {
  hostname: "alpha",
  timezone: "Europe/Berlin",
  users: {
    ops: { uid: 1000, comment: "Operations", groups: { wheel: true }, sshKeys: { k1: SSH_KEY } },
  },
  files: { "/etc/motd": { content: "Hello\n", mode: "0644", owner: "root", group: "root" } },
  scripts: { first: { run: "echo 1", when: "boot" } },
  report: { url: "https://status.example/" },
  check: { everySeconds: 300 },
};
const listed = { sha256: HASH, size: 100 };

interface Document {
  value: unknown;
  read: (bytes: Bytes) => unknown;
}

/** Each document as it should be, with its reader. */
const DOCUMENTS: Readonly<Record<string, Document>> = {
  "global.json": { value: { notes: "All.", config: CONFIG }, read: parseGlobalDocument },
  "node.json": {
    value: {
      name: "alpha",
      recipient: RECIPIENT,
      sshHostKey: SSH_KEY,
      tags: ["lab"],
      notes: "A node.",
      config: CONFIG,
    },
    read: (bytes) => parseNodeDocument(bytes, "alpha"),
  },
  "nodes.json": { value: ["alpha", "beta"], read: (bytes) => parseTagNodes(bytes, "lab") },
  "postboot.json": {
    value: { alpha: { path: "psyopsOS/postboot/alpha.age", ...listed } },
    read: parsePostbootIndex,
  },
  "envelope.json": {
    value: { payload: "{}\n", minisig: "untrusted comment: x\n" },
    read: (bytes) => parseEnvelope(bytes, "alpha"),
  },
  "instructions.json": {
    value: {
      agent: "0.2.0",
      type: "postboot",
      node: "alpha",
      serial: 42,
      issued: ISSUED,
      config: CONFIG,
      public: CONFIG,
    },
    read: (bytes) => parseInstructions(bytes, "alpha", "0.2.0"),
  },
  "os-update.json": {
    value: {
      releases: [{
        version: "1.2.3",
        arch: "x86_64",
        kernel: "6.18.1-0-lts",
        built: ISSUED,
        files: [{ kind: "slot", path: "psyopsOS/os/1.2.3/x.slot.tar", ...listed }],
      }],
      channels: {
        stable: {
          versions: { x86_64: "1.2.3" },
          start: ISSUED,
          waves: [{ afterHours: 0, percent: 10 }, { afterHours: 24, percent: 100 }],
          canaries: ["alpha"],
          windows: [{ days: ["mon"], from: "02:00", minutes: 60, zone: "Europe/Berlin" }],
        },
      },
    },
    read: parseOsUpdate,
  },
  "manifest.json": {
    value: {
      manifest: 1,
      name: "psyopsos",
      version: "1.0",
      arch: "x86_64",
      engine: "embedded",
      epoch: 1_700_000_000,
      kernel: "6.18.1-0-lts",
      cmdline: "panic=10",
      packages: [{
        name: "musl",
        version: "1.2.5-r0",
        role: "installed",
        arch: "x86_64",
        license: "MIT",
        description: "",
        url: "",
        repository: "main",
        checksum: "Q1",
        ...listed,
      }],
      deferredScripts: [{ package: "x", phase: "trigger" }],
      rootfs: listed,
      files: [{ path: "x.slot.tar", ...listed }],
    },
    read: parseManifest,
  },
  "slot.json": {
    value: {
      slot: 1,
      version: "1.2.3",
      arch: "x86_64",
      kernel: "6.18.1-0-lts",
      epoch: 1_700_000_000,
      cmdline: "quiet",
      initrd: ["initrd"],
      files: [{ name: "vmlinuz", ...listed }],
    },
    read: parseSlotDocument,
  },
  "image.json": { value: { version: "1.2.3", arch: "x86_64", epoch: 1 }, read: parseImageFacts },
  "status.json": {
    value: {
      node: "alpha",
      phase: "configured",
      image: { version: "1.2.3", kernel: "6.18.1" },
      agent: { version: "0.2.0", commit: "abc", form: "bundle" },
      source: "site",
      serial: 7,
      expires: ISSUED,
      problem: { check: "serial", message: "it is older", since: ISSUED, attempts: 2 },
      steps: ["write /etc/motd"],
      observed: { hostname: "alpha" },
      memory: { totalKiB: 1, availableKiB: 1, agentRssKiB: 1 },
      reached: { starting: 5.1 },
      updated: ISSUED,
    },
    read: parseStatus,
  },
  "trial-firewall.json": {
    value: {
      version: 1,
      confirmed: { digest: HASH, text: "table inet psyopsos {\n}\n" },
      refused: { digest: HASH, reason: "the site did not answer under it" },
    },
    read: parseTrialRecord,
  },
  "image.lock": {
    value: {
      lock: 1,
      arch: "x86_64",
      world: ["alpine-base"],
      packages: [{
        name: "musl",
        version: "1.2.5-r0",
        repository: "https://mirror.example/main",
        checksum: "Q1Ei1dXVqQ8vG5bEuDeYBqcLy3dM0=",
        ...listed,
      }],
    },
    read: (bytes) => parseLock(new TextDecoder().decode(bytes)),
  },
  "root.json": {
    value: {
      version: 2,
      issued: ISSUED,
      roles: {
        root: [KEY_LINE],
        config: [KEY_LINE],
        release: [KEY_LINE],
        timestamp: [KEY_LINE, KEY_LINE],
      },
    },
    read: (bytes) => {
      const root = parseRoot(bytes);
      return [keysOf(root, "config"), rootDigest(root)];
    },
  },
  "timestamp.json": {
    value: {
      serial: 42,
      issued: ISSUED,
      expires: "2026-11-25T20:00:00Z",
      root: 2,
      bins: [{ prefix: "0", ...listed }, { prefix: "f", ...listed }],
      publication: { minisig: "untrusted comment: x\n" },
      minisig: "untrusted comment: x\n",
    },
    read: parseTimestamp,
  },
  "bin.json": {
    value: { documents: { "psyopsOS/global.json": listed, "psyopsOS/nodes/alpha.json": listed } },
    read: parseBin,
  },
  "signed.json": {
    value: { payload: "{}\n", minisig: "untrusted comment: x\n" },
    read: (bytes) => parseSignedDocument(bytes, "psyopsOS/global.json"),
  },
};

/** Documents and how they are changed. */
export function subject(): Subject {
  const samples: Input[] = Object.entries(DOCUMENTS).map(([name, { value }]) =>
    new Map([[name, canonicalJson(value)]])
  );
  return {
    samples,
    outermost: /it is no JSON/,
    refuses: (error) => error instanceof UnreadableError,
    read: (input) => {
      const [name] = input.keys();
      return DOCUMENTS[name!]!.read(partOf(input, name));
    },
    mutate: (random, manner) => {
      const [name, json] = [...random.pick(samples)][0]!;
      const byBytes = manner === "bytes" || (manner === "any" && random.once(6));
      const { bytes, steps } = byBytes
        ? oneStep(mutateBytes(json, random))
        : mutateJson(json, random);
      return { input: new Map([[name, bytes]]), steps: [name, ...steps] };
    },
  };
}

function oneStep({ bytes, step }: { bytes: Bytes; step: string }) {
  return { bytes, steps: [step] };
}

/**
 * The SSH server: the host key of the identity drive, so that a node keeps its key whatever image it boots, the settings of the
 * configuration, and the service. An image without sshd, or a drive without a key, is left as it is.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex } from "../../lib/bytes.ts";
import {
  type DesiredSsh,
  isCertificateOf,
  SSH_FILES,
  SSH_SETTINGS_FILE,
} from "../../lib/config/ssh.ts";
import { toldOf } from "../../lib/config/key.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { type Confirmed, mustHold } from "../trial/trial.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import type { Identity } from "../identity/read.ts";
import type { KeyResource, Step } from "./resource.ts";
import {
  isCurrent,
  isRunning,
  judge,
  place,
  placeScript,
  reload,
  type SshdFiles,
  start,
  whyMute,
} from "./sshd.ts";

const KEY_FILE = "/etc/ssh/ssh_host_ed25519_key";
const PUBLIC_FILE = `${KEY_FILE}.pub`;
const SERVICE = "/etc/init.d/sshd";
const ROOT = { uid: 0, gid: 0 };

interface Actual {
  identity: Pick<Identity, "sshHostKey" | "sshHostPublicKey">;
  /** Whether the image has the service. */
  service: boolean;
  running: boolean;
  /** Whether the server has read all that is there. */
  current: boolean;
  key: string | undefined;
  keyMode: number | undefined;
  publicKey: string | undefined;
  /** Contents of the files of the settings. */
  files: SshdFiles;
  /** The settings that were confirmed last. */
  confirmed: Confirmed | undefined;
  /** Digest of those that were tried last and did not hold. */
  refused: string | undefined;
  /** Whether the configuration says something of the server. */
  asked: boolean;
  /** Whether the configuration lists the file of the settings among its own: sites of the first agent may. */
  left: boolean;
}

type Change =
  & Step
  & (
    | { readonly what: "key" | "public"; readonly content: string }
    | {
      readonly what: "settings";
      readonly wanted: DesiredSsh;
      /** What is there now. */
      readonly before: SshdFiles;
      readonly running: boolean;
      readonly confirmed: Confirmed | undefined;
    }
    | { readonly what: "start" | "reload" | "forget" | "forgive" }
    /** Always fails: what can't be done is reported every time, while all other steps are still made. */
    | { readonly what: "impossible"; readonly doing: string; readonly state: string }
  );

const SETTING = "set up the SSH server";

export const ssh: KeyResource<"ssh", Actual, Change> = {
  async read(host, _wanted, { identity, config, trials }) {
    const service = await host.stat(SERVICE) !== undefined;
    return {
      identity,
      service,
      running: service && await isRunning(host),
      current: service && await isCurrent(host),
      key: await readTextIfFile(host, KEY_FILE),
      keyMode: (await host.stat(KEY_FILE))?.mode,
      publicKey: await readTextIfFile(host, PUBLIC_FILE),
      files: await readFiles(host),
      confirmed: await trials.confirmed("ssh"),
      refused: await trials.refused("ssh"),
      asked: config.ssh !== undefined,
      left: config.files?.[SSH_SETTINGS_FILE] !== undefined,
    };
  },

  plan(wanted, actual) {
    const { identity: { sshHostKey, sshHostPublicKey }, service, running, asked } = actual;
    if (!service || sshHostKey === undefined) {
      const state = service
        ? "there is no SSH host key on the identity drive"
        : "this image lacks sshd";
      return asked ? [{ what: "impossible", doing: SETTING, state, text: SETTING }] : [];
    }
    const steps: Change[] = [];
    const keyHolds = actual.key === sshHostKey && actual.keyMode === 0o600;
    if (!keyHolds) {
      steps.push({ what: "key", content: sshHostKey, text: "install the SSH host key" });
    }
    const content = sshHostPublicKey && `${sshHostPublicKey}\n`;
    if (content !== undefined && actual.publicKey !== content) {
      steps.push({ what: "public", content, text: "install the SSH host public key" });
    }
    const { hostCertificate } = wanted;
    const { confirmed, files: before } = actual;
    // Only a server that runs can be tried; with what was confirmed it may start.
    const isTried = !running && confirmed?.digest !== digestOf(wanted.files);
    const start: Change = { what: "start", text: "start sshd" };
    if (isTried) steps.push(start);
    const isAsWanted = SSH_FILES.every((path) => actual.files.get(path) === wanted.files[path]);
    if (
      hostCertificate !== undefined && sshHostPublicKey !== undefined &&
      !isCertificateOf(hostCertificate, sshHostPublicKey)
    ) {
      // Clients would be shown a certificate of somebody else's key.
      const state = "hostCertificate is not about the host key of the identity drive";
      steps.push({ what: "impossible", doing: SETTING, state, text: SETTING });
    } else if (!isAsWanted && !actual.left) {
      const isRunning = running || isTried;
      steps.push({
        what: "settings",
        wanted,
        before,
        confirmed,
        running: isRunning,
        text: SETTING,
      });
    }
    if (isAsWanted && confirmed && confirmed.digest !== digestOf(wanted.files)) {
      // They were taken away from one boot to the next.
      steps.push({ what: "forget", text: "forget earlier settings of the SSH server" });
    } else if (isAsWanted && actual.refused !== undefined) {
      steps.push({ what: "forgive", text: "forget that settings of the SSH server were refused" });
    }
    if (!running) {
      if (!isTried) steps.push(start);
    } else if (!keyHolds || !actual.current) {
      steps.push({ what: "reload", text: "let sshd read what is new" });
    }
    return steps;
  },

  async apply(step, host, { trials, config }) {
    switch (step.what) {
      case "key":
        return await installFile(host, KEY_FILE, step.content, { mode: 0o600, ...ROOT });
      case "public":
        return await installFile(host, PUBLIC_FILE, step.content, { mode: 0o644, ...ROOT });
      case "settings": {
        const files = filesOf(step.wanted.files);
        await judge(host, files, step.wanted.settings, step.text);
        if (!step.running) return await place(host, files);
        const outcome = await trials.attempt({
          subject: "ssh",
          digest: digestOf(step.wanted.files),
          text: JSON.stringify(step.wanted.files),
          revert: placeScript(step.before),
          seconds: config.network?.trialSeconds,
          apply: () => put(host, files, step.text),
          check: () => whyMute(host),
        });
        const { confirmed } = step;
        if (outcome.kind !== "confirmed" && confirmed) {
          await put(host, filesOf(v.parse(keptSchema, JSON.parse(confirmed.text))), step.text);
        }
        return mustHold(outcome, step.text);
      }
      case "forget":
        return await trials.forget("ssh");
      case "forgive":
        return await trials.forgive("ssh");
      case "start":
        return await start(host, step.text);
      case "reload":
        return await reload(host, step.text);
      case "impossible":
        throw new UserError(step.doing, step.state);
    }
  },

  async observe(host, wanted, shown) {
    const told: Record<string, string> = {};
    for (const [path, text] of await readFiles(host)) {
      const [want, open] = [wanted, shown].map(({ files }) => files[path] ?? "");
      const one = toldOf(text ?? "", want!, open!);
      if (one !== "") told[path] = one;
    }
    return told;
  },
};

/** Settings as the drive keeps them: contents of files by their paths. */
const keptSchema = v.record(v.string(), v.string());

function filesOf(contents: Readonly<Record<string, string>>): SshdFiles {
  return new Map(SSH_FILES.map((path) => [path, contents[path]]));
}

function digestOf(contents: Readonly<Record<string, string>>): string {
  return sha256Hex(canonicalJson(contents));
}

/** Puts settings in force; does nothing where they are. */
async function put(host: Host, files: SshdFiles, doing: string): Promise<void> {
  const is = await readFiles(host);
  if (SSH_FILES.some((path) => is.get(path) !== files.get(path))) await place(host, files);
  await reload(host, doing);
}

async function readFiles(host: Host): Promise<Map<string, string | undefined>> {
  const files = new Map<string, string | undefined>();
  for (const path of SSH_FILES) files.set(path, await readTextIfFile(host, path));
  return files;
}

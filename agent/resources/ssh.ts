/**
 * The SSH server: the host key of the identity drive, so that a node keeps its key whatever image it boots, and the service.
 * An image without sshd, or a drive without a key, is left as it is.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { run, runOk } from "../system/programs.ts";
import type { Identity } from "../identity/read.ts";
import type { Resource, Step } from "./resource.ts";

const KEY_FILE = "/etc/ssh/ssh_host_ed25519_key";
const PUBLIC_FILE = `${KEY_FILE}.pub`;
const SERVICE = "/etc/init.d/sshd";
const ROOT = { uid: 0, gid: 0 };

/** The part of the identity that it follows. */
type Wanted = Pick<Identity, "sshHostKey" | "sshHostPublicKey">;

interface Actual {
  /** Whether the image has the service. */
  service: boolean;
  running: boolean;
  key: string | undefined;
  keyMode: number | undefined;
  publicKey: string | undefined;
}

type Change =
  & Step
  & (
    | { readonly what: "key" | "public"; readonly content: string }
    | { readonly what: "start" | "restart" }
  );

export const ssh: Resource<Wanted, Actual, Change> = {
  async read(host) {
    const service = await host.stat(SERVICE) !== undefined;
    const status = service && (await run(host, ["rc-service", "sshd", "status"])).code === 0;
    return {
      service,
      running: status,
      key: await readTextIfFile(host, KEY_FILE),
      keyMode: (await host.stat(KEY_FILE))?.mode,
      publicKey: await readTextIfFile(host, PUBLIC_FILE),
    };
  },

  plan({ sshHostKey, sshHostPublicKey }, actual) {
    if (!actual.service || sshHostKey === undefined) return [];
    const steps: Change[] = [];
    const keyHolds = actual.key === sshHostKey && actual.keyMode === 0o600;
    if (!keyHolds) {
      steps.push({ what: "key", content: sshHostKey, text: "install the SSH host key" });
    }
    const content = sshHostPublicKey && `${sshHostPublicKey}\n`;
    if (content !== undefined && actual.publicKey !== content) {
      steps.push({ what: "public", content, text: "install the SSH host public key" });
    }
    if (!actual.running) steps.push({ what: "start", text: "start sshd" });
    else if (!keyHolds) steps.push({ what: "restart", text: "restart sshd with its host key" });
    return steps;
  },

  async apply(step, host) {
    switch (step.what) {
      case "key":
        return await installFile(host, KEY_FILE, step.content, { mode: 0o600, ...ROOT });
      case "public":
        return await installFile(host, PUBLIC_FILE, step.content, { mode: 0o644, ...ROOT });
      default: {
        // The daemon keeps what it inherits: pipes would stay open for as long as it runs.
        const { code } = await run(host, ["rc-service", "sshd", step.what], { output: "null" });
        if (code !== 0) throw new UserError(step.text, `exit code ${code}`);
        await runOk(host, step.text, ["rc-service", "sshd", "status"]);
      }
    }
  },
};

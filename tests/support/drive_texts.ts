/** The texts of an identity drive that a node reads, for tests of drives. */
import type { DriveTexts } from "../../lib/documents/drive.ts";
import { formatSshPrivateKey, generateSshKey, sshPublicLine } from "../../lib/identity/ssh_key.ts";
import { formatIdentityFile, generateIdentity } from "../../lib/trust/age_keygen.ts";
import { formatPublicKey } from "../../lib/trust/minisign.ts";
import { publicKeyOf } from "../../lib/trust/minisign_sign.ts";
import { KEY } from "../site/support.ts";

export const AGE_PAIR = await generateIdentity();
const SSH_KEY = generateSshKey();

/** What is on the drive of `alpha`, but for `change`. */
export function driveTexts(change: Partial<DriveTexts> = {}): DriveTexts {
  return {
    name: "alpha",
    ageIdentity: formatIdentityFile(AGE_PAIR),
    minisignKey: formatPublicKey(publicKeyOf(KEY)),
    sshHostKey: formatSshPrivateKey(SSH_KEY, "alpha"),
    sshHostKeyPublic: sshPublicLine(SSH_KEY, "alpha"),
    sites: ["https://one.example/", "http://two.example/fleet/"],
    ...change,
  };
}

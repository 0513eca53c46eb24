/** The identity of a node whose resources are tested. */
import type { Identity } from "../../../agent/identity/read.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { KEY } from "../../site/support.ts";
import { HOST_KEY } from "../world.ts";

export const IDENTITY: Identity = {
  name: "alpha",
  ageKeys: [],
  pinned: publicKeyOf(KEY),
  sites: [],
  sshHostKey: HOST_KEY,
  sshHostPublicKey: "ssh-ed25519 AAAA alpha",
};

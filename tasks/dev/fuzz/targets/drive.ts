/**
 * Target: the files of an identity drive.
 *
 * @module
 */
import { DriveError, parseDrive } from "../../../../lib/documents/drive.ts";
import { isNodeName } from "../../../../lib/documents/names.ts";
import { AGE_IDENTITY, ED25519_PUBLIC } from "../keys.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Subject, WrongAnswer } from "../target.ts";

const FILES: Readonly<Record<string, string>> = {
  nodename: "alpha\n",
  "age.key": `# created: 2026-11-22\n${AGE_IDENTITY}\n`,
  "minisign.pubkey": ED25519_PUBLIC,
  site: "# Where it is\nhttps://site.example/\nhttp://192.0.2.1:8080/base # second\n",
  ssh_host_ed25519_key:
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n",
  "ssh_host_ed25519_key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZw alpha\n",
  "network.json":
    '{"interface": "eth0", "address": "192.0.2.10/24", "gateway": "192.0.2.1", "dns": ["192.0.2.53"]}\n',
};

/** Drives and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [{
      parts: Object.fromEntries(
        Object.entries(FILES).map(([name, text]) => [name, textPieces(text)]),
      ),
    }],
    refuses: (error) => error instanceof DriveError,
    read: async (input) => {
      const identity = await parseDrive((name) => Promise.resolve(input.get(name)));
      if (!isNodeName(identity.name)) {
        throw new WrongAnswer(`it takes for a name: ${identity.name}`);
      }
      for (const site of identity.sites) {
        if (!/^https?:\/\/[^?#\p{Cc}]+\/$/u.test(site) || !URL.canParse(site)) {
          throw new WrongAnswer(`it takes for a site: ${site}`);
        }
      }
      return identity;
    },
  });
}

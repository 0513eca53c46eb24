/**
 * `/etc/hosts`: localhost, the node's own name, and what the configuration adds. The file is wholly the agent's.
 *
 * @module
 */
import { hostLines, type Hosts } from "../../lib/config/hosts.ts";
import { toldOf } from "../../lib/config/key.ts";
import { desired } from "../../lib/config/mod.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import type { KeyResource, Step } from "./resource.ts";

const FILE = "/etc/hosts";
const LOCALHOST = "127.0.0.1\tlocalhost localhost.localdomain\n" +
  "::1\tlocalhost localhost.localdomain\n";
/** Where a machine's own name leads that may have any address, or none: not to localhost, whose name is another. */
const OWN_ADDRESS = "127.0.1.1";

/** Lines that every node has: two of localhost, one of its own. */
const OWN_LINES = 3;

interface Actual {
  text: string | undefined;
  /** The lines that every node has. */
  own: string;
}

interface Change extends Step {
  readonly content: string;
}

export const hosts: KeyResource<"hosts", Actual, Change> = {
  read: async (host, _wanted, { config, identity }) => ({
    text: await readTextIfFile(host, FILE),
    own: ownLines(desired("hostname", config, identity)),
  }),

  plan(wanted, { text, own }) {
    const content = own + hostLines(wanted);
    return text === content ? [] : [{ content, text: `write ${FILE}` }];
  },

  apply: ({ content }, host) => installFile(host, FILE, content, { mode: 0o644, uid: 0, gid: 0 }),

  async observe(host, wanted: Hosts, shown: Hosts) {
    const text = await readTextIfFile(host, FILE) ?? "";
    const others = text.split("\n").slice(OWN_LINES).join("\n");
    return toldOf(others, hostLines(wanted), hostLines(shown));
  },
};

/** Localhost and the node itself, by its full name and by the first part of it. */
function ownLines(name: string): string {
  const short = name.split(".")[0]!;
  const names = short === name ? name : `${name} ${short}`;
  return `${LOCALHOST}${OWN_ADDRESS}\t${names}\n`;
}

/**
 * The node's time zone: `/etc/localtime`, which the C libraries read, and `/etc/timezone`, which names it.
 *
 * @module
 */
import { type Bytes, equal } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import { toldOf } from "../../lib/config/key.ts";
import type { Host } from "../../lib/host.ts";
import { installFile } from "../system/install_file.ts";
import { readIfFile, readTextIfFile } from "../system/read_file.ts";
import type { KeyResource, Step } from "./resource.ts";

const ZONES = "/usr/share/zoneinfo";
const LOCALTIME = "/etc/localtime";
const TIMEZONE = "/etc/timezone";
const FACTS = { mode: 0o644, uid: 0, gid: 0 };

interface Actual {
  /** Name in `/etc/timezone`; undefined without the file. */
  name: string | undefined;
  localtime: Bytes | undefined;
  /** The wanted zone, as the image has it. */
  zone: Bytes | undefined;
}

interface Change extends Step {
  readonly path: string;
  /** Undefined: the image has no such zone. */
  readonly data: Bytes | string | undefined;
}

export const timezone: KeyResource<"timezone", Actual, Change> = {
  async read(host, wanted) {
    return {
      name: await readName(host),
      localtime: await readRules(host, LOCALTIME),
      zone: await readRules(host, `${ZONES}/${wanted}`),
    };
  },

  plan(wanted, { name, localtime, zone }) {
    // A node without either file uses UTC, so there is nothing to do.
    if (wanted === "UTC" && name === undefined && localtime === undefined) return [];
    const steps: Change[] = [];
    const holds = zone !== undefined && localtime !== undefined && equal(zone, localtime);
    if (!holds) steps.push({ path: LOCALTIME, data: zone, text: "set the time zone" });
    if (name !== wanted) {
      steps.push({ path: TIMEZONE, data: `${wanted}\n`, text: `write ${TIMEZONE}` });
    }
    return steps;
  },

  async apply({ path, data, text }, host) {
    if (data === undefined) throw new UserError(text, "the image has no such zone");
    await installFile(host, path, data, FACTS);
  },

  observe: async (host, wanted, shown) => toldOf(await readZone(host), wanted, shown),
};

/** The zone that holds on the node; "unknown" where the two files do not agree. */
async function readZone(host: Host): Promise<string> {
  const name = await readName(host);
  const localtime = await readRules(host, LOCALTIME);
  if (name === undefined && localtime === undefined) return "UTC";
  const zone = await readRules(host, `${ZONES}/${name}`);
  return zone && localtime && equal(zone, localtime) ? name! : "unknown";
}

async function readName(host: Host): Promise<string | undefined> {
  return (await readTextIfFile(host, TIMEZONE))?.trim();
}

/** The rules of a zone, which may be a link to those of another; undefined where there are none. */
function readRules(host: Host, path: string): Promise<Bytes | undefined> {
  return readIfFile(host, path, { followLast: true });
}

/**
 * `/etc/resolv.conf`. A program of the image is its only writer (overlay/root/usr/lib/psyopsos/resolv-conf): it puts together
 * what the agent lays down here and what DHCP clients got.
 *
 * @module
 */
import type { WantedDns } from "../../lib/config/network.ts";
import type { Host } from "../../lib/host.ts";
import { DHCP_DIR, RESOLV_CONF, RUN_DIR } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";
import { readTextIfFile } from "../system/read_file.ts";

/** Where the configuration's part lies. */
export const RESOLV_FIXED = `${DHCP_DIR}/resolv`;
/** Where the part of the identity drive's network.json lies. */
export const RESOLV_DRIVE = `${DHCP_DIR}/drive`;
export const RESOLV_FILE = "/etc/resolv.conf";

/** The configuration's part of the file; undefined where it says nothing. */
export function fixedText({ servers, search, options, useDhcp }: WantedDns): string | undefined {
  const lines = [
    ...search.length > 0 ? [`search ${search.join(" ")}`] : [],
    ...options.length > 0 ? [`options ${options.join(" ")}`] : [],
    ...servers.map((server) => `nameserver ${server}`),
    ...useDhcp ? [] : ["dhcp no"],
  ];
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

/** What is known of DNS. */
export interface ResolverState {
  /** Text of {@linkcode RESOLV_FIXED}. */
  fixed: string | undefined;
  /** Whether the file is what follows from all parts. */
  isWritten: boolean;
}

/** Reads it. */
export async function readResolver(host: Host): Promise<ResolverState> {
  const fixed = await readTextIfFile(host, RESOLV_FIXED);
  const must = await runOk(host, `put ${RESOLV_FILE} together`, [RESOLV_CONF, "show"]);
  return { fixed, isWritten: must === "" || await readTextIfFile(host, RESOLV_FILE) === must };
}

/** Lays one part down, or takes it away. */
export async function setResolverPart(
  host: Host,
  part: typeof RESOLV_FIXED | typeof RESOLV_DRIVE,
  text: string | undefined,
): Promise<void> {
  if (text === undefined) return await host.remove(part);
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.mkdir(DHCP_DIR, { mode: 0o700 });
  await host.writeFile(part, text, { mode: 0o600, sync: false });
}

/** Has the file written. */
export async function writeResolver(host: Host): Promise<void> {
  await runOk(host, `write ${RESOLV_FILE}`, [RESOLV_CONF, "write"]);
}

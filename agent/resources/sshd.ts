/**
 * The SSH server of the node: judges settings before they are in force, puts them in force, and knows whether the server has
 * read what is there. A server that reads a file it refuses ends, and nobody gets in any more.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import { complaintOf, firstLine } from "../../lib/complaint.ts";
import { SSH_SETTINGS_FILE } from "../../lib/config/ssh.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { readRecord, writeRecord } from "../system/account_files.ts";
import { parseAddresses } from "../network/address.ts";
import { isLetIn, keyedLogins } from "./sshd_logins.ts";
import { installFile } from "../system/install_file.ts";
import { SSHD_CANDIDATE_DIR, SSHD_RECORD_FILE } from "../system/paths.ts";
import { outputOf, run, runOk } from "../system/programs.ts";
import { readTextIfFile } from "../system/read_file.ts";

/** The server's own configuration, which includes the files of the folder. */
const MAIN_FILE = "/etc/ssh/sshd_config";
const FOLDER = "/etc/ssh/sshd_config.d";
const INCLUDE = /^[ \t]*Include[ \t]+\/etc\/ssh\/sshd_config\.d\/\*\.conf[ \t]*$/mi;
const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";
const ROOT = { uid: 0, gid: 0 };
/** How long one greeting is waited for, and how often and how long apart a server is asked, in milliseconds. */
const GREETING_MS = 3_000;
const GREETING_TRIES = 10;
const GREETING_PAUSE_MS = 500;

/** Keywords and values, in the order of the file. */
export type Settings = readonly (readonly [keyword: string, value: string])[];
/** Contents of the server's files by their paths; undefined for those that are not to be there. */
export type SshdFiles = ReadonlyMap<string, string | undefined>;

/** Whether the server runs. */
export async function isRunning(host: Host): Promise<boolean> {
  return (await run(host, ["rc-service", "sshd", "status"])).code === 0;
}

/**
 * Asks sshd whether it would take `files` in place of those that are there, whether each of the `settings` would then be in
 * force, and whether one of the accounts at least could log in that have a key. Nothing that the server reads is changed.
 *
 * @throws {UserError} when not, "Cannot <doing>: <why>".
 */
export async function judge(
  host: Host,
  files: SshdFiles,
  settings: Settings,
  doing: string,
): Promise<void> {
  // The service's own check makes the folder that sshd needs to separate its privileges, whatever it finds.
  await run(host, ["rc-service", "sshd", "checkconfig"], { output: "null" });
  await host.remove(SSHD_CANDIDATE_DIR);
  await host.mkdir(SSHD_CANDIDATE_DIR, { mode: 0o700 });
  try {
    const aside = new Map<string, string>();
    for (const [i, [path, content]] of [...files].entries()) {
      if (content === undefined) continue;
      aside.set(path, `${SSHD_CANDIDATE_DIR}/${i}`);
      // The settings name the other files by their paths.
      let text = content;
      for (const [place, other] of aside) text = text.replaceAll(` ${place}\n`, ` ${other}\n`);
      await host.writeFile(aside.get(path)!, text, { mode: 0o600, sync: false });
    }
    const refused = (complaint: string) => {
      for (const [path, other] of aside) complaint = complaint.replaceAll(other, path);
      return new UserError(doing, complaint);
    };
    const text = await candidate(host, aside, doing);
    const whole = await dump(host, text, refused);
    const alone = `HostKey ${HOST_KEY}\nInclude ${aside.get(SSH_SETTINGS_FILE)}\n`;
    const meant = settings.length === 0 ? [] : await dump(host, alone, refused);
    for (const [keyword] of settings) {
      const ours = linesOf(meant, keyword), all = linesOf(whole, keyword);
      if (ours.length === 0) throw new UserError(doing, `sshd tells nothing of ${keyword}`);
      // A port that another file names as well would be open, too; of other lists it is right to be longer.
      const isTaken = ours.every((line) => all.includes(line)) &&
        (keyword !== "Port" || all.length === ours.length);
      if (!isTaken) throw new UserError(doing, `another file sets ${keyword}, and goes before`);
    }
    await judgeLogins(host, whole, (login) => dump(host, text, refused, login), doing);
  } finally {
    await host.remove(SSHD_CANDIDATE_DIR);
  }
}

/** @throws {UserError} when no account that has a key could log in by it, nor anybody otherwise. */
async function judgeLogins(
  host: Host,
  whole: readonly string[],
  told: (login: string) => Promise<string[]>,
  doing: string,
): Promise<void> {
  const others = ["passwordauthentication yes", "kbdinteractiveauthentication yes"];
  const isCertified = whole.some((line) => /^trustedusercakeys (?!none$)/.test(line));
  const logins = await keyedLogins(host);
  if (logins.length === 0 || isCertified || others.some((one) => whole.includes(one))) return;
  // From where people come is not known; what they are told depends on it in Match blocks alone.
  const addresses = (await ownAddresses(host)).concat("127.0.0.1");
  for (const login of logins) {
    for (const address of addresses) {
      const line = `user=${login.name},host=${address},addr=${address}`;
      if (isLetIn(await told(line), login)) return;
    }
  }
  const names = logins.map(({ name }) => name).join(", ");
  throw new UserError(doing, `it would let none of those in who have a key (${names})`);
}

/** The node's addresses that others can reach. */
async function ownAddresses(host: Host): Promise<string[]> {
  const told = await run(host, ["ip", "-o", "addr", "show"]);
  return parseAddresses(outputOf(told)).map(([, cidr]) => cidr.split("/")[0]!);
}

/**
 * Looks whether the running server greets on each address on which it listens; gives where it does not, in words. A server that
 * has just read its files takes a moment.
 */
export async function whyMute(host: Host): Promise<string | undefined> {
  const result = await run(host, ["sshd", "-T"]);
  if (result.code !== 0) return complaintOf(result, firstLine);
  const listening = listenAddresses(outputOf(result));
  let mute: string | undefined;
  for (let left = GREETING_TRIES; left > 0; left--) {
    mute = undefined;
    for (const { address, port } of await reachable(host, listening)) {
      if (await greets(host, address, port)) continue;
      mute = `sshd does not answer on ${address}, port ${port}`;
      break;
    }
    if (mute === undefined) return undefined;
    await host.sleep(GREETING_PAUSE_MS);
  }
  return mute;
}

/** The addresses that a server is reached at which listens so. */
async function reachable(
  host: Host,
  listening: readonly { address: string; port: number }[],
): Promise<{ address: string; port: number }[]> {
  const own = await ownAddresses(host);
  const any = new Map([
    ["0.0.0.0", own.filter((one) => !one.includes(":")).concat("127.0.0.1")],
    ["::", own.filter((one) => one.includes(":"))],
  ]);
  return listening.flatMap(({ address, port }) =>
    (any.get(address) ?? [address]).map((one) => ({ address: one, port }))
  );
}

async function greets(host: Host, address: string, port: number): Promise<boolean> {
  try {
    const said = await host.greeting({ address, port, timeoutMs: GREETING_MS });
    return new TextDecoder().decode(said).startsWith("SSH-2.0-");
  } catch {
    return false;
  }
}

/** Puts files in their places, or takes them away. They must have been judged. */
export async function place(host: Host, files: SshdFiles): Promise<void> {
  for (const [path, content] of files) {
    if (content === undefined) await host.remove(path);
    else {
      await installFile(host, path, content, { mode: modeOf(path), ...ROOT });
    }
  }
}

function modeOf(path: string): number {
  return path === SSH_SETTINGS_FILE ? 0o600 : 0o644;
}

/** A script for /bin/sh that puts files in their places, or takes them away, and has the server read them. */
export function placeScript(files: SshdFiles): string {
  const lines = [...files].flatMap(([path, content]) =>
    content === undefined ? [`rm -f ${path}`] : [
      `echo ${encodeBase64(content)} | base64 -d >${path}.back || exit 1`,
      `chmod ${modeOf(path).toString(8)} ${path}.back && mv ${path}.back ${path} || exit 1`,
    ]
  );
  return [
    ...lines,
    "sshd -t || exit 1",
    // One that has ended over what it read is no more to be told anything.
    "rc-service sshd reload || rc-service sshd restart",
    "",
  ].join("\n");
}

/** Starts the server, and remembers what it was started with. */
export async function start(host: Host, doing: string): Promise<void> {
  await act(host, "start", doing);
}

/**
 * Lets the server read what is there, without ending sessions, unless it has read it already.
 *
 * @throws {UserError} when sshd would not take it; the server goes on with what it has read before.
 */
export async function reload(host: Host, doing: string): Promise<void> {
  if (await isCurrent(host)) return;
  const result = await run(host, ["sshd", "-t"]);
  if (result.code !== 0) throw new UserError(doing, complaintOf(result, firstLine));
  await act(host, "reload", doing);
}

/** Ports that a server started now would listen on, by all its files; none where that can't be told. */
export async function listeningPorts(host: Host): Promise<number[]> {
  const result = await run(host, ["sshd", "-T"]);
  if (result.code !== 0) return [];
  const ports = listenAddresses(outputOf(result)).map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Where a server listens, by what `sshd -T` prints. */
function listenAddresses(told: string): { address: string; port: number }[] {
  return told.split("\n").flatMap((line) => {
    const match = /^listenaddress \[?([^\]\s]*)\]?:([0-9]{1,5})$/.exec(line);
    return match ? [{ address: match[1]!, port: Number(match[2]) }] : [];
  });
}

/** Whether the server has read all that is there. */
export async function isCurrent(host: Host): Promise<boolean> {
  const record = await readRecord(host, SSHD_RECORD_FILE, v.object({ digest: v.string() }));
  return record?.digest === await digest(host);
}

async function act(host: Host, verb: "start" | "reload", doing: string): Promise<void> {
  const read = await digest(host);
  // The daemon keeps what it inherits: pipes would stay open for as long as it runs.
  const { code } = await run(host, ["rc-service", "sshd", verb], { output: "null" });
  if (code !== 0) throw new UserError(doing, `exit code ${code}`);
  await runOk(host, doing, ["rc-service", "sshd", "status"]);
  await writeRecord(host, SSHD_RECORD_FILE, { digest: read });
}

/** Stands for all that the server reads when it starts. */
async function digest(host: Host): Promise<string> {
  const names = (await host.readDir(FOLDER)).map((name) => `${FOLDER}/${name}`);
  const others = (await host.readDir("/etc/ssh")).filter((name) =>
    !/^authorized_keys\.d$|^moduli$/.test(name)
  )
    .map((name) => `/etc/ssh/${name}`);
  const texts: Record<string, string> = {};
  for (const path of [...names, ...others]) {
    const text = await readTextIfFile(host, path);
    if (text !== undefined) texts[path] = sha256Hex(utf8(text));
  }
  return sha256Hex(canonicalJson(texts));
}

/** The server's configuration, with files `aside` in place of those at their paths. */
async function candidate(
  host: Host,
  aside: ReadonlyMap<string, string>,
  doing: string,
): Promise<string> {
  const main = await readTextIfFile(host, MAIN_FILE) ?? "";
  if (!INCLUDE.test(main)) {
    throw new UserError(doing, `${MAIN_FILE} of this image does not include ${FOLDER}/*.conf`);
  }
  const names = new Set(await host.readDir(FOLDER));
  const own = SSH_SETTINGS_FILE.slice(FOLDER.length + 1);
  names.delete(own);
  if (aside.has(SSH_SETTINGS_FILE)) names.add(own);
  const included = [...names].filter((name) => name.endsWith(".conf") && !name.startsWith("."))
    .sort().map((name) => `Include ${aside.get(`${FOLDER}/${name}`) ?? `${FOLDER}/${name}`}`);
  return main.replace(INCLUDE, () => included.join("\n"));
}

/** What sshd would do by a configuration, for a `login` where one is given, as it tells it: a keyword and its value a line. */
async function dump(
  host: Host,
  text: string,
  refused: (complaint: string) => UserError,
  login?: string,
): Promise<string[]> {
  const path = `${SSHD_CANDIDATE_DIR}/sshd_config`;
  await host.writeFile(path, text, { mode: 0o600, sync: false });
  const command = ["sshd", "-T", "-f", path, ...login === undefined ? [] : ["-C", login]];
  const result = await run(host, command);
  if (result.code !== 0) throw refused(complaintOf(result, firstLine));
  return outputOf(result).split("\n");
}

function linesOf(told: readonly string[], keyword: string): string[] {
  return told.filter((line) => line.startsWith(`${keyword.toLowerCase()} `));
}

/**
 * What the node really is, read back from the system after applying. What only this node may know is compared here and
 * reported as equal or not: the hash of a short secret gives the secret away.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { type Observed, PRIVATE_DIGEST } from "../../lib/documents/status.ts";
import { fileContent, type NodeConfig } from "../../lib/documents/site.ts";
import { sha256Hex } from "../../lib/bytes.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import { octal, readFileFacts, readNames } from "./files.ts";
import { readHostname } from "./hostname.ts";
import { readScriptRecord } from "./scripts.ts";
import { keyFile } from "./users.ts";

/**
 * Reads back what `config` is about.
 *
 * @param shown The public part of the configuration.
 */
export async function observe(
  host: Host,
  config: NodeConfig,
  shown: NodeConfig,
): Promise<Observed> {
  return {
    hostname: await readHostname(host),
    users: await observeUsers(host, config),
    files: await observeFiles(host, config, shown),
    scripts: await observeScripts(host, config, shown),
  };
}

async function observeUsers(host: Host, config: NodeConfig): Promise<Observed["users"]> {
  const accounts = parsePasswd(await host.readTextFile("/etc/passwd"));
  const groups = parseGroup(await host.readTextFile("/etc/group"));
  const found: Observed["users"] = [];
  for (const name of Object.keys(config.users ?? {})) {
    const account = accounts.find((account) => account.name === name);
    if (!account) continue;
    const path = keyFile(name);
    const keys = await host.stat(path) ? await host.readTextFile(path) : "";
    found.push({
      name,
      uid: account.uid,
      groups: groups.filter(({ members }) => members.includes(name)).map((group) => group.name),
      sshKeys: keys.split("\n").filter(Boolean),
    });
  }
  return found;
}

async function observeFiles(
  host: Host,
  config: NodeConfig,
  shown: NodeConfig,
): Promise<Observed["files"]> {
  const names = await readNames(host);
  const found: Observed["files"] = [];
  for (const [path, given] of Object.entries(config.files ?? {})) {
    const facts = await readFileFacts(host, path, names);
    if (facts?.sha256 === undefined) continue;
    const open = shown.files?.[path];
    const isPublic = open?.content === given.content && open.encoding === given.encoding;
    const asDemanded = facts.sha256 === sha256Hex(fileContent(given));
    found.push({
      path,
      sha256: isPublic ? facts.sha256 : asDemanded ? PRIVATE_DIGEST : "differs",
      mode: octal(facts.mode),
      owner: facts.owner,
      group: facts.group,
    });
  }
  return found;
}

async function observeScripts(
  host: Host,
  config: NodeConfig,
  shown: NodeConfig,
): Promise<Observed["scripts"]> {
  const found: Observed["scripts"] = [];
  for (const [name, given] of Object.entries(config.scripts ?? {})) {
    const record = await readScriptRecord(host, name);
    if (!record) continue;
    const isPublic = shown.scripts?.[name]?.run === given.run;
    const outputSha256 = isPublic ? record.outputSha256 : PRIVATE_DIGEST;
    found.push({ name, exitCode: record.exitCode, outputSha256 });
  }
  return found;
}

/**
 * What a site costs: built from nothing, again after one node changed, refreshed, published, read by one node. The fleet
 * is made here; building and refreshing are what is given, so that the tasks themselves can be measured.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { parseEnvelope, parseInstructions, SITE_PATHS } from "../../../lib/documents/site.ts";
import { UserError } from "../../../lib/errors.ts";
import type { Host } from "../../../lib/host.ts";
import { MemoryTarget } from "../../../lib/publish/memory_target.ts";
import { decryptWith } from "../../../lib/trust/age.ts";
import { formatIdentityFile, generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { Sealer } from "../../../lib/trust/age_value.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { formatPublicKey, parsePublicKey } from "../../../lib/trust/minisign.ts";
import { formatSecretKey, generateKey, publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { uploadSite } from "../../../site/upload/upload.ts";
import { benchFleet, type BenchFleetOptions, benchNode, benchNodeFile } from "./fleet.ts";

/** What {@linkcode benchSite} needs. */
export interface BenchSiteOptions {
  /** Directory that is made anew and removed by the caller. */
  work: string;
  nodes: number;
  /** Keep the nodes' secrets encrypted in their files. */
  sealed: boolean;
  seed: number;
  /** Runs `deno task site` with these words and gives what it prints with --json. */
  site: (words: readonly string[]) => Promise<SiteJson>;
  /** Milliseconds of a clock that only goes forward. */
  clock: () => number;
}

/** What is used of the task's JSON. */
export interface SiteJson {
  changed: string[];
  removed?: string[];
  encrypted?: string[];
  files?: number;
}

/** One measured step. */
export interface Step {
  ms: number;
  /** Files of the site that were written and removed. */
  written: number;
  removed: number;
}

/** The figures of one fleet. */
export interface SiteFigures {
  nodes: number;
  sealed: boolean;
  /** Files of the site, and their bytes. */
  files: number;
  cold: Step;
  /** A build of the same fleet. */
  again: Step;
  change: Step & { uploads: number; uploadedBytes: number; requests: number; publishMs: number };
  refresh: Step;
  verify: { ms: number; bytes: number; fetches: number };
}

/** Measures one fleet. @throws {Error} when a step does not do what it should: figures of nothing mean nothing. */
export async function benchSite(host: Host, options: BenchSiteOptions): Promise<SiteFigures> {
  const { work, nodes: count, clock } = options;
  await host.remove(work);
  await host.mkdir(`${work}/nodes/tags`);
  await host.mkdir(`${work}/keys`, { mode: 0o700 });
  const key = generateKey();
  const pinned = formatPublicKey(publicKeyOf(key));
  await host.writeFile(`${work}/keys/minisign.pubkey`, pinned);
  await host.writeFile(`${work}/keys/minisign.seckey`, await formatSecretKey(key), { mode: 0o600 });
  const admin = await generateIdentity();
  await host.writeFile(`${work}/keys/admin.age`, formatIdentityFile(admin), { mode: 0o600 });
  const identities: string[] = [];
  const recipients: string[] = [];
  for (let i = 0; i < count; i++) {
    const pair = await generateIdentity();
    identities.push(pair.identity);
    recipients.push(pair.recipient);
  }
  const sealer = new Sealer([admin.recipient]);
  const fleet: BenchFleetOptions = {
    recipients,
    admins: [admin.recipient],
    seed: options.seed,
    seal: options.sealed ? (secret) => sealer.seal(utf8(secret)) : undefined,
  };
  for (const [path, source] of await benchFleet(fleet)) {
    await host.writeFile(`${work}/nodes/${path}`, source);
  }
  const out = `${work}/public`;
  const words = ["--out", out, "--keys", `${work}/keys`, "--json"];
  const buildWords = [
    ...["build", ...words, "--nodes", `${work}/nodes`, "--cache", `${work}/cache`],
    ...["--identity", `${work}/keys/admin.age`],
  ];
  const step = async (given: readonly string[]): Promise<{ step: Step; json: SiteJson }> => {
    const start = clock();
    const json = await options.site(given);
    const ms = clock() - start;
    return { json, step: { ms, written: json.changed.length, removed: json.removed?.length ?? 0 } };
  };

  const cold = await step(buildWords);
  must(cold.json.encrypted?.length === count, "the first build did not encrypt for every node");
  const target = new MemoryTarget();
  await uploadSite(host, { from: out, target });
  const again = await step(buildWords);
  must(again.json.encrypted?.length === 0, "the second build encrypted something");
  await uploadSite(host, { from: out, target });

  const changed = Math.floor(count / 2);
  await host.writeFile(
    `${work}/nodes/${benchNode(changed)}.yaml`,
    await benchNodeFile(changed, fleet, 1),
  );
  const change = await step(buildWords);
  // With `sealed`, all of the node's values were sealed again and look different, but only one really differs. Either
  // way, instructions are encrypted for this node alone.
  must(change.json.encrypted?.length === 1, "not exactly one node was encrypted for");
  const before = target.requests;
  const start = clock();
  const upload = await uploadSite(host, { from: out, target });
  const publishMs = clock() - start;
  const requests = target.requests - before;
  const refresh = await step(["refresh", ...words]);

  const verify = await readAsNode(host, options, out, pinned, changed, identities[changed]!);
  return {
    nodes: count,
    sealed: options.sealed,
    files: cold.json.files ?? 0,
    cold: cold.step,
    again: again.step,
    change: {
      ...change.step,
      uploads: upload.uploads,
      uploadedBytes: upload.bytes,
      requests,
      publishMs,
    },
    refresh: refresh.step,
    verify,
  };
}

/** Reads the changed node's instructions as the node does, from nothing but its keys. */
async function readAsNode(
  host: Host,
  { clock }: BenchSiteOptions,
  out: string,
  pinned: string,
  number: number,
  identity: string,
): Promise<SiteFigures["verify"]> {
  let bytes = 0;
  let fetches = 0;
  const fetch = async (path: string): Promise<Bytes> => {
    const data = await host.readFile(`${out}/${path}`);
    bytes += data.length;
    fetches++;
    return data;
  };
  const start = clock();
  const name = benchNode(number);
  const path = SITE_PATHS.postboot(name);
  const now = host.now();
  const view = await openSite({ pinned: parsePublicKey(pinned), state: NO_STATE, now, fetch });
  const plain = await decryptWith([identity], await view.getHashed(path));
  const envelope = parseEnvelope(plain, name);
  const payload = utf8(envelope.payload);
  view.verifyInner(payload, envelope.minisig, "postboot", path);
  const { config } = parseInstructions(payload, name);
  const ms = clock() - start;
  must(
    config.files?.["/etc/secrets/s0"]?.content.endsWith("-1") ?? false,
    "the node did not read the change",
  );
  return { ms, bytes, fetches };
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new UserError("measure", otherwise);
}

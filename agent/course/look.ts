/**
 * A node that only looks: what its site has for it, and what would come of that. Nothing is kept, set or applied; a drive
 * that is not mounted is mounted read-only for as long as it takes.
 *
 * @module
 */
import { mountPoints } from "../../lib/config/storage.ts";
import { EXIT, type ExitCode, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { findDrive, mountDrive, nodeOnDrive, unmountDrive } from "../identity/drive.ts";
import { type Identity, readIdentity } from "../identity/read.ts";
import { Keeper } from "../publication/keeper.ts";
import type { Publication } from "../publication/read.ts";
import { Source } from "../publication/source.ts";
import { readBootId, readSystemFacts } from "../report/facts.ts";
import { fileDiff } from "../report/file_diff.ts";
import { type Trouble, troubleOf } from "../report/problem.ts";
import { RESOURCES } from "../resources/mod.ts";
import { readMade } from "../resources/made.ts";
import { Rehearsal, RehearsedTrials } from "../resources/rehearsal.ts";
import type { Applied, Step, Target } from "../resources/resource.ts";
import { Clock } from "../system/clock.ts";
import { guardedHost } from "../system/guarded_host.ts";
import { Turn } from "../system/turn.ts";
import { KeptTrials } from "../trial/kept.ts";
import { TrialRunner } from "../trial/runner.ts";

/** What looking is done with. */
export interface LookOptions {
  verb: "plan" | "verify";
  signal: AbortSignal;
  /** Told which agent is waited for. */
  onWait: (reason: string) => void;
}

/** What a site has for this node, wholly verified. */
export interface Verified {
  node: string;
  serial: number;
  issued: string;
  expires: string;
  /** Where it came from. */
  source: "site" | "last-good";
  /** Why these are the last good documents and not the site's. */
  trouble?: Trouble;
}

/** One step that would be made. */
export interface Planned {
  step: string;
  /** How a file changes, as `diff -u` shows it; absent where somebody must not know. */
  diff?: string[];
}

/** What would be done. */
export interface Plan extends Verified {
  steps: Planned[];
  /** What could not be done. */
  problems: string[];
}

/** Fetches and checks what the site has for this node. @throws {UserError} naming what is wrong with it. */
export function verify(host: Host, options: LookOptions): Promise<Verified> {
  return looking(host, options, async (identity) => {
    const parts = await asking(host, identity);
    return verified(identity, await askSite(host, parts, options.signal), "site");
  });
}

/** What applying would do now: by the site's documents, or by the last good ones where it can't be asked. */
export function plan(host: Host, options: LookOptions): Promise<Plan> {
  const { signal } = options;
  return looking(host, options, async (identity) => {
    const found = await askOrRecall(host, identity, signal);
    const { config, public: shown, tags = [] } = found.publication.instructions;
    const rehearsal = new Rehearsal(guardedHost(host, mountPoints(config.storage)));
    // Asked for what became of earlier trials alone.
    const runner = new TrialRunner(host, {
      kept: new KeptTrials(host, identity.name),
      signal,
      answeredAt: () => undefined,
      ask: () => Promise.resolve(false),
    });
    const target: Target = {
      ...{ identity, tags, config, shown, signal, rehearsal },
      trials: new RehearsedTrials(runner),
      isReached: found.trouble === undefined || found.trouble.refused,
      bootId: await readBootId(host),
    };
    const steps: Step[] = [];
    const applied: Applied = { steps: [], troubles: [], onStep: (step) => void steps.push(step) };
    for (const resource of RESOURCES) await resource(rehearsal.acting, target, applied);
    const secrets = new Set(
      (await readMade(host)).filter(({ isSecret }) => isSecret).map(({ path }) => path),
    );
    return {
      ...verified(identity, found.publication, found.source),
      ...found.trouble ? { trouble: found.trouble } : {},
      steps: await Promise.all(steps.map((step) => plannedOf(host, step, secrets))),
      problems: applied.troubles.map(({ message }) => message),
    };
  });
}

/** The exit code of a plan or of what was verified. */
export function exitOf({ trouble, problems = [] }: Verified & Partial<Plan>): ExitCode {
  if (trouble) return trouble.refused ? EXIT.refused : EXIT.failed;
  return problems.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Does something in the agent's turn, with the identity of the drive. */
async function looking<T>(
  host: Host,
  { verb, signal, onWait }: LookOptions,
  body: (identity: Identity) => Promise<T>,
): Promise<T> {
  const turn = new Turn(host, { verb, once: true, signal, onWait });
  if (!await turn.take()) throw new UserError(verb, "it was stopped");
  try {
    if (await nodeOnDrive(host) !== undefined) return await body(await readIdentity(host));
    const device = await findDrive(host);
    if (device === undefined) throw new UserError(verb, "there is no identity drive");
    await mountDrive(host, device);
    try {
      return await body(await readIdentity(host));
    } finally {
      await unmountDrive(host);
    }
  } finally {
    turn.release();
  }
}

/** What asking is done with. */
async function asking(host: Host, identity: Identity) {
  return { source: new Source(host, identity), keeper: await Keeper.open(host, identity) };
}

async function askSite(
  host: Host,
  { source, keeper }: Awaited<ReturnType<typeof asking>>,
  signal: AbortSignal,
): Promise<Publication> {
  const clock = await Clock.start(host, (await readSystemFacts(host)).epoch);
  const time = { now: clock.trusted(), sinceIssuedMs: clock.sinceIssuedMs };
  const answer = await source.ask(keeper.trust, time, signal);
  // Nothing was asked before, so that nothing can be unchanged.
  if (answer.kind === "unchanged") throw new TypeError("The first answer is unchanged");
  return answer.publication;
}

/** What would be applied. */
async function askOrRecall(
  host: Host,
  identity: Identity,
  signal: AbortSignal,
): Promise<{ publication: Publication; source: Verified["source"]; trouble?: Trouble }> {
  const parts = await asking(host, identity);
  const { source, keeper } = parts;
  try {
    return { publication: await askSite(host, parts, signal), source: "site" };
  } catch (error) {
    // What a dropped key vouched for is not applied again.
    if (signal.aborted || source.dropped || !keeper.hasGood) throw error;
    const trouble = troubleOf(error, "unreachable");
    return { publication: await keeper.lastGood(), source: "last-good", trouble };
  }
}

function verified(
  { name }: Identity,
  { view }: Publication,
  source: Verified["source"],
): Verified {
  const { timestamp: { serial, expires }, state: { issued } } = view;
  return { node: name, serial, issued, expires, source };
}

/** Modes of files that every account can read. */
const ALL_READ = 0o004;
/** Longest file of which a difference is shown, in bytes. */
const MAX_SHOWN_BYTES = 256 * 1024;

/** A step with how its file changes, where both what is there and what is to be may be known. */
async function plannedOf(
  host: Host,
  { text, file }: Step,
  secrets: ReadonlySet<string>,
): Promise<Planned> {
  if (!file || file.data.length > MAX_SHOWN_BYTES) return { step: text };
  const { path, data } = file;
  // What can't be reached is told by the step itself, or by its failure.
  const found = await host.readRegular(path, MAX_SHOWN_BYTES).catch(() => null);
  const isOpen = found === undefined ||
    found?.data && (found.info.mode & ALL_READ) !== 0 && !secrets.has(path);
  if (!isOpen) return { step: text };
  const before = found?.data && textOf(found.data);
  const after = textOf(data);
  if (after === undefined || found && before === undefined) return { step: text };
  const diff = fileDiff(path, before, after);
  return diff.length === 0 ? { step: text } : { step: text, diff };
}

/** Bytes as text; undefined where they are none. */
function textOf(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

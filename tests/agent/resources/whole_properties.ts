/**
 * Properties that hold for every configuration that a node can be told, of all keys at once: applying it again does nothing, an agent
 * that is killed anywhere is made good by the next round, a plan tells what is then done, and nobody is told a secret.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { observe, RESOURCES } from "../../../agent/resources/mod.ts";
import { Rehearsal, RehearsedTrials } from "../../../agent/resources/rehearsal.ts";
import type { Applied, Step, Target } from "../../../agent/resources/resource.ts";
import { differences, type NodeConfig, settleConfig } from "../../../lib/config/mod.ts";
import { configArbitrary, MARKER, SeenFields } from "../../support/config_arbitrary.ts";
import type { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";
import { targetOf } from "./questions.ts";
import { TrialsFake } from "../trial/trials_fake.ts";
import { wholeNode } from "./whole_node.ts";

/** A node's target for a configuration of which nothing is public, as the site build settles it. */
const secretTarget = (config: NodeConfig) => targetOf(settleConfig(config, {}), { shown: {} });

/** What each node remembers of trials. */
const TRIALS = new WeakMap<FakeHost, TrialsFake>();

function trialsOf(host: FakeHost): TrialsFake {
  const known = TRIALS.get(host) ?? new TrialsFake();
  TRIALS.set(host, known);
  return known;
}

/** Applies; `tried` are the steps that were made or have failed. */
async function applyAll(host: FakeHost, given: Target) {
  const target = { ...given, trials: trialsOf(host) };
  const tried: string[] = [];
  const applied: Applied = { steps: [], troubles: [], onStep: ({ text }) => void tried.push(text) };
  for (const resource of RESOURCES) await resource(host, target, applied);
  return { steps: applied.steps, troubles: applied.troubles, tried };
}

async function planAll(host: FakeHost, target: Target) {
  const rehearsal = new Rehearsal(host);
  const steps: Step[] = [];
  const applied: Applied = { steps: [], troubles: [], onStep: (step) => void steps.push(step) };
  for (const resource of RESOURCES) {
    const trials = new RehearsedTrials(trialsOf(host));
    await resource(rehearsal.acting, { ...target, rehearsal, trials }, applied);
  }
  const shown = steps.map(({ text, file }) => [text, file && new TextDecoder().decode(file.data)]);
  const tried = steps.map(({ text }) => text);
  return { steps: applied.steps, troubles: applied.troubles, tried, shown };
}

function treeOf(host: FakeHost): unknown {
  return [...host.nodes].map(([path, node]) => [path, { ...node, mtime: undefined }]);
}

/** Ends the agent after so many effects: none is made any more, and no program runs. */
function killAfter(host: FakeHost, effects: number): { revive: () => void; died: () => boolean } {
  const names = [
    ...["writeFile", "placeFile", "placeDirectory", "placeLink", "removeEntry"],
    ...["mkdir", "remove", "chmod", "chown", "rename", "symlink", "run"],
  ];
  const methods = host as unknown as Record<string, unknown>;
  let left = effects;
  for (const name of names) {
    const act = (methods[name] as (...given: unknown[]) => Promise<unknown>).bind(host);
    methods[name] = (...given: unknown[]) =>
      left-- > 0 ? act(...given) : Promise.reject(new Error("killed"));
  }
  return {
    revive: () => names.forEach((name) => delete methods[name]),
    died: () => left < 0,
  };
}

/** Applies two configurations one after the other: each once more, each planned before, secrets looked for. */
export async function settling(numRuns: number): Promise<void> {
  const seen = new SeenFields();
  await fc.assert(
    fc.asyncProperty(configArbitrary, configArbitrary, fc.boolean(), async (a, b, isOpen) => {
      const host = wholeNode();
      const told: unknown[] = [];
      for (const config of [a, b]) {
        seen.add(config);
        const target = isOpen ? targetOf(config) : secretTarget(config);
        const before = treeOf(host);
        const plan = await planAll(host, target);
        assertEquals(treeOf(host), before, "a plan changes the node");
        const first = await applyAll(host, target);
        assertEquals(plan.tried, first.tried, "a plan tells other steps than are made");
        const tree = treeOf(host);
        const second = await applyAll(host, target);
        assertEquals(second.steps, [], "applying again makes steps");
        assertEquals(second.troubles, (await applyAll(host, target)).troubles);
        assertEquals(treeOf(host), tree, "applying again changes the node");
        assertEquals((await planAll(host, target)).tried, second.tried);
        if (isOpen) continue;
        told.push(plan, first, second, await observe(host, target));
      }
      assert(!JSON.stringify(told).includes(MARKER), "a secret is told");
      if (!isOpen) assertHidden(host, [a, b]);
    }),
    { numRuns },
  );
  seen.assertAll();
}

/** No command line and no file that others can read holds a secret, but where the fleet says so. */
function assertHidden(host: FakeHost, configs: readonly NodeConfig[]): void {
  const commands = host.log.filter((line) => line.startsWith("run "));
  assertEquals(commands.filter((line) => line.includes(MARKER)), []);
  const opened = configs.flatMap(({ files = {} }) =>
    Object.entries(files).filter(([, { mode }]) => mode !== undefined).map(([path]) => path)
  );
  for (const [path, { kind, data, mode }] of host.nodes) {
    const own = path === "/run/psyopsos" || path.startsWith("/run/psyopsos/");
    if (own && kind !== "symlink") assertEquals(mode & 0o077, 0, `${path} is not root's alone`);
    if ((mode & 0o004) === 0 || opened.includes(path)) continue;
    assert(!new TextDecoder().decode(data).includes(MARKER), `${path} holds a secret`);
  }
}

/** Kills the agent anywhere in a second configuration, and expects that the next round ends where an agent that lived does. */
export async function killing(numRuns: number): Promise<void> {
  let deaths = 0;
  await fc.assert(
    fc.asyncProperty(configArbitrary, configArbitrary, fc.nat({ max: 60 }), async (a, b, at) => {
      const [killed, lived] = [wholeNode(), wholeNode()];
      for (const host of [killed, lived]) await applyAll(host, secretTarget(a));
      const { revive, died } = killAfter(killed, at);
      await applyAll(killed, secretTarget(b));
      revive();
      if (died()) deaths++;
      await applyAll(lived, secretTarget(b));
      await applyAll(killed, secretTarget(b));
      const again = await applyAll(killed, secretTarget(b));
      const still = await applyAll(lived, secretTarget(b));
      assertEquals(again, still, "it does not come to rest where it would have");
      const target = secretTarget(b);
      const found = async (host: FakeHost) =>
        differences(await observe(host, target), target.config, {}, IDENTITY);
      assertEquals(await found(killed), await found(lived));
    }),
    { numRuns },
  );
  assert(deaths > numRuns / 4, `the agent was killed ${deaths} times only`);
}

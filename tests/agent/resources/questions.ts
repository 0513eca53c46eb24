/**
 * What every key of the configuration is asked: what is planned; does applying lead there; is a second plan empty; is what was
 * wrong before told as wrong; does one failing step keep no other; does no step, command line or report hold a secret; are only
 * the programs run that the key says it needs; is a file of the key that the fleet writes itself left alone.
 */
import { TrialsFake } from "../trial/trials_fake.ts";
import { assert, assertEquals } from "@std/assert";
import {
  type Applied,
  applier,
  type Apply,
  bind,
  type KeyResource,
  type Resource,
  type Step,
  type Target,
} from "../../../agent/resources/resource.ts";
import {
  type AppliedName,
  type Desired,
  desired,
  differences,
  KEYS,
  type NodeConfig,
} from "../../../lib/config/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { factsOf, visitValues } from "../../../lib/schema/words.ts";
import type { FakeHost } from "../../support/fake_host.ts";
import { IDENTITY } from "./identity.ts";

/** What stands for a secret in configurations of cases. */
export const SECRET = "hunter2-hunter2";

/** One configuration of the key, on a node as `host` makes it. */
export interface Case {
  title: string;
  config: NodeConfig;
  /** What has been applied before. */
  before?: NodeConfig;
  /** Texts of the steps that are planned. */
  steps: readonly string[];
  /** Set where what the steps change is nothing that a node tells of. */
  unseen?: true;
  /** Looks at the node when all is applied. */
  check?: (host: FakeHost) => void | Promise<void>;
}

/** What a key's questions are asked with. */
export interface Questions<Name extends AppliedName, Actual, Change extends Step> {
  resource: KeyResource<Name, Actual, Change>;
  /** A node with the key's fake programs. */
  host: () => FakeHost;
  /** What is applied before it, of the same configuration. */
  first?: Apply;
  cases: readonly Case[];
}

/** A target for a configuration; all of it is public unless `shown` says otherwise. */
export function targetOf(config: NodeConfig, more: Partial<Target> = {}): Target {
  const { signal } = new AbortController();
  return {
    identity: IDENTITY,
    tags: [],
    config,
    shown: config,
    isReached: true,
    bootId: "boot-1",
    signal,
    trials: new TrialsFake(),
    ...more,
  };
}

/** Applies once. */
export async function apply(host: FakeHost, act: Apply, target: Target): Promise<Applied> {
  const applied: Applied = { steps: [], troubles: [] };
  await act(host, target, applied);
  return applied;
}

/** Applies, then expects that nothing is left to do; gives the steps. */
export async function settle(host: FakeHost, act: Apply, target: Target): Promise<string[]> {
  const first = await apply(host, act, target);
  assertEquals(first.troubles, []);
  assertEquals(await apply(host, act, target), { steps: [], troubles: [] });
  return first.steps;
}

/** Asks the questions for each case. */
export function askQuestions<Name extends AppliedName, Actual, Change extends Step>(
  name: Name,
  { resource, host: makeHost, first, cases }: Questions<Name, Actual, Change>,
): void {
  const { apply: act, observe } = applier(name, resource);
  for (const { title, config, before, steps, check, unseen } of cases) {
    const makeReady = async () => {
      const host = makeHost();
      if (before) {
        if (first) await apply(host, first, targetOf(before));
        assertEquals((await apply(host, act, targetOf(before))).troubles, []);
      }
      if (first) await apply(host, first, targetOf(config));
      host.log.length = 0;
      return host;
    };
    const judged = async (host: FakeHost, shown: NodeConfig) => {
      const told = await observe(host, targetOf(config, { shown }));
      const own = name === "files" ? config : { [name]: config[name] };
      return { told, found: differences({ [name]: told }, own, shown, IDENTITY) };
    };
    Deno.test(`${name} ${title}`, async () => {
      const host = await makeReady();
      const early = await judged(host, config);
      assertEquals(await settle(host, act, targetOf(config)), [...steps]);
      await check?.(host);
      const isWanted = config[name] !== undefined && steps.length > 0;
      if (isWanted && !unseen) assert(early.found.length > 0, "a difference is not told");
      for (const shown of [config, {}]) {
        const { told, found } = await judged(host, shown);
        assertEquals(found, [], shown === config ? "told openly" : "told as a secret");
        const hidden = shown === config ? [SECRET] : privateTexts(name, config);
        for (const secret of hidden) {
          assert(!JSON.stringify(told).includes(secret), "it is reported");
        }
      }
      for (const secret of privateTexts(name, config)) {
        const commands = host.log.filter((line) => line.startsWith("run ")).join("\n");
        assert(!commands.includes(secret) || name === "hostname", "a command line has it");
        assert(!steps.join("\n").includes(secret), "a step tells it");
      }
      for (const program of programsOf(host.log)) {
        assert(KEYS[name].needs.programs.includes(program), `${program} is not in needs`);
      }
    });
    Deno.test(`${name} ${title}: one step that fails keeps no other`, async () => {
      for (let broken = 0; broken < steps.length; broken++) {
        const tried: string[] = [];
        const faulty: Resource<Desired<Name>, Actual, Change> = {
          ...resource,
          async apply(step, host, target) {
            tried.push(step.text);
            if (tried.length - 1 === broken) throw new UserError("go on", "it broke");
            await resource.apply(step, host, target);
          },
        };
        const want = ({ config, identity }: Target) => desired(name, config, identity);
        const { troubles } = await apply(await makeReady(), bind(want, faulty), targetOf(config));
        assertEquals(tried, [...steps]);
        assert(troubles.some(({ message }) => message === "Cannot go on: it broke"));
      }
    });
  }
}

/** Texts of the configuration that are secrets below `private`: values, not names, and not what is open anywhere. */
function privateTexts(name: AppliedName, config: NodeConfig): string[] {
  const texts: string[] = [];
  const open = new Set<string>();
  visitValues(KEYS[name].schema, config[name], (schema, value, path) => {
    const isOpen = factsOf(schema)?.secrecy === "open" || open.has(path.slice(0, -1).join("\0"));
    if (isOpen) open.add(path.join("\0"));
    else if (typeof value === "string" && value.length > 2) texts.push(value.trim());
  });
  return texts;
}

/** Programs in a fake's log. */
function programsOf(log: readonly string[]): string[] {
  return log.filter((line) => line.startsWith("run ")).map((line) => line.split(" ")[1]!);
}

/**
 * The five questions that every key of the configuration is asked: what is planned; does applying lead there; is a second plan
 * empty; does one failing step keep no other; does a step's text hold no secret.
 */
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
  type NodeConfig,
} from "../../../lib/config/mod.ts";
import { UserError } from "../../../lib/errors.ts";
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
  /** Looks at the node when all is applied. */
  check?: (host: FakeHost) => void | Promise<void>;
}

/** What a key's questions are asked with. */
export interface Questions<Name extends AppliedName, Actual, Change extends Step> {
  resource: KeyResource<Name, Actual, Change>;
  /** A node with the key's fake programs. */
  host: () => FakeHost;
  cases: readonly Case[];
}

/** A target for a configuration; all of it is public unless `shown` says otherwise. */
export function targetOf(config: NodeConfig, more: Partial<Target> = {}): Target {
  return { identity: IDENTITY, config, shown: config, bootId: "boot-1", ...more };
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
  { resource, host: makeHost, cases }: Questions<Name, Actual, Change>,
): void {
  const { apply: act, observe } = applier(name, resource);
  for (const { title, config, before, steps, check } of cases) {
    const makeReady = async () => {
      const host = makeHost();
      if (before) assertEquals((await apply(host, act, targetOf(before))).troubles, []);
      host.log.length = 0;
      return host;
    };
    Deno.test(`${name} ${title}`, async () => {
      const host = await makeReady();
      assertEquals(await settle(host, act, targetOf(config)), [...steps]);
      await check?.(host);
      for (const shown of [config, {}]) {
        const observed = { [name]: await observe(host, targetOf(config, { shown })) };
        const found = differences(observed, { [name]: config[name] }, shown, IDENTITY);
        assertEquals(found, [], shown === config ? "told openly" : "told as a secret");
      }
      assert(!host.log.join("\n").includes(SECRET), "a command line holds the secret");
      assert(!steps.join("\n").includes(SECRET), "a step tells the secret");
    });
    Deno.test(`${name} ${title}: one step that fails keeps no other`, async () => {
      for (let broken = 0; broken < steps.length; broken++) {
        const tried: string[] = [];
        const faulty: Resource<Desired<Name>, Actual, Change> = {
          ...resource,
          async apply(step, host) {
            tried.push(step.text);
            if (tried.length - 1 === broken) throw new UserError("go on", "it broke");
            await resource.apply(step, host);
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

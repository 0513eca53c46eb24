/**
 * Target: whole sites, changed in every way an attacker can. A node's verifier must refuse, say that something is missing, or
 * have read exactly what the honest site says.
 *
 * @module
 */
import type { Bytes } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import type { Fetch } from "../../../../lib/trust/verified.ts";
import { type Files, mutate } from "../site_mutations.ts";
import { fuzzScenes, type Scene } from "../site_scenes.ts";
import { type Input, type Subject, WrongAnswer } from "../target.ts";

/** Name of the part that says whose site it is: the number of the scene. No path of a site has a colon. */
const READER = "reader:";

/** Sites and how they are changed. */
export async function subject(): Promise<Subject> {
  return await siteSubject(await fuzzScenes());
}

/** A subject of given scenes. */
export async function siteSubject(scenes: readonly Scene[]): Promise<Subject> {
  const honest: string[] = [];
  for (const { read, pool } of scenes) honest.push(await read(fetchFrom(pool.current)));
  return {
    samples: scenes.map(({ pool }, number) => withReader(pool.current, number)),
    mutate: (random) => {
      const number = random.below(scenes.length);
      const { files, steps } = mutate(scenes[number]!.pool, random);
      return { input: withReader(files, number), steps: [`reader ${number}`, ...steps] };
    },
    read: async (input) => {
      const number = input.get(READER)?.[0] ?? 0;
      const believed = await scenes[number]!.read(fetchFrom(input));
      if (believed !== honest[number]) throw new WrongAnswer(`it believes: ${believed}`);
      return believed;
    },
  };
}

function withReader(files: Files, number: number): Input {
  return new Map([...files, [READER, Uint8Array.of(number)]]);
}

/** Fetches as a node's network code does: no more than one byte above the limit ever arrives. */
export function fetchFrom(files: Files): Fetch {
  return (path, maxBytes) => {
    const data: Bytes | undefined = files.get(path);
    if (!data) return Promise.reject(new UserError(`fetch ${path}`, "404"));
    return Promise.resolve(data.length > maxBytes ? data.slice(0, maxBytes + 1) : data);
  };
}

/**
 * Makes a {@linkcode Subject} of samples in pieces and a reader: what most targets are.
 *
 * @module
 */
import type { Bytes } from "../../../lib/bytes.ts";
import { mutateBytes, splice } from "./mutate_bytes.ts";
import { mutatePieces, type Work } from "./mutate_pieces.ts";
import { joined, type Piece } from "./pieces.ts";
import type { Random } from "./random.ts";
import { type Input, type Manner, type Mutant, type Subject, WHOLE } from "./target.ts";

/** A valid input in pieces. */
export interface Sample {
  /** Pieces of each part, by its name. */
  readonly parts: Readonly<Record<string, readonly Piece[]>>;
  /** Makes the input of the parts' bytes: packs, hashes, signs. Default: the parts as they are. */
  readonly finish?: (parts: Input) => Input;
}

/** What {@linkcode subjectOf} makes a subject of. */
export interface Design extends Omit<Subject, "samples" | "mutate"> {
  readonly samples: readonly Sample[];
  /** Size that the format counts or pads in, in bytes; default 1. */
  readonly unit?: number;
}

/** A sample of one part. */
export function sample(pieces: readonly Piece[], finish?: (bytes: Bytes) => Bytes): Sample {
  const parts = { [WHOLE]: pieces };
  if (!finish) return { parts };
  return { parts, finish: (input) => new Map([[WHOLE, finish(input.get(WHOLE)!)]]) };
}

/** How many of a mutation's random changes are by grammar: the others are by bytes. */
const GRAMMAR_OF_FOUR = 3;

/** A subject whose mutations change the pieces of its samples. */
export function subjectOf({ samples, unit = 1, ...rest }: Design): Subject {
  const ready = samples.map(prepare);
  return {
    ...rest,
    samples: ready.map(({ input }) => input),
    mutate: (random, manner) => mutate(ready, unit, random, manner),
  };
}

/** A sample with what is made of it once. */
interface Ready {
  parts: Sample["parts"];
  bytes: Input;
  finish: (parts: Input) => Input;
  input: Input;
}

function prepare({ parts, finish = (bytes) => bytes }: Sample): Ready {
  const bytes = new Map(Object.entries(parts).map(([name, pieces]) => [name, joined(pieces)]));
  return { parts, bytes, finish, input: finish(bytes) };
}

function mutate(
  samples: readonly Ready[],
  unit: number,
  random: Random,
  manner: Manner,
): Mutant {
  const chosen = random.below(samples.length);
  const one = samples[chosen]!;
  const steps = samples.length > 1 ? [`sample ${chosen}`] : [];
  const names = Object.keys(one.parts);
  const name = random.pick(names);
  const other = random.pick(samples).parts[name] ?? [];
  const say = names.length > 1 ? (step: string) => `${name}: ${step}` : (step: string) => step;
  const byGrammar = manner === "grammar" || (manner === "any" && random.below(4) < GRAMMAR_OF_FOUR);
  if (byGrammar || random.once(3)) {
    const work: Work = { pieces: [...one.parts[name]!], others: other, unit, steps: [] };
    mutatePieces(work, random, byGrammar ? "grammar" : "bytes");
    steps.push(...work.steps.map(say));
    const parts = new Map(one.bytes).set(name, joined(work.pieces));
    if (byGrammar && names.length > 1 && random.once(30)) {
      const without = random.pick(names);
      parts.delete(without);
      steps.push(`without ${without}`);
    }
    return { input: one.finish(parts), steps };
  }
  // The whole part, before or behind what finishes it.
  const inside = random.once(2);
  const parts = new Map(inside ? one.bytes : one.input);
  const place = parts.has(name) ? name : random.pick([...parts.keys()]);
  let bytes = parts.get(place)!;
  for (let i = random.once(3) ? 1 + random.below(3) : 0; i >= 0; i--) {
    const { bytes: changed, step } = random.once(8)
      ? splice(bytes, joined(other), random)
      : mutateBytes(bytes, random);
    bytes = changed;
    steps.push(say(step));
  }
  parts.set(place, bytes);
  return { input: inside ? one.finish(parts) : parts, steps };
}

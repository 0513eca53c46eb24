/**
 * What `deno task fuzz` runs: targets, each a reader of foreign bytes with inputs that it must accept, ways to change them,
 * and what counts as an answer.
 *
 * @module
 */
import type { Bytes } from "../../../lib/bytes.ts";
import type { Random } from "./random.ts";

/** An input: its parts by name. Most readers take one. */
export type Input = ReadonlyMap<string, Bytes>;

/** A changed input. */
export interface Mutant {
  input: Input;
  /** What was done, for the report. */
  steps: string[];
}

/**
 * How an input is changed: by what its parts mean, with sums and signatures made right again; by bytes that mean nothing; or
 * by one of both at random.
 */
export type Manner = "grammar" | "bytes" | "any";

/** A reader, loaded and ready. */
export interface Subject {
  /** Inputs that the reader accepts. */
  readonly samples: readonly Input[];
  /** Gives the same for the same numbers, and never writes into the samples. */
  mutate(random: Random, manner: Manner): Mutant;
  /**
   * Reads an input. Undefined counts as a refusal, any other value as an answer.
   *
   * @throws what {@linkcode refuses} takes for a refusal; {@linkcode WrongAnswer} when the reader believed what it must not.
   * Anything else is a fault of the reader.
   */
  read(input: Input): unknown;
  /** Whether `error`, which is no UserError, is how this reader refuses; default: it is not. */
  refuses?(error: unknown): boolean;
  /**
   * What the first checks of the reader say: mutations that never get past them find nothing behind. Absent where the reader
   * says the same of all that is wrong.
   */
  readonly outermost?: RegExp;
}

/** One entry of the list of targets. */
export type LoadSubject = () => Subject | Promise<Subject>;

/** Targets by name. */
export type Targets = Readonly<Record<string, LoadSubject>>;

/** The reader gave an answer that is not true. */
export class WrongAnswer extends Error {
  constructor(what: string) {
    super(what);
    this.name = "WrongAnswer";
  }
}

/** Name of the only part of an input that has one. */
export const WHOLE = "input";

/** An input of one part. */
export function whole(bytes: Bytes): Input {
  return new Map([[WHOLE, bytes]]);
}

/** The bytes of `name` in an input; none where a mutation has left out that part. */
export function partOf(input: Input, name: string = WHOLE): Bytes {
  return input.get(name) ?? new Uint8Array();
}

/** A part as text, as the host reads text files: what is no UTF-8 becomes a mark. */
export function textOf(input: Input, name: string = WHOLE): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(partOf(input, name));
}

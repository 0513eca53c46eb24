/**
 * Compares signing, verifying and encrypting with the programs that set the formats, in one run on one machine. Those
 * programs are started once for each file, as a script would, because that is their cost where many files are signed.
 * Neither side waits for the disk: those programs don't sync, and a site build does not sync each file.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { complaintOf, firstLine } from "../../../lib/complaint.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { type Host, NO_PROGRAM } from "../../../lib/host.ts";
import { decryptWith } from "../../../lib/trust/age.ts";
import { encryptQuickly } from "../../../lib/trust/age_encrypt.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import {
  formatPublicKey,
  prehashChunks,
  publicKeyLine,
  verify,
  verifyDigest,
} from "../../../lib/trust/minisign.ts";
import {
  formatSecretKey,
  generateKey,
  publicKeyOf,
  type SecretKey,
  sign,
  signDigest,
} from "../../../lib/trust/minisign_sign.ts";
import { Random } from "../fuzz/random.ts";

/** Files at a time where ours and theirs are compared on small ones. */
export const SMALL_FILES = 1000;
const SMALL_BYTES = 2048;
/** The C program starts this often; its time is taken for {@linkcode SMALL_FILES} from that. */
const STARTS = 200;

/** One comparison. */
export interface Comparison {
  what: string;
  /** The program that it is compared with. */
  program: string;
  oursMs: number;
  theirsMs: number;
  /** How many times as fast as theirs. */
  ratio: number;
}

/** What {@linkcode benchPrograms} needs. */
export interface BenchProgramsOptions {
  work: string;
  /** Size of the big file in bytes. */
  bigBytes: number;
  seed: number;
  clock: () => number;
}

/** Compares. @throws {UserError} when a program is missing or judges otherwise than we do. */
export async function benchPrograms(
  host: Host,
  options: BenchProgramsOptions,
): Promise<Comparison[]> {
  const { work, clock } = options;
  await host.remove(work);
  await host.mkdir(work, { mode: 0o700 });
  const key = generateKey();
  await host.writeFile(`${work}/k.pub`, formatPublicKey(publicKeyOf(key)));
  await host.writeFile(`${work}/k.sec`, await formatSecretKey(key), { mode: 0o600 });
  const random = new Random(options.seed);
  const documents = Array.from({ length: SMALL_FILES }, () => someBytes(random, SMALL_BYTES));
  for (const [i, data] of documents.entries()) await host.writeFile(`${work}/${i}`, data);
  const compare = async (
    what: string,
    program: string,
    ours: () => Promise<void>,
    theirs: () => Promise<void>,
    factor = 1,
  ): Promise<Comparison> => {
    const start = clock();
    await ours();
    const middle = clock();
    await theirs();
    const oursMs = middle - start;
    const theirsMs = (clock() - middle) * factor;
    return { what, program, oursMs, theirsMs, ratio: theirsMs / oursMs };
  };
  const many = SMALL_FILES / STARTS;
  const results = [
    await compare(
      `sign ${SMALL_FILES} small files`,
      "minisign",
      async () => {
        for (let i = 0; i < SMALL_FILES; i++) {
          const data = await host.readFile(`${work}/${i}`);
          const signature = sign(data, key, { trustedComment: `${i}` });
          await host.writeFile(`${work}/${i}.minisig`, signature, { sync: false });
        }
      },
      async () => {
        for (let i = 0; i < STARTS; i++) {
          await run(host, [
            ...signWords(work),
            "-m",
            `${work}/${i}`,
            "-x",
            `${work}/c-${i}.minisig`,
          ]);
        }
      },
      many,
    ),
    await compare(
      `verify ${SMALL_FILES} small files`,
      "minisign",
      async () => {
        for (let i = 0; i < SMALL_FILES; i++) {
          const [data, signature] = [
            await host.readFile(`${work}/${i}`),
            await host.readTextFile(`${work}/${i < STARTS ? "c-" : ""}${i}.minisig`),
          ];
          verify(data, signature, [publicKeyOf(key)]);
        }
      },
      async () => {
        for (let i = 0; i < STARTS; i++) {
          await run(host, ["minisign", "-Vq", "-p", `${work}/k.pub`, "-m", `${work}/${i}`]);
        }
      },
      many,
    ),
  ];
  results.push(...await big(host, options, key, compare));
  const pair = await generateIdentity();
  const encrypted: Bytes[] = [];
  results.push(
    await compare(
      `encrypt ${SMALL_FILES} small documents`,
      "age",
      async () => {
        for (let i = 0; i < SMALL_FILES; i++) {
          const data = await host.readFile(`${work}/${i}`);
          encrypted[i] = await encryptQuickly([pair.recipient], data);
          await host.writeFile(`${work}/${i}.age`, encrypted[i]!, { sync: false });
        }
      },
      async () => {
        for (let i = 0; i < STARTS; i++) {
          const out = `${work}/c-${i}.age`;
          await run(host, ["age", "-r", pair.recipient, "-o", out, `${work}/${i}`]);
        }
      },
      many,
    ),
  );
  for (const [i, data] of documents.entries()) {
    const plain = await decryptWith([pair.identity], encrypted[i]!);
    if (createHash("sha256").update(plain).digest("hex") === hashOf(data)) continue;
    throw new UserError("measure", "what was encrypted does not decrypt to the same");
  }
  return results;
}

type Compare = (
  what: string,
  program: string,
  ours: () => Promise<void>,
  theirs: () => Promise<void>,
) => Promise<Comparison>;

/** One big file, read in pieces by us. */
async function big(
  host: Host,
  { work, bigBytes, seed }: BenchProgramsOptions,
  key: SecretKey,
  compare: Compare,
): Promise<Comparison[]> {
  const file = `${work}/big`;
  const random = new Random(seed, 1);
  // Sparse except at its ends: as many bytes are hashed, but no disk has to be as fast as memory.
  await host.writeExtents(file, bigBytes, [
    { offset: 0, data: someBytes(random, SMALL_BYTES) },
    { offset: bigBytes - SMALL_BYTES, data: someBytes(random, SMALL_BYTES) },
  ]);
  const name = `one file of ${(bigBytes / 1e9).toFixed(2)} GB`;
  const digest = () => prehashChunks(host.readChunks(file));
  // Read the file once before measuring, so that neither side has to wait for the disk.
  await digest();
  const results = [
    await compare(`sign ${name}`, "minisign", async () => {
      const signature = signDigest(await digest(), key, { trustedComment: "big" });
      await host.writeFile(`${file}.minisig`, signature);
    }, () => run(host, [...signWords(work), "-m", file, "-x", `${file}.c.minisig`])),
    await compare(`verify ${name}`, "minisign", async () => {
      const signature = await host.readTextFile(`${file}.c.minisig`);
      verifyDigest(await digest(), signature, [publicKeyOf(key)]);
    }, () => run(host, ["minisign", "-Vq", "-P", publicKeyLine(publicKeyOf(key)), "-m", file])),
  ];
  await host.remove(file);
  return results;
}

function signWords(work: string): string[] {
  return ["minisign", "-S", "-W", "-s", `${work}/k.sec`];
}

async function run(host: Host, command: readonly string[]): Promise<void> {
  const result = await host.run(command, { timeoutMs: 600_000 });
  if (result.code === 0) return;
  if (result.code === NO_PROGRAM) {
    throw new UserError("measure", `${command[0]} is missing`, {
      exitCode: EXIT.missing,
      hint: `apt-get install ${command[0]}; or --no-programs leaves the comparison out`,
    });
  }
  throw new UserError("measure", `${command[0]} failed: ${complaintOf(result, firstLine)}`);
}

function someBytes(random: Random, size: number): Bytes {
  const bytes = utf8("x".repeat(size));
  for (let i = 0; i < size; i++) bytes[i] = random.below(256);
  return bytes;
}

function hashOf(data: Bytes): string {
  return createHash("sha256").update(data).digest("hex");
}

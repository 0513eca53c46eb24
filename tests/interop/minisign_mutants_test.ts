/**
 * The C program minisign and our verifier are given the same keys, signature files and data, right ones and wrong ones: both
 * accept or both refuse, but for what the table says, with its reason.
 */
import { assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import { parsePublicKey, verify } from "../../lib/trust/minisign.ts";
import { minisignMutants, type Mutant } from "../support/minisign_mutants.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();
const CASES = 5000;
const SEED = 1;
/** Programs at once. */
const SHARES = 2;

/** What we refuse and the C program (0.11) takes, by the reason for it. There is nothing that we take and it refuses. */
const DIFFERENCES: [reason: string, applies: (mutant: Mutant, state: string) => boolean][] = [
  [
    "a legacy signature makes the verifier hold the whole file in memory",
    (_mutant, state) => state.includes("legacy signature"),
  ],
  [
    "base64 with spare bits that are not zero: a signature has one spelling",
    ({ marks }) => marks.some((mark) => mark.endsWith("base64: spare bits")),
  ],
  [
    "control characters and line separators in a comment change what a terminal shows",
    (_mutant, state) => state.includes("control characters"),
  ],
  [
    "a zero byte, or a carriage return that ends no line, hides what is behind it",
    ({ publicKey, signature }) => [publicKey, signature].some(hidesText),
  ],
  [
    "a comment that is no UTF-8 can't be shown as what was signed",
    (_mutant, state) => state === "no UTF-8",
  ],
  [
    "text behind the last line is signed by nobody",
    ({ marks }, state) =>
      marks.some((mark) => /^(?:key )?tail$|lines in another order|bytes/.test(mark)) &&
      /expected (?:4 lines|a comment line)/.test(state),
  ],
];

function hidesText(bytes: Uint8Array): boolean {
  return /\0|\r(?!\n)/.test(new TextDecoder("latin1").decode(bytes));
}

/** Undefined when we accept; else why not. */
function ours({ publicKey, signature, data }: Mutant): string | undefined {
  const read = (bytes: Uint8Array): string | undefined => {
    try {
      return text(bytes);
    } catch {
      return undefined;
    }
  };
  const [key, file] = [read(publicKey), read(signature)];
  if (key === undefined || file === undefined) return "no UTF-8";
  try {
    verify(data, file, [parsePublicKey(key)]);
    return undefined;
  } catch (error) {
    // Anything else would be a fault of ours.
    if (!(error instanceof UserError)) throw error;
    return error.state;
  }
}

/** Whether the C program accepts each. */
async function theirs(dir: string, mutants: readonly Mutant[]): Promise<boolean[]> {
  for (const [i, { publicKey, signature, data }] of mutants.entries()) {
    Deno.writeFileSync(`${dir}/${i}.pub`, publicKey);
    Deno.writeFileSync(`${dir}/${i}.minisig`, signature);
    Deno.writeFileSync(`${dir}/${i}`, data);
  }
  const loop = `i=$0; while [ $i -lt $1 ]; do
    minisign -V -q -p $i.pub -m $i >/dev/null 2>&1; echo $i $?; i=$((i + ${SHARES}))
  done`;
  const runs = Array.from(
    { length: SHARES },
    (_, share) => host.run(["sh", "-c", loop, String(share), String(mutants.length)], { cwd: dir }),
  );
  const said = (await Promise.all(runs)).map(({ stdout }) => text(stdout)).join("");
  const codes = new Map([...said.matchAll(/^(\d+) (\d+)$/gm)].map(([, i, code]) => [i, code]));
  assertEquals(codes.size, mutants.length);
  return mutants.map((_, i) => codes.get(String(i)) === "0");
}

Deno.test({
  name: "verify() accepts and refuses what minisign does, but for a list of differences",
  ...needTool("minisign", "sh"),
  fn: async () => {
    const dir = await Deno.makeTempDir();
    try {
      const mutants = minisignMutants(CASES, SEED);
      const verdicts = await theirs(dir, mutants);
      const seen = new Set<string>();
      let accepted = 0;
      for (const [i, mutant] of mutants.entries()) {
        const state = ours(mutant);
        if (verdicts[i]) accepted++;
        if (verdicts[i] === (state === undefined)) continue;
        const found = verdicts[i] && DIFFERENCES.find(([, applies]) => applies(mutant, state!));
        const what = `case ${i} (${mutant.marks.join(", ")}): minisign ${
          verdicts[i] ? "accepts" : "refuses"
        }, we say ${state ?? "that it holds"}`;
        assertEquals(Boolean(found), true, what);
        if (found) seen.add(found[0]);
      }
      assertEquals(DIFFERENCES.map(([reason]) => reason).filter((one) => !seen.has(one)), []);
      // Cases that are all of one kind would prove little.
      assertEquals(accepted > CASES / 5 && accepted < CASES * 4 / 5, true, `${accepted} accepted`);
    } finally {
      await host.remove(dir);
    }
  },
});

/**
 * The vectors of C2SP CCTV for age, by age's author, from npm: each of our readers of age says of each what it must, but for a
 * list of differences.
 */
import { assert, assertEquals } from "@std/assert";
import * as vectors from "cctv-age";
import { sha256Hex, text } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { decryptWith } from "../../../lib/trust/age.ts";
import { decryptNative, nativeIdentity } from "../../../lib/trust/age_native.ts";
import { Opener } from "../../../lib/trust/age_value.ts";

interface Vector {
  name: string;
  expect: string;
  identities: string[];
  isArmored: boolean;
  /** SHA-256 of what is decrypted. */
  payload?: string;
  file: Uint8Array<ArrayBuffer>;
}

/** What we refuse and age decrypts, by the vector's name, with the reason. There is nothing that we decrypt and age refuses. */
const DIFFERENCES: Record<string, string> = {
  armor_scrypt: "as the next",
  scrypt: "no file for a passphrase is decrypted but an identity file, by the package itself",
};

async function readVector(name: string, data: Uint8Array): Promise<Vector> {
  const latin1 = new TextDecoder("latin1").decode(data);
  const end = latin1.indexOf("\n\n");
  const fields = latin1.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s));
  const values = (key: string) => fields.filter(([one]) => one === key).map(([, value]) => value!);
  const packed = new Uint8Array(data.slice(end + 2));
  const file = values("compressed")[0] === "zlib"
    ? new Uint8Array(
      await new Response(
        new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")),
      ).arrayBuffer(),
    )
    : packed;
  return {
    name,
    expect: values("expect")[0]!,
    identities: values("identity"),
    isArmored: values("armored")[0] === "yes",
    payload: values("payload")[0],
    file,
  };
}

const ALL = await Promise.all(
  Object.entries(vectors as Record<string, unknown>).flatMap(([name, data]) =>
    data instanceof Uint8Array ? [readVector(name, data)] : []
  ),
);

/** The hash of what is decrypted, or the check that refuses. */
async function outcome({ file, identities, isArmored }: Vector): Promise<string> {
  try {
    // Without an identity (vectors for passphrases) there is nothing that could fit.
    const plain = isArmored
      ? await new Opener(identities).open(text(file))
      : await decryptWith(identities, file);
    return sha256Hex(plain);
  } catch (error) {
    if (error instanceof RefusedError) return error.check;
    // What armored text must be is told by its reader, which is given text only.
    if (error instanceof TypeError && isArmored) return "malformed";
    throw error;
  }
}

Deno.test("age's vectors: what must be decrypted is, to the byte, and nothing else", async () => {
  assert(ALL.length >= 140, `${ALL.length} vectors`);
  const differences: string[] = [];
  for (const vector of ALL) {
    const { name, expect, payload } = vector;
    const result = await outcome(vector);
    const wanted = expect === "success"
      ? payload!
      : expect === "no match"
      ? "recipient"
      : "malformed";
    if (result === wanted) continue;
    // Of two reasons to refuse a file the first that is found is told.
    const isRefused = ["recipient", "malformed"].includes(result);
    if (expect !== "success" && isRefused) continue;
    assert(isRefused, `${name}: ${expect}, but it was decrypted`);
    differences.push(name);
  }
  assertEquals(differences.toSorted(), Object.keys(DIFFERENCES));
});

Deno.test("age's vectors: the fast reader decrypts only what must be, all that is short and for one kind of keys", () => {
  let fast = 0;
  for (const { name, expect, identities, isArmored, payload, file } of ALL) {
    if (isArmored) continue;
    const keys = identities.map(nativeIdentity).filter((key) => key !== undefined);
    const result = decryptNative(keys, file);
    if (result === undefined) continue;
    assertEquals([name, expect, sha256Hex(result)], [name, "success", payload]);
    fast++;
  }
  // Those of several chunks or other stanzas are the package's.
  assert(fast >= 8, `${fast} were read fast`);
});

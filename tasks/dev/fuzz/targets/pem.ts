/**
 * Target: public keys of repositories (PEM), by which signatures are judged.
 *
 * @module
 */
import { utf8 } from "../../../../lib/bytes.ts";
import { verifySignatures } from "../../../../lib/apk/signature.ts";
import { RSA_FILE, RSA_PUBLIC, rsaSign } from "../keys.ts";
import { type Field, numberAt, type Piece, textPieces } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { type Subject, textOf } from "../target.ts";

const SIGNED = utf8("signed");
const SIGNATURE = { type: "RSA", keyFile: RSA_FILE, signature: rsaSign(SIGNED) };
/** Tags and lengths of the structures around the key, and of its two numbers. */
const DER: readonly Field[] = [0, 1, 2, 4, 5, 6, 19, 20, 21, 24, 25, 28, 29, 33].map((at) =>
  at % 4 === 2 ? numberAt(at, 2, "u16be") : numberAt(at, 1, "u8")
);

/** The lines of base64 as one, so that what is inside can be changed. */
function pemPieces(): Piece[] {
  const [begin = "", ...rest] = RSA_PUBLIC.trim().split("\n");
  const end = rest.pop()!;
  return [
    ...textPieces(`${begin}\n`),
    ...textPieces(rest.join(""), DER),
    ...textPieces(`\n${end}\n`),
  ];
}

/** Keys and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [sample(textPieces(RSA_PUBLIC)), sample(pemPieces())],
    read: (input) =>
      verifySignatures([SIGNATURE], SIGNED, new Map([[RSA_FILE, textOf(input)]]), "it"),
  });
}

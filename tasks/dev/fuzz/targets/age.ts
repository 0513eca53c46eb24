/**
 * Targets: age identities, recipients, files and armored values. Headers are changed as their sender could, who knows the file
 * key, and as anybody on the way could.
 *
 * @module
 */
import { type Bytes, concat, equal, utf8 } from "../../../../lib/bytes.ts";
import { decryptWith, isRecipient, parseIdentityFile } from "../../../../lib/trust/age.ts";
import {
  decryptNative,
  nativeIdentity,
  nativeRecipient,
  parseHeader,
} from "../../../../lib/trust/age_native.ts";
import {
  isArmored,
  Opener,
  recipientFingerprint,
  recipientState,
  valueHeader,
} from "../../../../lib/trust/age_value.ts";
import { bech32Key } from "../../../../lib/trust/bech32.ts";
import { ageHeader, agePayload, armored, withMac } from "../age_file.ts";
import { AGE_IDENTITY, AGE_RECIPIENT } from "../keys.ts";
import { type Piece, plain, textPieces } from "../pieces.ts";
import { type Sample, subjectOf } from "../samples.ts";
import { type Input, partOf, type Subject, textOf, whole, WrongAnswer } from "../target.ts";

const IDENTITIES = "identities", RECIPIENT = "recipient", FILE = "file";
const PLAINTEXT = utf8("a secret value\n");
const NOTE = `-> psyopsos/recipients ${recipientFingerprint(AGE_RECIPIENT)}\n\n`;
const GREASE = "-> grease x y\nAAAA\n";
const KEY = nativeIdentity(AGE_IDENTITY)!;

/** A word of a key without the blanks that base64 would be taken for. */
function keyPieces(text: string): Piece[] {
  return text.split(/(?<=\n)|(?=\n)/).flatMap((line, group) =>
    line.length > 40 ? [{ bytes: utf8(line), fields: [{ kind: "word" as const }], group }] : [
      ...textPieces(line),
    ]
  );
}

const identityFile = `# created: 2026-11-22T20:00:00Z
# public key: ${AGE_RECIPIENT}
${AGE_IDENTITY}
`;

function fileOf(parts: Input): Bytes {
  const header = parts.get("header") ?? new Uint8Array();
  return concat([withMac(header), parts.get("payload") ?? new Uint8Array()]);
}

function fileParts(more: string): Sample["parts"] {
  return {
    header: textPieces(ageHeader(AGE_RECIPIENT, more)),
    payload: [plain(agePayload(PLAINTEXT))],
  };
}

/** What two readers make of one file must agree. */
async function readFile(file: Bytes): Promise<Bytes> {
  parseHeader(file);
  const quick = decryptNative([KEY], file);
  const slow = await decryptWith([AGE_IDENTITY], file);
  if (quick && !equal(quick, slow)) throw new WrongAnswer("the two readers differ");
  if (!equal(slow, PLAINTEXT)) throw new WrongAnswer("it gives another plaintext");
  return slow;
}

/** Files, and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: ["", NOTE, GREASE].map((more): Sample => ({
      parts: fileParts(more),
      finish: (parts) => new Map([[FILE, fileOf(parts)]]),
    })),
    read: (input) => readFile(partOf(input, FILE)),
  });
}

/** Armored values as they stand in a fleet's files. */
export function valueSubject(): Subject {
  const opener = new Opener([AGE_IDENTITY]);
  return subjectOf({
    samples: [{
      parts: fileParts(NOTE),
      finish: (parts) => whole(armored(fileOf(parts))),
    }, {
      parts: { input: textPieces(new TextDecoder().decode(sealedValue())) },
    }],
    outermost: /it is no armored age text/,
    read: async (input) => {
      const value = textOf(input);
      const header = valueHeader(value);
      if (isArmored(value) !== (header !== undefined)) throw new WrongAnswer("isArmored() differs");
      recipientState(value, [AGE_RECIPIENT]);
      const opened = await opener.open(value);
      if (!equal(opened, PLAINTEXT)) throw new WrongAnswer("it gives another plaintext");
      return header;
    },
  });
}

function sealedValue(): Bytes {
  return armored(
    concat([withMac(utf8(ageHeader(AGE_RECIPIENT, NOTE))), agePayload(PLAINTEXT)]),
  );
}

/** Identities and recipients. */
export function keySubject(): Subject {
  return subjectOf({
    samples: [
      { parts: { [IDENTITIES]: keyPieces(identityFile) } },
      { parts: { [RECIPIENT]: keyPieces(AGE_RECIPIENT) } },
    ],
    read: (input) => {
      if (input.has(IDENTITIES)) {
        const { keys } = parseIdentityFile(textOf(input, IDENTITIES));
        for (const key of keys) nativeIdentity(key);
        return keys;
      }
      const recipient = textOf(input, RECIPIENT);
      const native = nativeRecipient(recipient);
      const point = bech32Key(recipient, "age");
      if (!isRecipient(recipient)) return undefined;
      // The quick reader knows one kind, and of that kind what the slow one knows.
      if (recipient.startsWith("age1") && !recipient.startsWith("age1pq1") && !(native && point)) {
        throw new WrongAnswer("the two readers differ");
      }
      return recipient;
    },
  });
}

/**
 * Target: package indexes, their text alone and in signed files, with the dependencies and versions in them.
 *
 * @module
 */
import { type Bytes, concat, text } from "../../../../lib/bytes.ts";
import { matches, parseDependency, parseProvide } from "../../../../lib/apk/dependency.ts";
import {
  checksumHex,
  type IndexRecord,
  openIndex,
  packageFileName,
  parseIndex,
} from "../../../../lib/apk/index.ts";
import { compareVersions, isVersion } from "../../../../lib/apk/version.ts";
import { UserError } from "../../../../lib/errors.ts";
import { gzip } from "../../../../lib/formats/gzip.ts";
import { safePath, writeTar } from "../../../../lib/formats/tar.ts";
import { RSA_FILE, RSA_PUBLIC, rsaSign } from "../keys.ts";
import { plain, textPieces } from "../pieces.ts";
import { type Sample, subjectOf } from "../samples.ts";
import { tarFile } from "../tar_entries.ts";
import { type Input, partOf, type Subject, WrongAnswer } from "../target.ts";
import { vector } from "../vectors.ts";
import { tarPieces } from "./tar.ts";

const TEXT = "APKINDEX", FILE = "APKINDEX.tar.gz";
/** The key of the files that abuild's own programs have signed. */
const FOREIGN_KEY = "test-1.rsa.pub";
/** Keys that may sign. */
export const TRUSTED = new Map([
  [RSA_FILE, RSA_PUBLIC],
  [FOREIGN_KEY, text(vector(`apk/${FOREIGN_KEY}`))],
]);

const INDEX = `C:Q1Ei1dXVqQ8vG5bEuDeYBqcLy3dM0=
P:busybox
V:1.37.0-r12
A:x86_64
S:509134
I:962560
T:Size optimized toolbox of many common UNIX utilities
U:https://busybox.net/
L:GPL-2.0-only
o:busybox
m:Someone <someone@example.org>
t:1700000000
c:89a7c5a3f1f6d2c0a84d9d2fd3a1b1f4c3d4e5f6
k:100
D:so:libc.musl-x86_64.so.1 !other<2 name>=1.2.3_rc1-r0
p:cmd:sh=1.37.0-r12 /bin/sh
i:musl

C:Q1AAECAwQFBgcICQoLDA0ODxAREhM=
P:musl
V:1.2.5_git20240512-r1
A:x86_64
S:400000
I:650000
T:the musl c library
U:https://musl.libc.org/
L:MIT
D:
p:so:libc.musl-x86_64.so.1=1
`;

/** Signs the member in front of which the signature comes. */
export function signed(member: Bytes): Bytes {
  const signature = tarFile(`.SIGN.RSA.${RSA_FILE}`, rsaSign(member));
  return concat([gzip(writeTar([signature], { end: false }), 1), member]);
}

const archive = writeTar([
  tarFile("DESCRIPTION", "v3.22"),
  tarFile("APKINDEX", INDEX),
]);
/** Archives are changed and signed anew; of signed files the signature is changed, too. */
const inFile: Sample = {
  parts: { [FILE]: tarPieces(archive) },
  finish: (parts) => new Map([[FILE, signed(gzip(parts.get(FILE) ?? new Uint8Array(), 1))]]),
};
const foreign: Sample = { parts: { [FILE]: [plain(vector(`apk/x86_64/${FILE}`))] } };
const inText: Sample = { parts: { [TEXT]: textPieces(INDEX) } };

function readRecords(input: Input): IndexRecord[] {
  const file = input.get(FILE);
  if (file) return openIndex(file, TRUSTED).records;
  const bytes = partOf(input, TEXT);
  let source: string;
  try {
    source = text(bytes);
  } catch (cause) {
    throw new UserError("read the index", "it is no UTF-8", { cause });
  }
  return parseIndex(source);
}

/** Indexes and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    // Signing takes longer than all the rest.
    samples: [inText, inText, inText, inText, inText, inFile, foreign],
    outermost: /signature|is not of the form letter:value/,
    read: (input) => {
      const records = readRecords(input);
      for (const record of records) {
        // It becomes part of a path and of a URL.
        if (
          !safePath(packageFileName(record)) || !/^[0-9a-f]{40}$/.test(checksumHex(record.checksum))
        ) {
          throw new WrongAnswer(`it names a file that is none: ${packageFileName(record)}`);
        }
        for (const one of [...record.depends, ...record.installIf]) readDependency(one, record);
        for (const one of record.provides) parseProvide(one);
        compareVersions(record.version, "1.2.3-r0");
        isVersion(record.version);
      }
      return records;
    },
  });
}

/** Whoever solves leaves out what it does not understand. */
function readDependency(given: string, record: IndexRecord): void {
  try {
    matches(parseDependency(given), record.version, record.checksum);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

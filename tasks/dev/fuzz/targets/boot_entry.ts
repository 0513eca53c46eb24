/**
 * Target: boot menu entries and their file names.
 *
 * @module
 */
import { UserError } from "../../../../lib/errors.ts";
import {
  blessedName,
  entryState,
  formatEntryName,
  parseEntry,
  parseEntryName,
  renderEntry,
} from "../../../../lib/documents/boot_entry.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Subject, textOf, WrongAnswer } from "../target.ts";

const ENTRY = `# A comment
title psyopsOS 1.2.3
sort-key psyopsos
version 1.2.3
linux /psyopsos/1.2.3/vmlinuz
initrd /psyopsos/1.2.3/intel-ucode.img
initrd /psyopsos/1.2.3/initrd
options console=ttyS0 quiet
options more=1
architecture x64
`;
const NAME = "psyopsos-1.2.3+2-1.conf";

/** Entries and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [{ parts: { name: textPieces(NAME), entry: textPieces(ENTRY) } }],
    outermost: /it has no linux line/,
    read: (input) => {
      const fileName = textOf(input, "name");
      const name = parseEntryName(fileName);
      if (name) {
        if (fileName.includes("/")) throw new WrongAnswer(`it takes for a file name: ${fileName}`);
        entryState(name);
        formatEntryName(name);
        blessedName(fileName);
      }
      const entry = parseEntry(textOf(input, "entry"));
      return [name, isStable(entry)];
    },
  });
}

/** What can be written at all must be read as it was. */
function isStable(entry: ReturnType<typeof parseEntry>): boolean {
  let rendered: string;
  try {
    rendered = renderEntry(entry);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return false;
  }
  if (renderEntry(parseEntry(rendered)) !== rendered) {
    throw new WrongAnswer("what it writes of an entry is another entry");
  }
  return true;
}

/**
 * Target: what a node's agent reads that is no document: a time server's answer, and what the node's own programs print.
 *
 * @module
 */
import { parseAddresses, parseLinks } from "../../../../agent/network/address.ts";
import { readTime } from "../../../../agent/network/time_server.ts";
import { struct, textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { partOf, type Subject, textOf, WrongAnswer } from "../target.ts";

const ANSWER = "answer", LINKS = "links", ADDRESSES = "addresses";
const QUESTION = new Uint8Array(48).map((_, i) => i < 40 ? 0 : i * 5);
const NOT_BEFORE = Date.parse("2026-11-22T00:00:00Z");
/** 2026-11-22T20:00:00Z in seconds since 1900. */
const NOW_NTP = 4_004_452_800;

const answer = struct([
  ["u8", 0x24],
  ["u8", 2],
  ["u8", 6],
  ["u8", 0xe8],
  ["u32be", 0],
  ["u32be", 0],
  ["u32be", 0x7f000001],
  ["u32be", NOW_NTP - 100],
  ["u32be", 0],
  ["bytes", QUESTION.subarray(40)],
  ["u32be", NOW_NTP],
  ["u32be", 0],
  ["u32be", NOW_NTP],
  ["u32be", 0],
]);

/** Answers and texts and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: [
      { parts: { [ANSWER]: [answer] } },
      { parts: { [LINKS]: textPieces("eth0 up\nwlan0 down\n") } },
      {
        parts: {
          [ADDRESSES]: textPieces(
            "2: eth0    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever\n" +
              "2: eth0@if7    inet6 2001:db8::10/64 scope global dynamic \\       valid_lft 80sec\n",
          ),
        },
      },
    ],
    read: (input) => {
      if (input.has(LINKS)) return parseLinks(textOf(input, LINKS));
      if (input.has(ADDRESSES)) return parseAddresses(textOf(input, ADDRESSES));
      const ms = readTime(partOf(input, ANSWER), QUESTION, NOT_BEFORE);
      if (ms !== undefined && !(ms >= NOT_BEFORE)) {
        throw new WrongAnswer(`it takes for a time: ${ms}`);
      }
      return ms;
    },
  });
}

/**
 * Asks a time server once (SNTP version 4, RFC 4330, in the packet of RFC 5905 section 7.3). The answer is not
 * authenticated: it only lets https begin on a machine without a clock, see agent/system/clock.ts.
 *
 * @module
 */
import type { Bytes } from "../../lib/bytes.ts";
import { errorText } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { formatInstant } from "../../lib/instant.ts";
import { AgentError } from "../report/problem.ts";

const PORT = 123;
/** How long all servers together may take, in milliseconds. */
const TIMEOUT_MS = 5_000;
const PACKET_BYTES = 48;
/** Leap indicator 0, version 4, mode 3: a client. */
const CLIENT = 0x23;
const SERVER_MODE = 4;
/** Leap indicator of a server that is not synchronized itself. */
const UNSYNCHRONIZED = 3;
const MAX_STRATUM = 15;
/** From 1900, where NTP counts from, to 1970, in seconds. */
const EPOCH_SECONDS = 2_208_988_800;
/** Why an answer is not believed; see {@linkcode TimeBounds}. */
const UNUSABLE = "before the time of this image or more than ten years after it";
/** Length of an era of NTP, in milliseconds. */
const ERA_MS = 2 ** 32 * 1000;

/** Which answers can be used. */
export interface TimeBounds {
  /** Milliseconds since 1970 that have passed: tells in which era of NTP an answer is. */
  readonly imageMs: number;
  isUsable(ms: number): boolean;
}

/**
 * Asks all `servers` at once; the first usable answer counts, so that a server that is wrong is no faster than one that is
 * right.
 *
 * @returns Milliseconds since 1970, to the second or so.
 * @throws {AgentError} "time" when none gives one within five seconds.
 */
export async function askTime(
  host: Host,
  servers: readonly string[],
  bounds: TimeBounds,
): Promise<number> {
  const failures: string[] = [];
  const ask = async (server: string): Promise<number> => {
    const question = packet();
    let ms: number | undefined;
    const accept = (answer: Bytes) => {
      ms = readTime(answer, question, bounds.imageMs) ?? ms;
      return ms !== undefined && bounds.isUsable(ms);
    };
    try {
      const timeoutMs = TIMEOUT_MS;
      await host.askUdp({ server, port: PORT, data: question, timeoutMs, accept });
      return ms!;
    } catch (error) {
      const why = ms === undefined ? errorText(error) : `its ${shown(ms)} is ${UNUSABLE}`;
      failures.push(`${server}: ${why}`);
      throw error;
    }
  };
  try {
    return await Promise.any(servers.map(ask));
  } catch (error) {
    throw new AgentError("time", "ask a time server", failures.join("; "), { cause: error });
  }
}

function shown(ms: number): string {
  return formatInstant(new Date(ms));
}

/** A question; its transmit timestamp is random, so that only who has read it can answer. */
function packet(): Bytes {
  const bytes = new Uint8Array(PACKET_BYTES);
  bytes[0] = CLIENT;
  crypto.getRandomValues(bytes.subarray(40));
  return bytes;
}

/** The time in an answer to `question`; undefined for one that is none or says nothing of use. */
export function readTime(
  answer: Uint8Array,
  question: Uint8Array,
  notBefore: number,
): number | undefined {
  if (answer.length < PACKET_BYTES) return undefined;
  const [first = 0, stratum = 0] = answer;
  const [leap, version, mode] = [first >> 6, first >> 3 & 7, first & 7];
  if (leap === UNSYNCHRONIZED || version === 0 || version > 4 || mode !== SERVER_MODE) {
    return undefined;
  }
  if (stratum === 0 || stratum > MAX_STRATUM) return undefined;
  for (let i = 0; i < 8; i++) if (answer[24 + i] !== question[40 + i]) return undefined;
  const seconds = new DataView(answer.buffer, answer.byteOffset).getUint32(40);
  if (seconds === 0) return undefined;
  const ms = (seconds - EPOCH_SECONDS) * 1000;
  return ms < notBefore ? ms + ERA_MS : ms;
}

/** Time servers, as far as SNTP needs them. */
import type { Bytes } from "../../../lib/bytes.ts";

/** A server's answer: synchronized, stratum 2, at `ms` since 1970. */
export function answerTo(question: Uint8Array, ms: number): Bytes {
  const answer = new Uint8Array(48);
  answer.set([0x24, 2]);
  answer.set(question.subarray(40, 48), 24);
  new DataView(answer.buffer).setUint32(40, (ms / 1000 + 2_208_988_800) % 2 ** 32);
  return answer;
}

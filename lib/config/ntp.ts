/**
 * The key `ntp`: who is asked for the time.
 *
 * @module
 */
import * as v from "valibot";
import {
  anyText,
  boolean,
  listOf,
  mapping,
  MAX_TIME_SERVERS,
  timeServer,
} from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";

export { MAX_TIME_SERVERS } from "../schema/fields.ts";

const OPEN = { since: "0.2.0", secrecy: "open" } as const;

const schema = mapping({
  servers: v.optional(
    described(
      v.pipe(
        listOf(described(timeServer, "One server, by its name or address.", OPEN)),
        v.maxLength(MAX_TIME_SERVERS, `must have at most ${MAX_TIME_SERVERS} entries`),
      ),
      "Time servers, all asked at once.",
      { ...OPEN, default: "those of the identity drive, else of the image" },
    ),
  ),
  useDhcp: v.optional(
    described(boolean, "Whether servers that DHCP names are asked, too.", {
      ...OPEN,
      default: "true",
    }),
  ),
});

/** What is wanted of time servers. */
export interface WantedNtp {
  /** Undefined: those of the drive or the image. */
  servers: readonly string[] | undefined;
  useDhcp: boolean;
}

export const ntp = configKey({
  schema: described(
    schema,
    "Whom the agent asks for the time. It asks where the machine's clock can't be right (it is before the time of the image), " +
      "and only so that certificates of https sites can be judged. The image has no program that keeps a running clock exact.",
    { ...OPEN, default: "the servers of the identity drive, else of the image" },
  ),
  example: "ntp:\n  servers: [ntp.example.net, 192.0.2.123]\n",
  desired: ({ servers, useDhcp = true }: v.InferOutput<typeof schema> = {}): WantedNtp => ({
    servers,
    useDhcp,
  }),
  needs: { programs: [], packages: [] },
  /** Servers that would be asked now, those of the configuration alone. */
  observed: v.array(anyText),
  differences: ({ servers }, seen) => compare("time servers", seen, servers),
});

/**
 * Kinds of fields that documents and configurations are made of, each with the rule that its message tells. Messages name
 * the rule and never the value: it may be a secret.
 *
 * @module
 */
import { decodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { utf8 } from "../bytes.ts";
import { INSTANT, isInstant } from "../instant.ts";
import { ipFamily, isCidr } from "./ip.ts";
import { formatKeyLine, parseKeyLine } from "./ssh_key_line.ts";
import { ruled } from "./words.ts";

/** Most time servers. */
export const MAX_TIME_SERVERS = 8;
/** Most entries of any list or dictionary. */
export const MAX_ENTRIES = 1024;
/** Longest one-line text, in characters. */
export const MAX_LINE = 8192;

/** Longest name of a file or directory, in bytes. */
const MAX_NAME_BYTES = 255;
/** A key type and a key blob, with what may stand around them. */
const KEY_LINE =
  /(?:^|\s)((?:sk-)?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?) ([A-Za-z0-9+/]+={0,2})(?:\s|$)/;
const NOT_A_KEY_LINE = "must be an SSH public key line, e.g. ssh-ed25519 AAAA… comment";

const MAPPING = "must be a mapping";
const TOO_MANY = `must have at most ${MAX_ENTRIES} entries`;

/** A mapping with these keys and no others. */
export const mapping = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, MAPPING);

/** A mapping that later versions may add keys to; those that are not known are left out. */
export const openMapping = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.object(entries, MAPPING);

/** A mapping from names to values of one kind. */
export const dictionary = <
  const Key extends v.GenericSchema<string, string>,
  const Value extends v.GenericSchema,
>(key: Key, value: Value) =>
  v.pipe(v.record(key, value, MAPPING), v.maxEntries(MAX_ENTRIES, TOO_MANY));

/** A list of values of one kind. */
export const listOf = <const Item extends v.GenericSchema>(item: Item) =>
  v.pipe(v.array(item, "must be a list"), v.maxLength(MAX_ENTRIES, TOO_MANY));

/** Text of any length and lines. */
export const anyText = ruled(v.string("must be text"), "text");

/** Text of one line that is not empty; `words` complete "must be …". */
export const line = (words: string) =>
  v.pipe(
    v.string(`must be ${words}`),
    v.nonEmpty("must not be empty"),
    v.maxLength(MAX_LINE, `must be at most ${MAX_LINE} characters`),
    // deno-lint-ignore no-control-regex -- they are what is refused
    v.regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters"),
  );

/** Text that `pattern` matches; `words` complete "must be …". */
export const matching = (pattern: RegExp, words: string) =>
  ruled(v.pipe(v.string(`must be ${words}`), v.regex(pattern, `must be ${words}`)), words);

/** A number from `from` to `to`; `unit` follows it in the message. */
export const numberBetween = (from: number, to: number, unit = "") => {
  const words = `${from} to ${to}${unit && ` ${unit}`}`;
  const rule = `must be ${words}`;
  return ruled(
    v.pipe(v.number("must be a number"), v.minValue(from, rule), v.maxValue(to, rule)),
    words,
  );
};

/** A whole number from `from` to `to`; `unit` follows it in the message. */
export const wholeNumber = (from: number, to: number, unit = "") => {
  const words = `${from} to ${to}${unit && ` ${unit}`}`;
  const rule = `must be ${words}`;
  return ruled(
    v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(from, rule),
      v.maxValue(to, rule),
    ),
    words,
  );
};

/** One of a few words. */
export const oneOf = <const Words extends readonly string[]>(words: Words) => {
  const told = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return ruled(v.picklist(words, `must be ${told}`), told);
};

/** True or false. */
export const boolean = ruled(v.boolean("must be true or false"), "true or false");

/** A host name of one or more labels in lower case. */
export const hostName = ruled(
  v.pipe(
    matching(
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
      "a host name in lower case",
    ),
    v.maxLength(64, "must be at most 64 characters"),
  ),
  "a host name in lower case, at most 64 characters",
);

/**
 * Name of a user or a group. busybox and shadow allow dots wherever none is the first; here something stands on both sides of
 * each, so that no name looks like a hidden file, the end of a sentence or a part of a path.
 */
export const accountName = matching(
  /^(?=.{1,32}$)[a-z_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/,
  "an account name: up to 32 of a-z, 0-9, _ and -, starting with a letter or _, and dots within",
);

/** The first version of the agent that knows an account name, where that is not the first of all. */
export function sinceOfName(name: string): string | undefined {
  return name.includes(".") ? "0.2.0" : undefined;
}

/**
 * A line as in `authorized_keys`. What it gives is the line's one form, with a blank between its parts: agents of version 0.2
 * and before read no other. Whether sshd would take all of it is asked at the desk, by {@linkcode keyLineProblem}.
 */
export const publicKeyLine = ruled(
  v.pipe(
    v.string("must be an SSH public key line"),
    v.transform(inOneForm),
    line("an SSH public key line"),
    v.regex(KEY_LINE, NOT_A_KEY_LINE),
    v.check(isSshKeyLine, NOT_A_KEY_LINE),
  ),
  "an SSH public key line, e.g. ssh-ed25519 AAAA… comment",
);

/** A URL of the web. */
export const httpUrl = ruled(
  v.pipe(
    line("a URL"),
    v.regex(/^https?:\/\//, "must be an http:// or https:// URL"),
    v.check((given) => URL.canParse(given), "must be an http:// or https:// URL"),
  ),
  "an http:// or https:// URL",
);

/** An absolute path of a file that may be written. */
export const filePath = ruled(
  v.pipe(
    line("a path"),
    v.maxLength(4095, "must be at most 4095 characters"),
    v.regex(
      /^(?!\/(?:proc|sys|dev)(?:\/|$))(?:\/(?!\.\.?(?:\/|$))[^/]+)+$/,
      "must be an absolute path without . and .. parts, not below /proc, /sys, /dev",
    ),
  ),
  "an absolute path without . and .. parts, not below /proc, /sys, /dev, at most 4095 characters",
);

/** What is wrong with a path at the desk: a part that no file system takes. */
export function longPartProblem(path: string): string | undefined {
  const isLong = path.split("/").some((part) => utf8(part).length > MAX_NAME_BYTES);
  return isLong ? `must have no part of more than ${MAX_NAME_BYTES} bytes` : undefined;
}

/** An IPv4 or IPv6 address without a zone. */
export const ipAddress = ruled(
  v.pipe(
    v.string("must be an IP address"),
    v.check((given) => ipFamily(given) !== undefined, "must be an IP address, e.g. 192.0.2.1"),
  ),
  "an IP address, e.g. 192.0.2.1",
);

/** An IP address with its prefix length. */
export const cidr = ruled(
  v.pipe(
    v.string("must be an IP address with its prefix length"),
    v.check(isCidr, "must be an IP address with its prefix length, e.g. 192.0.2.10/24"),
  ),
  "an IP address with its prefix length, e.g. 192.0.2.10/24",
);

/** Who is asked for the time. */
export const timeServer = ruled(
  v.union([hostName, ipAddress], "must be a host name or an IP address"),
  "a host name or an IP address",
);

/** Names or addresses of time servers. */
export const timeServers = v.pipe(
  v.array(
    timeServer,
    "must be a list of host names or addresses",
  ),
  v.nonEmpty("must name one at least"),
  v.maxLength(MAX_TIME_SERVERS, `must have at most ${MAX_TIME_SERVERS} entries`),
);

/** Name of a network interface that needs no quotes and is no option of a program. */
export const interfaceName = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/,
  "an interface name, e.g. eth0: up to 15 of A-Z, a-z, 0-9, ., _ and -, starting with a letter or digit",
);

/** Name of a time zone, e.g. Europe/Berlin; whether there is one of that name is asked at the desk alone. */
export const timeZone = matching(
  /^[A-Za-z][A-Za-z0-9_+-]{0,31}(?:\/[A-Za-z0-9_+-]{1,32}){0,2}$/,
  "a time zone, e.g. Europe/Berlin or UTC",
);

/** A UTC time to the second. */
export const instant = ruled(
  v.pipe(
    v.string("must be a UTC time in quotes, e.g. 2026-11-22T20:00:00Z"),
    v.regex(INSTANT, "must be a UTC time in quotes, e.g. 2026-11-22T20:00:00Z"),
    v.check(isInstant, "must be a UTC time that exists, e.g. 2026-11-22T20:00:00Z"),
  ),
  "a UTC time, e.g. 2026-11-22T20:00:00Z",
);

/** Number of a publication. */
export const serial = v.pipe(
  v.number("must be a number"),
  v.safeInteger("must be a whole number"),
  v.minValue(1, "must be at least 1"),
);

/** Number of bytes. */
export const byteCount = v.pipe(
  v.number("must be a number"),
  v.safeInteger("must be a whole number"),
  v.minValue(0, "must be at least 0"),
);

/** SHA-256 in lower-case hex. */
export const sha256 = matching(/^[0-9a-f]{64}$/, "a SHA-256 in hex");

/** Version of an image: it names folders and files on FAT, and never looks like a counter of tries. */
export const imageVersion = matching(
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/,
  "a version in quotes: up to 64 of A-Z, a-z, 0-9, ., _ and -",
);

/** What processors an image is for, as Alpine calls them. */
export const ARCHITECTURES = ["x86_64", "aarch64"] as const;
/** One of {@linkcode ARCHITECTURES}. */
export type Architecture = typeof ARCHITECTURES[number];
/** The field of it. */
export const architecture = oneOf(ARCHITECTURES);

/** Whether `given` is base64. */
export function isBase64(given: string): boolean {
  try {
    decodeBase64(given);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong at the desk with a line of `authorized_keys`: what sshd would not take. */
export function keyLineProblem(given: string): string | undefined {
  const parsed = parseKeyLine(given);
  return "problem" in parsed ? parsed.problem : undefined;
}

function inOneForm(given: string): string {
  const parsed = parseKeyLine(given);
  return "problem" in parsed ? given : formatKeyLine(parsed);
}

/** Whether `given` holds a key type and a key blob that says the same type; options may stand before. */
function isSshKeyLine(given: string): boolean {
  const match = KEY_LINE.exec(given);
  if (!match) return false;
  const [, type = "", blob = ""] = match;
  if (!isBase64(blob)) return false;
  const bytes = decodeBase64(blob);
  const prefix = new Uint8Array([0, 0, 0, type.length, ...utf8(type)]);
  return bytes.length > prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}

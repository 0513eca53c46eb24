/**
 * The profiles of the files that Amazon's tools share, `~/.aws/config` and `~/.aws/credentials`. What is read and what it means is
 * as in botocore; docs/publishing.md lists where it differs.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import {
  type AwsFile,
  AwsFileError,
  type AwsValues,
  NO_AWS_FILE,
  parseAwsFile,
  shownName,
  wordsOf,
} from "./aws_ini.ts";

/** One profile. */
export interface AwsProfile {
  /** Whether any file knows it. */
  found: boolean;
  /** The names of the files, for messages. */
  files: string;
  /** A value, of the credentials file first; a key within another is `["s3", "addressing_style"]`. */
  value(...keys: [string, string?]): string | undefined;
  /** A value of one file alone. */
  credentials(key: string): string | undefined;
  config(key: string): string | undefined;
  /** A value for one service of the `[services NAME]` section that the profile names. */
  ofServices(service: string, key: string): string | undefined;
}

const MAX_FILE_BYTES = 1024 * 1024;

/** A variable's value; an empty one is as none. */
export function variable(host: Pick<Host, "env">, name: string): string | undefined {
  return host.env(name) || undefined;
}

/** Reads a profile. @throws {UserError} when a file is not of this format, or the profile names a section that is missing. */
export async function readProfile(host: Host, name: string): Promise<AwsProfile> {
  const credentialsFile = pathOf(host, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  const configFile = pathOf(host, "AWS_CONFIG_FILE", "~/.aws/config");
  const own = (await readFile(host, credentialsFile)).section(name);
  const config = await readFile(host, configFile);
  // Of two sections for one name the later holds.
  const shared = config.section(
    config.names.findLast((header) => profileIn(header) === name) ?? "",
  );
  const of = (values: AwsValues | undefined, key: string, inner?: string) => {
    const value = values?.get(key);
    if (inner !== undefined) return typeof value === "object" ? value.get(inner) : undefined;
    return typeof value === "string" ? value : undefined;
  };
  const value: AwsProfile["value"] = (key, inner) =>
    own?.has(key) ? of(own, key, inner) : of(shared, key, inner);
  return {
    found: own !== undefined || shared !== undefined,
    files: [credentialsFile, configFile].filter(Boolean).join(" and "),
    value,
    credentials: (key) => of(own, key),
    config: (key) => of(shared, key),
    ofServices: (service, key) => {
      const wanted = value("services");
      if (wanted === undefined) return undefined;
      const header = config.names.findLast((header) => nameIn("services", header) === wanted);
      if (header !== undefined) return of(config.section(header), service, key);
      throw new UserError(
        "publish",
        `the profile names [services ${shownName(wanted)}], which is not in ${configFile}`,
      );
    },
  };
}

/** The profile that a section of the configuration file is: `[profile NAME]`, or `[default]` without the word. */
function profileIn(header: string): string | undefined {
  return header === "default" ? header : nameIn("profile", header);
}

/** NAME of a header `WORD NAME`. */
function nameIn(word: string, header: string): string | undefined {
  if (!header.startsWith(word)) return undefined;
  const words = wordsOf(header);
  return words?.length === 2 ? words[1] : undefined;
}

/** A path with `~` and variables filled in; undefined without a home. */
function pathOf(host: Host, name: string, standard: string): string | undefined {
  const given = (variable(host, name) ?? standard).replaceAll(
    /\$(?:(\w+)|\{([^}]*)\})/g,
    (all, plain, braced) => host.env(plain ?? braced) ?? all,
  );
  if (!/^~(\/|$)/.test(given)) return given;
  const home = variable(host, "HOME");
  return home && home + given.slice(1);
}

async function readFile(host: Host, path: string | undefined): Promise<AwsFile> {
  const info = path && await host.stat(path);
  if (!path || !info) return NO_AWS_FILE;
  const fail = (state: string, cause?: unknown) => new UserError(`read ${path}`, state, { cause });
  if (info.size > MAX_FILE_BYTES) throw fail(`it has more than ${MAX_FILE_BYTES} bytes`);
  let given: string;
  try {
    given = text(await host.readFile(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw fail("it is no text in UTF-8", error);
  }
  try {
    return parseAwsFile(given);
  } catch (error) {
    if (!(error instanceof AwsFileError)) throw error;
    throw fail(error.message, error);
  }
}

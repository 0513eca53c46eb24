/**
 * How to reach an S3 bucket: from options, from the `AWS_*` variables, from the shared profile files; in this order, as
 * Amazon's own tools do. A profile that is named by an option counts before the variables.
 *
 * Supported: access keys with or without a session token, region, endpoint (`endpoint_url`, also of a `services` section), path
 * style. Not supported, and said so: profiles that need a login or a role (sso, role_arn, credential_process).
 *
 * @module
 */
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { parseSections, type Sections } from "./ini.ts";

/** What the command line says; all of it may be left out. */
export interface S3Options {
  endpoint?: string;
  region?: string;
  pathStyle?: boolean;
  profile?: string;
}

/** All that a client needs. */
export interface S3Settings {
  /** Without a slash at its end. */
  endpoint: string;
  region: string;
  pathStyle: boolean;
  accessKey: string;
  secretKey: string;
  sessionToken?: string;
}

const NEEDS_LOGIN = [
  "sso_session",
  "sso_start_url",
  "role_arn",
  "credential_process",
  "web_identity_token_file",
];
const DEFAULT_REGION = "us-east-1";
const REGION = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/**
 * Finds the settings for a bucket.
 *
 * @throws {UserError} when there are no credentials, or the profile is of a kind that is not supported.
 */
export async function findS3Settings(
  host: Host,
  options: S3Options,
  bucket: string,
): Promise<S3Settings> {
  const name = options.profile ?? host.env("AWS_PROFILE") ?? "default";
  const profile = await readProfile(host, name);
  const named = options.profile ?? host.env("AWS_PROFILE");
  if (named !== undefined && !profile.found) {
    throw new UserError("publish", `there is no profile ${named} in ${profile.files}`);
  }
  const keys = findKeys(host, options, profile);
  const region = options.region ?? host.env("AWS_REGION") ?? host.env("AWS_DEFAULT_REGION") ??
    profile.value("region") ?? DEFAULT_REGION;
  // It becomes part of a host name and of the Authorization header.
  if (!REGION.test(region)) {
    throw new UserError("publish", "the region is no name of letters, digits and hyphens", {
      exitCode: EXIT.usage,
    });
  }
  const given = options.endpoint ?? host.env("AWS_ENDPOINT_URL_S3") ??
    host.env("AWS_ENDPOINT_URL") ?? profile.endpoint;
  const endpoint = (given ?? `https://s3.${region}.amazonaws.com`).replace(/\/+$/, "");
  if (!isPlainUrl(endpoint)) {
    // Not shown: it may hold a password.
    throw new UserError("publish", "the endpoint is no plain http:// or https:// URL", {
      exitCode: EXIT.usage,
    });
  }
  const style = profile.value("s3.addressing_style");
  // A host of one's own seldom has a name for each bucket, and a certificate for *.example.org none for a.b.example.org.
  const pathStyle = options.pathStyle ??
    (style === "path" || (style !== "virtual" && (given !== undefined || bucket.includes("."))));
  return { endpoint, region, pathStyle, ...keys };
}

interface Profile {
  found: boolean;
  /** The names of the files, for messages. */
  files: string;
  value(key: string): string | undefined;
  endpoint?: string;
}

function findKeys(host: Host, options: S3Options, profile: Profile) {
  const ofVariables = {
    accessKey: host.env("AWS_ACCESS_KEY_ID") || undefined,
    secretKey: host.env("AWS_SECRET_ACCESS_KEY") || undefined,
    sessionToken: host.env("AWS_SESSION_TOKEN") || undefined,
  };
  const ofProfile = {
    accessKey: profile.value("aws_access_key_id"),
    secretKey: profile.value("aws_secret_access_key"),
    sessionToken: profile.value("aws_session_token"),
  };
  const order = options.profile === undefined ? [ofVariables, ofProfile] : [ofProfile];
  for (const { accessKey, secretKey, sessionToken } of order) {
    if (accessKey !== undefined && secretKey !== undefined) {
      if (accessKey.startsWith("ASIA") && sessionToken === undefined) {
        throw new UserError(
          "publish",
          "the access key is a temporary one, but there is no session token",
          { hint: "set AWS_SESSION_TOKEN, or aws_session_token in the profile" },
        );
      }
      return { accessKey, secretKey, sessionToken };
    }
    if (accessKey !== undefined || secretKey !== undefined) {
      const missing = accessKey === undefined ? "the access key's id" : "the secret access key";
      throw new UserError("publish", `${missing} is missing, the other half is there`);
    }
  }
  const login = NEEDS_LOGIN.find((key) => profile.value(key) !== undefined);
  if (login !== undefined) {
    throw new UserError(
      "publish",
      `the profile uses ${login}, only access keys are supported`,
      { hint: 'eval "$(aws configure export-credentials --format env)" gives such keys' },
    );
  }
  throw new UserError("publish", "there are no S3 credentials", {
    hint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into ${profile.files}`,
  });
}

/** Whether `given` is a URL of a server: no password, query or fragment. */
function isPlainUrl(given: string): boolean {
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) return false;
  const { username, password, search, hash } = new URL(given);
  return `${username}${password}${search}${hash}` === "";
}

async function readProfile(host: Host, name: string): Promise<Profile> {
  const home = host.env("HOME");
  const credentialsFile = host.env("AWS_SHARED_CREDENTIALS_FILE") ??
    (home && `${home}/.aws/credentials`);
  const configFile = host.env("AWS_CONFIG_FILE") ?? (home && `${home}/.aws/config`);
  const credentials = (await readSections(host, credentialsFile)).get(name);
  const config = await readSections(host, configFile);
  const settings = config.get(name === "default" ? "default" : `profile ${name}`);
  const value = (key: string) => credentials?.get(key) ?? settings?.get(key);
  const services = value("services");
  const ofServices = services === undefined
    ? undefined
    : config.get(`services ${services}`)?.get("s3.endpoint_url");
  return {
    found: credentials !== undefined || settings !== undefined,
    files: [credentialsFile, configFile].filter(Boolean).join(" and "),
    value,
    endpoint: ofServices ?? value("endpoint_url"),
  };
}

async function readSections(host: Host, path: string | undefined): Promise<Sections> {
  if (!path || !await host.stat(path)) return new Map();
  return parseSections(await host.readTextFile(path));
}

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
import { shownName } from "./aws_ini.ts";
import { type AwsProfile, readProfile, variable } from "./aws_profiles.ts";

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

/** Keys that stand for credentials which have to be got first; those of the second row only where the credentials file has none. */
const LOGINS = ["role_arn", "web_identity_token_file", "sso_session", "sso_start_url"];
const LATER_LOGINS = ["login_session", "credential_process"];
const DEFAULT_REGION = "us-east-1";
const REGION = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
/** Where Amazon has its regions, by how their names begin. */
const DOMAINS: [string, string][] = [
  ["cn-", "amazonaws.com.cn"],
  ["eusc-", "amazonaws.eu"],
  ["", "amazonaws.com"],
];

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
  const named = options.profile ?? variable(host, "AWS_DEFAULT_PROFILE") ??
    variable(host, "AWS_PROFILE");
  const profile = await readProfile(host, named ?? "default");
  if (named !== undefined && !profile.found) {
    throw new UserError("publish", `there is no profile ${shownName(named)} in ${profile.files}`);
  }
  const keys = findKeys(host, options, profile);
  const region = options.region ?? variable(host, "AWS_REGION") ??
    variable(host, "AWS_DEFAULT_REGION") ?? (profile.value("region") || DEFAULT_REGION);
  // It becomes part of a host name and of the Authorization header.
  if (!REGION.test(region)) {
    throw new UserError("publish", "the region is no name of letters, digits and hyphens", {
      exitCode: EXIT.usage,
    });
  }
  const given = options.endpoint ?? configuredEndpoint(host, profile);
  const [, domain] = DOMAINS.find(([start]) => region.startsWith(start))!;
  const endpoint = (given ?? `https://s3.${region}.${domain}`).replace(/\/+$/, "");
  if (!isPlainUrl(endpoint)) {
    // Not shown: it may hold a password.
    throw new UserError("publish", "the endpoint is no plain http:// or https:// URL", {
      exitCode: EXIT.usage,
    });
  }
  const style = profile.value("s3", "addressing_style");
  // A host of one's own seldom has a name for each bucket, and a certificate for *.example.org none for a.b.example.org.
  const pathStyle = options.pathStyle ??
    (style === "path" || (style !== "virtual" && (given !== undefined || bucket.includes("."))));
  return { endpoint, region, pathStyle, ...keys };
}

function configuredEndpoint(host: Host, profile: AwsProfile): string | undefined {
  const ignore = variable(host, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ??
    profile.value("ignore_configured_endpoint_urls");
  if (ignore?.toLowerCase() === "true") return undefined;
  return variable(host, "AWS_ENDPOINT_URL_S3") ?? variable(host, "AWS_ENDPOINT_URL") ??
    (profile.ofServices("s3", "endpoint_url") || profile.value("endpoint_url") || undefined);
}

/** Access keys of one place; never one half from here and the other from there. */
interface Keys {
  accessKey?: string;
  secretKey?: string;
  sessionToken?: string;
}

function findKeys(host: Host, options: S3Options, profile: AwsProfile) {
  const ofFile = (value: (key: string) => string | undefined): Keys => ({
    accessKey: value("aws_access_key_id") || undefined,
    secretKey: value("aws_secret_access_key") || undefined,
    sessionToken: (value("aws_security_token") ?? value("aws_session_token")) || undefined,
  });
  const ofVariables: Keys = {
    accessKey: variable(host, "AWS_ACCESS_KEY_ID"),
    secretKey: variable(host, "AWS_SECRET_ACCESS_KEY"),
    sessionToken: variable(host, "AWS_SECURITY_TOKEN") ?? variable(host, "AWS_SESSION_TOKEN"),
  };
  const found = (options.profile === undefined ? wholeKeys(ofVariables) : undefined) ??
    withoutLogin(profile, LOGINS) ??
    wholeKeys(ofFile(profile.credentials)) ??
    withoutLogin(profile, LATER_LOGINS) ??
    wholeKeys(ofFile(profile.config));
  if (found) return found;
  throw new UserError("publish", "there are no S3 credentials", {
    hint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into ${profile.files}`,
  });
}

/** The keys if there are any. @throws {UserError} for half of them: that is a mistake which others would hide. */
function wholeKeys({ accessKey, secretKey, sessionToken }: Keys) {
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (accessKey === undefined || secretKey === undefined) {
    const missing = accessKey === undefined ? "the access key's id" : "the secret access key";
    throw new UserError("publish", `${missing} is missing, the other half is there`);
  }
  if (/[\p{Cc}]/u.test(accessKey + secretKey + (sessionToken ?? ""))) {
    throw new UserError(
      "publish",
      "an access key has a line break or another control character in it",
    );
  }
  if (accessKey.startsWith("ASIA") && sessionToken === undefined) {
    throw new UserError(
      "publish",
      "the access key is a temporary one, but there is no session token",
      { hint: "set AWS_SESSION_TOKEN, or aws_session_token in the profile" },
    );
  }
  return { accessKey, secretKey, sessionToken };
}

function withoutLogin(profile: AwsProfile, logins: readonly string[]): undefined {
  const login = logins.find((key) => profile.value(key) !== undefined);
  if (login === undefined) return;
  throw new UserError("publish", `the profile uses ${login}, only access keys are supported`, {
    hint: 'eval "$(aws configure export-credentials --format env)" gives such keys',
  });
}

/** Whether `given` is a URL of a server: no password, query or fragment, and no blanks, which a parser drops from a URL. */
function isPlainUrl(given: string): boolean {
  if (!/^https?:\/\/[^\s\p{Cc}]+$/u.test(given) || !URL.canParse(given)) return false;
  const { username, password, search, hash } = new URL(given);
  return `${username}${password}${search}${hash}` === "";
}

import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { findS3Settings, type S3Options } from "../../../lib/publish/s3_settings.ts";
import { FakeHost } from "../../support/fake_host.ts";

const CREDENTIALS = `[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = default-secret
[fleet]
aws_access_key_id = AKIAFLEET
aws_secret_access_key = fleet-secret
aws_session_token = fleet-token
[half]
aws_access_key_id = AKIAHALF
`;
const CONFIG = `[default]
region = eu-west-1
[profile fleet]
region = eu-north-1
services = mine
s3 =
  addressing_style = virtual
[profile login]
sso_session = corporation
[profile role]
role_arn = arn:aws:iam::1:role/x
[profile here]
aws_access_key_id = AKIAHERE
aws_secret_access_key = here-secret
endpoint_url = http://127.0.0.1:9000/
[services mine]
s3 =
  endpoint_url = https://s3.example.net
`;
const VARIABLES = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "env-secret" };

function find(
  variables: Record<string, string> = {},
  options: S3Options = {},
  bucket = "fleet-site",
) {
  const host = new FakeHost({
    "/home/admin/.aws/credentials": CREDENTIALS,
    "/home/admin/.aws/config": CONFIG,
    "/etc/keys": "[default]\naws_access_key_id = AKIAETC\naws_secret_access_key = etc-secret\n",
  });
  for (const [name, value] of Object.entries({ HOME: "/home/admin", ...variables })) {
    host.variables.set(name, value);
  }
  return findS3Settings(host, options, bucket);
}

Deno.test("findS3Settings() takes variables, else the default profile", async () => {
  assertEquals(await find(VARIABLES), {
    endpoint: "https://s3.eu-west-1.amazonaws.com",
    region: "eu-west-1",
    pathStyle: false,
    accessKey: "AKIAENV",
    secretKey: "env-secret",
    sessionToken: undefined,
  });
  assertEquals((await find()).accessKey, "AKIADEFAULT");
  assertEquals((await find({ AWS_SHARED_CREDENTIALS_FILE: "/etc/keys" })).secretKey, "etc-secret");
  const token = await find({ ...VARIABLES, AWS_SESSION_TOKEN: "token" });
  assertEquals(token.sessionToken, "token");
});

Deno.test("findS3Settings() takes a profile's keys, region, endpoint and style", async () => {
  assertEquals(await find({ AWS_PROFILE: "fleet" }), {
    endpoint: "https://s3.example.net",
    region: "eu-north-1",
    pathStyle: false,
    accessKey: "AKIAFLEET",
    secretKey: "fleet-secret",
    sessionToken: "fleet-token",
  });
  const here = await find({ AWS_PROFILE: "here" });
  assertEquals([here.endpoint, here.pathStyle], ["http://127.0.0.1:9000", true]);
});

Deno.test("findS3Settings() puts a bucket with dots into the path, unless told otherwise", async () => {
  const styles: (boolean | undefined)[] = [];
  for (const pathStyle of [undefined, false, true]) {
    styles.push((await find(VARIABLES, { pathStyle }, "fleet.example.org")).pathStyle);
  }
  assertEquals(styles, [true, false, true]);
  // As its configuration says.
  const virtual = await find({ AWS_PROFILE: "fleet" }, {}, "fleet.example.org");
  assertEquals(virtual.pathStyle, false);
});

Deno.test("findS3Settings() prefers options to variables to the profile", async () => {
  const all = { ...VARIABLES, AWS_PROFILE: "fleet", AWS_REGION: "us-west-1" };
  assertEquals((await find(all)).accessKey, "AKIAENV");
  assertEquals((await find(all)).region, "us-west-1");
  assertEquals((await find(all, { profile: "fleet" })).accessKey, "AKIAFLEET");
  assertEquals((await find(all, { region: "ap-east-1" })).region, "ap-east-1");
  const endpoints = { ...all, AWS_ENDPOINT_URL: "http://a", AWS_ENDPOINT_URL_S3: "http://b" };
  assertEquals((await find(endpoints)).endpoint, "http://b");
  assertEquals((await find({ ...all, AWS_ENDPOINT_URL: "http://a" })).endpoint, "http://a");
  const named = await find(endpoints, { endpoint: "https://c:9/x/", pathStyle: false });
  assertEquals([named.endpoint, named.pathStyle], ["https://c:9/x", false]);
  assertEquals((await find({ ...VARIABLES, AWS_DEFAULT_REGION: "sa-east-1" })).region, "sa-east-1");
});

const REFUSED: [string, string, Record<string, string>, S3Options?][] = [
  ["no keys at all", "there are no S3 credentials", { HOME: "/nowhere" }],
  ["no home", "there are no S3 credentials", { HOME: "" }],
  ["half a key", "the secret access key is missing", { AWS_ACCESS_KEY_ID: "AKIAENV" }],
  ["the other half", "the access key's id is missing", { AWS_SECRET_ACCESS_KEY: "MARKED" }],
  ["half a key in a profile", "the secret access key is missing", { AWS_PROFILE: "half" }],
  ["a profile that is not there", "there is no profile flet", { AWS_PROFILE: "flet" }],
  ["a profile that needs a login", "the profile uses sso_session", { AWS_PROFILE: "login" }],
  ["a profile that needs a role", "the profile uses role_arn", {}, { profile: "role" }],
  ["a temporary key without its token", "there is no session token", {
    AWS_ACCESS_KEY_ID: "ASIAENV",
    AWS_SECRET_ACCESS_KEY: "MARKED",
  }],
  ["an endpoint that is no URL", "the endpoint is no plain http:// or https:// URL", VARIABLES, {
    endpoint: "x:9",
  }],
  ["an endpoint with a password", "the endpoint is no plain http:// or", VARIABLES, {
    endpoint: "http://user:MARKED@x",
  }],
  ["an endpoint with a tab in it", "the endpoint is no plain http:// or", VARIABLES, {
    endpoint: "http://\t27.0.0.1:9000",
  }],
];

for (const [name, says, variables, options] of REFUSED) {
  Deno.test(`findS3Settings() refuses ${name}`, async () => {
    const error = await assertRejects(() => find(variables, options), UserError, says);
    const shown = `${error.message} ${error.hint}`;
    assertEquals(/MARKED|secret"/.test(shown), false);
    assertEquals(error.message.startsWith("Cannot publish: "), true);
  });
}

Deno.test("findS3Settings() refuses a file that is no text", async () => {
  const host = new FakeHost({ "/k": new Uint8Array([0x5b, 0xff, 0x5d]) });
  host.variables.set("AWS_SHARED_CREDENTIALS_FILE", "/k");
  await assertRejects(
    () => findS3Settings(host, {}, "fleet-site"),
    UserError,
    "Cannot read /k: it is no text in UTF-8",
  );
});

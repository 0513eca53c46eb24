/**
 * What we make of AWS files and variables, compared with what botocore made of them (tests/vectors/aws_files.json). Where we
 * differ on purpose, the case says how and why; docs/publishing.md tells people.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { findS3Settings, type S3Settings } from "../../../lib/publish/s3_settings.ts";
import { type AwsFileCase, readAwsFileCases } from "../../support/aws_file_cases.ts";
import { FakeHost } from "../../support/fake_host.ts";

const HOME = "/home/ann";
const { cases } = await readAwsFileCases();

function find({ files, env, profile }: AwsFileCase): Promise<S3Settings> {
  const host = new FakeHost();
  for (const [path, content] of Object.entries(files)) host.put(`${HOME}/${path}`, content);
  for (const [name, value] of Object.entries({ HOME, ...env })) {
    host.variables.set(name, name === "HOME" ? value : value.replaceAll("HOME", HOME));
  }
  return findS3Settings(host, { profile }, "fleet-site");
}

for (const one of cases) {
  const { name, answer, ours = {}, why } = one;
  Deno.test(`findS3Settings() and botocore: ${name}${why ? ` (differs: ${why})` : ""}`, async () => {
    const expected = { ...answer, ...ours };
    // Neither goes on with no keys, nor with those that botocore gets from elsewhere.
    const none = ours.accessKey === undefined && answer.accessKey === undefined;
    if (none || ours.error) {
      const error = await assertRejects(() => find(one), UserError);
      assert(
        !/secret|token\b.*=/.test(
          `${error.message}${error.hint}`.replaceAll(/secret access key|AWS_\w+|aws_\w+/gi, ""),
        ),
      );
      return;
    }
    const found = await find(one);
    const { region, pathStyle, accessKey, secretKey } = expected;
    assertEquals(
      { ...found, sessionToken: found.sessionToken ?? null },
      {
        region: region ?? "us-east-1",
        endpoint: expected.endpoint ?? defaultEndpoint(region ?? "us-east-1"),
        pathStyle: pathStyle ?? false,
        accessKey: accessKey!,
        secretKey: secretKey!,
        sessionToken: expected.sessionToken ?? null,
      },
    );
  });
}

function defaultEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

Deno.test("what is said to differ from botocore does", () => {
  for (const { name, answer, ours, why } of cases) {
    assertEquals(ours === undefined, why === undefined, name);
    if (!ours) continue;
    const differs = ours.error
      ? answer.error === undefined
      : Object.entries(ours).some(([key, value]) => answer[key as keyof typeof answer] !== value);
    assert(differs, name);
  }
});

Deno.test("docs/publishing.md tells in what we differ from botocore, and how many cases there are", async () => {
  const page = (await Deno.readTextFile("docs/publishing.md")).replaceAll(/\s+/g, " ");
  for (const why of new Set(cases.map(({ why = "" }) => why))) assert(page.includes(why), why);
  assert(page.includes(`${cases.length} cases`), `${cases.length} cases`);
});

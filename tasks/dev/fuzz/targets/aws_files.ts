/**
 * Target: the files that Amazon's tools share, and what is made of them.
 *
 * @module
 */
import type { Host } from "../../../../lib/host.ts";
import { AwsFileError, parseAwsFile, wordsOf } from "../../../../lib/publish/aws_ini.ts";
import { readProfile } from "../../../../lib/publish/aws_profiles.ts";
import { findS3Settings } from "../../../../lib/publish/s3_settings.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Input, partOf, type Subject, textOf, WrongAnswer } from "../target.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const BUCKET = "bucket";
const CREDENTIALS = `# Keys
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = ${SECRET}

[other]
aws_access_key_id = ASIAIOSFODNN7EXAMPLE
aws_secret_access_key = ${SECRET}
aws_session_token = FwoGZXIvYXdzEJr
`;
const CONFIG = `[default]
region = eu-central-1
services = mine
s3 =
  addressing_style = path
  max_concurrent_requests = 20

[profile other]
region=us-west-2
endpoint_url = https://s3.example.org

[profile "a b"]
region=us-west-2

[services mine]
s3 =
  endpoint_url = http://127.0.0.1:9000
`;
const FILES: Readonly<Record<string, string>> = {
  "/home/.aws/credentials": "credentials",
  "/home/.aws/config": "config",
};

/** A host with the two files and no more. */
function hostOf(input: Input, profile?: string): Host {
  const host: Partial<Host> = {
    env: (name) => name === "HOME" ? "/home" : name === "AWS_PROFILE" ? profile : undefined,
    stat: (path) => {
      const size = partOf(input, FILES[path]).length;
      const info = { kind: "file", size, mode: 0o600, uid: 0, gid: 0, mtime: 0 } as const;
      return Promise.resolve(input.has(FILES[path]!) ? info : undefined);
    },
    readTextFile: (path) => Promise.resolve(textOf(input, FILES[path])),
    readFile: (path) => Promise.resolve(partOf(input, FILES[path])),
  };
  return host as Host;
}

/** Files and how they are changed. */
export function subject(): Subject {
  const texts = { credentials: CREDENTIALS, config: CONFIG };
  return subjectOf({
    samples: [{
      parts: Object.fromEntries(
        Object.entries(texts).map(([name, text]) => [name, textPieces(text)]),
      ),
    }],
    refuses: (error) => error instanceof AwsFileError,
    read: async (input) => {
      try {
        return await readAll(input);
      } catch (error) {
        // What an error says may be seen by others.
        const isTold = error instanceof Error && error.message.includes(SECRET);
        throw isTold ? new WrongAnswer(`a message holds a secret: ${error.message}`) : error;
      }
    },
  });
}

async function readAll(input: Input): Promise<unknown> {
  for (const name of parseAwsFile(textOf(input, "config")).names) wordsOf(name);
  const { endpoint, region } = await findS3Settings(hostOf(input), {}, BUCKET);
  if (!/^https?:\/\/[^\s@]+$/.test(endpoint) || !/^[A-Za-z0-9-]+$/.test(region)) {
    throw new WrongAnswer(`it takes for an endpoint and a region: ${endpoint}, ${region}`);
  }
  await readProfile(hostOf(input), "a b");
  return await findS3Settings(hostOf(input, "other"), {}, BUCKET);
}
